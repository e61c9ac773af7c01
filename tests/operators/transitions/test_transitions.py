"""Koala-36M's transition score and its decisions, on rendered cuts, a fade and a pan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcap.testing import check_operator
from operators.core.base import Row
from operators.transitions.score import TransitionScore
from operators.transitions.transitions import Transitions

SIZE = (36, 64)
FPS = 24.0


def texture(seed: int) -> Any:
    """Blocks of grey, wider than a thumbnail."""
    blocks = np.random.default_rng(seed).integers(20, 235, (6, 30)).astype(np.uint8)
    return np.kron(blocks, np.ones((6, 8), np.uint8))


def signals(frames: list[Any]) -> Row:
    times_s = [k / FPS for k in range(len(frames))]
    luma = np.stack(frames).astype(np.uint8)
    return {"times_s": times_s, "height_px": SIZE[0], "width_px": SIZE[1], "luma": luma.tobytes(), "jumps": []}


def shot(seed: int, count: int) -> list[Any]:
    return [texture(seed)[: SIZE[0], : SIZE[1]]] * count


def pan(seed: int, count: int) -> list[Any]:
    return [texture(seed)[: SIZE[0], k : k + SIZE[1]] for k in range(count)]


def fade(a: int, b: int, count: int) -> list[Any]:
    first, second = (texture(s)[: SIZE[0], : SIZE[1]].astype(float) for s in (a, b))
    return [(first * (1 - k / count) + second * k / count) for k in range(count)]


def found(frames: list[Any], start_s: float = 0.0, **options: Any) -> Row:
    row = {"signals": signals(frames), "start_s": start_s, "end_s": len(frames) / FPS}
    (scored,) = check_operator(TransitionScore(), [row])
    (made,) = check_operator(Transitions(**options), [{**row, **scored}])
    return made


def test_a_hard_cut_is_placed_to_the_frame_and_parts_two_clips() -> None:
    made = found(shot(1, 60) + shot(2, 60))
    (cut,) = made["transitions"]
    assert (cut["kind"], cut["end_s"]) == ("cut", 60 / FPS) and cut["score"] < 0
    spans = [(c["start_s"] * FPS, c["end_s"] * FPS) for c in made["clips"]]
    # four thumbnails less at the cut, none at the segment's edges
    assert spans[0][0] == 0 and spans[1][1] == 120
    assert 60 - 8 <= spans[0][1] <= 60 - 4 and 60 + 4 <= spans[1][0] <= 60 + 8


def test_a_fast_fade_is_one_transition_and_a_pan_and_a_still_are_none() -> None:
    made = found(shot(1, 60) + fade(1, 2, 12) + shot(2, 60))
    assert len(made["transitions"]) == 1 and len(made["clips"]) == 2
    assert 2.0 <= made["transitions"][0]["start_s"] <= 3.0
    for calm in (pan(3, 100), shot(1, 100)):
        made = found(calm)
        assert made["transitions"] == [] and made["clips"] == [{"start_s": 0.0, "end_s": 100 / FPS}]


def test_thresholds_decide_from_stored_scores() -> None:
    frames = shot(1, 40) + shot(2, 40)
    assert found(frames, threshold=-100.0, gradual=-100.0)["transitions"] == []
    assert found(frames, least_thumbnails=60)["clips"] == []
    trimmed = found(frames, trim_thumbnails=0)["clips"]
    assert sum(c["end_s"] - c["start_s"] for c in trimmed) > sum(
        c["end_s"] - c["start_s"] for c in found(frames)["clips"]
    )


def test_what_comes_before_a_segment_is_known_and_not_reported() -> None:
    made = found(shot(1, 50) + shot(2, 10) + shot(3, 60), start_s=55 / FPS)
    assert [round(t["end_s"] * FPS) for t in made["transitions"]] == [60]
    assert made["clips"][-1]["end_s"] == 120 / FPS and made["clips"][0]["start_s"] >= 55 / FPS


def test_a_segment_without_signals_has_neither() -> None:
    (scored,) = check_operator(TransitionScore(), [{"signals": None, "start_s": 0.0, "end_s": 5.0}])
    assert scored == {"transition_scores": []}
    (made,) = check_operator(Transitions(), [{"transition_scores": [], "start_s": 0.0, "end_s": 5.0}])
    assert made == {"transitions": [], "clips": []}


@given(st.lists(st.floats(-6, 3), min_size=1, max_size=80), st.integers(0, 5), st.integers(1, 12))
def test_clips_lie_in_the_segment_in_order_without_overlap(scores: list[float], trim: int, least: int) -> None:
    op = replace(Transitions(), edges_weight=0.0, histogram_weight=1.0, bias=0.0)
    op = replace(op, trim_thumbnails=trim, least_thumbnails=least)
    pairs = [{"start_s": k, "end_s": k + 1.0, "histogram": s, "edges": 0.0} for k, s in enumerate(scores)]
    row = {"transition_scores": pairs, "start_s": 0.0, "end_s": float(len(scores) + 1)}
    with op.open() as apply:
        made = apply(row)
    edges = [t for c in made["clips"] for t in (c["start_s"], c["end_s"])]
    assert edges == sorted(edges) and all(0 <= t <= row["end_s"] for t in edges)
    for change in made["transitions"]:
        assert not any(c["start_s"] < change["end_s"] - 1e-9 < c["end_s"] - trim for c in made["clips"])


def test_scores_are_those_of_the_formula() -> None:
    pairs = [{"start_s": 0.0, "end_s": 1.0, "histogram": 1.0, "edges": 1.0}]
    assert Transitions().scores(pairs) == pytest.approx([4.6148 + 3.7521 - 5.4860])
