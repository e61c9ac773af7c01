"""Scenes by depth scores, and matching scores, from scripted vectors."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcap.testing import check_operator
from operators.core.base import ItemError
from operators.embedding.match import Match
from operators.embedding.tile import Tile
from operators.embedding.tiling import depth_scores
from operators.embedding.vectors import packed, unit


def frames(vectors: Any) -> list[dict[str, Any]]:
    values = packed(unit(np.asarray(vectors, np.float32)))
    return [
        {"start_s": float(k), "end_s": k + 1.0, "pts_s": float(k), "vector": value} for k, value in enumerate(values)
    ]


def three_scenes(noise: float = 0.05) -> Any:
    """Thirty frames: three directions, ten seconds each, with noise."""
    rng = np.random.default_rng(1)
    return np.repeat(np.eye(3, 16), 10, axis=0) + rng.normal(0, noise, (30, 16))


def test_scenes_part_where_the_frames_do() -> None:
    row = {"frame_vectors": frames(three_scenes()), "duration_s": 30.0}
    other = {"threshold": 1.0, "min_depth": 0.1, "min_scene_s": 3.0, "most": 2}
    (made,) = check_operator(Tile(min_depth=0.3), [row], other={**other, "min_depth": 0.2})
    assert [(s["start_s"], s["end_s"]) for s in made["scenes"]] == [(0, 10), (10, 20), (20, 30)]
    assert made["scenes"][0]["depth"] is None and all(s["depth"] > 0.8 for s in made["scenes"][1:])
    assert len(made["similarities"]) == 29
    (two,) = check_operator(Tile(most=2), [row])
    assert len(two["scenes"]) == 2


@given(st.integers(0, 2**32 - 1), st.integers(0, 80), st.integers(1, 15), st.floats(0, 6))
def test_scenes_tile_the_video_and_keep_their_bounds(seed: int, count: int, most: int, shortest: float) -> None:
    vectors = np.random.default_rng(seed).normal(size=(count, 8))
    row = {"frame_vectors": frames(vectors) if count else [], "duration_s": float(count) + 0.5}
    with Tile(most=most, min_scene_s=shortest).open() as apply:
        scenes = apply(row)["scenes"]
    assert 1 <= len(scenes) <= most
    assert scenes[0]["start_s"] == 0 and scenes[-1]["end_s"] == row["duration_s"]
    assert all(a["end_s"] == b["start_s"] for a, b in pairwise(scenes))
    assert len(scenes) == 1 or all(s["end_s"] - s["start_s"] >= shortest - 1e-9 for s in scenes)


def test_a_still_video_is_one_scene() -> None:
    with Tile().open() as apply:
        assert len(apply({"frame_vectors": frames([[1, 0]] * 20), "duration_s": 20.0})["scenes"]) == 1


def test_depth_counts_from_the_nearest_peaks() -> None:
    assert depth_scores(np.array([0.9, 0.5, 0.8, 1.0, 0.2])).tolist() == pytest.approx([0, 0.9, 0.2, 0, 0.8])
    assert (depth_scores(np.random.default_rng(0).random(200)) >= 0).all()


def texts(*spans: tuple[float, float, Any], unit_of: str = "window") -> list[dict[str, Any]]:
    values = packed(unit(np.asarray([v for _, _, v in spans], np.float32)))
    return [
        {"unit": unit_of, "index": k, "sentence": None, "start_s": a, "end_s": b, "vector": value}
        for k, ((a, b, _), value) in enumerate(zip(spans, values, strict=True))
    ]


def test_a_text_is_found_where_it_fits() -> None:
    directions = np.eye(3, 16)
    told = texts((0.0, 10.0, directions[0]), (5.0, 15.0, directions[1]), (0.0, 10.0, directions[2]))
    row = {"frame_vectors": frames(three_scenes(0.0)), "text_vectors": told, "duration_s": 30.0}
    (made,) = check_operator(Match(), [row], other={"search_s": 3.0, "step_s": 0.5})
    first, shifted, far = made["matches"]
    assert first["score"] == pytest.approx(1, abs=1e-3) and first["best_start_s"] == 0
    assert shifted["score"] == pytest.approx(2**-0.5, abs=1e-3) and shifted["best_start_s"] == 10
    assert shifted["best_score"] == pytest.approx(1, abs=1e-3)
    assert far["score"] == pytest.approx(0, abs=1e-3), "20 s away: beyond what is searched"
    assert made["match_score"] == pytest.approx((1 + 2**-0.5) / 3, abs=1e-3)


def test_vectors_of_two_models_are_an_error_of_the_item_and_none_are_null() -> None:
    told = texts((0, 1, np.eye(4)[0]))
    with Match().open() as apply:
        with pytest.raises(ItemError, match="frames have 16 dimensions and texts 4: embed both with one model"):
            apply({"frame_vectors": frames(three_scenes()), "text_vectors": told, "duration_s": 30})
        empty = apply({"frame_vectors": [], "text_vectors": told, "duration_s": 30})
        assert empty["match_score"] is None and empty["matches"][0]["score"] is None
