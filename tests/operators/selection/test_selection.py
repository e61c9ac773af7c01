"""Which frames a model is shown: key frames, tiles, four policies, a search under a budget."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from longcap.testing import check_operator
from operators.core.base import ItemError, Row
from operators.embedding.vectors import packed, unit
from operators.engines.base import Request
from operators.selection.choose import POLICIES, ChooseFrames, choose
from operators.selection.find import FindFrames, Times, _cells
from operators.selection.keyframes import Keyframes
from operators.selection.mosaic import Mosaic
from operators.selection.question import Question
from tests.support import video
from tests.support.engines import Scripted, asked


def jpeg(shade: int, plain: bool = True) -> bytes:
    pixels = np.full((48, 64, 3), shade, np.uint8)
    if not plain:
        pixels[:24] = 255 - shade
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def frames(angles: list[float], *, step_s: float = 2.0, plain: int = 0) -> Row:
    """Frames with vectors at these angles, of which the first `plain` are of one colour."""
    made = packed(unit(np.array([[np.cos(a), np.sin(a)] for a in angles])))
    times = [k * step_s for k in range(len(angles))]
    images = [
        {"time_s": t, "pts_s": t + 5, "until_s": None, "jpeg": jpeg((40 + 9 * k) % 250, k < plain)}
        for k, t in enumerate(times)
    ]
    vectors = [
        {"start_s": t, "end_s": t + step_s, "pts_s": t + 5, "vector": v} for t, v in zip(times, made, strict=True)
    ]
    return {"images": images, "frame_vectors": vectors, "start_s": 0.0, "end_s": len(angles) * step_s}


def test_a_frame_is_kept_where_it_differs_from_the_last_kept_one() -> None:
    # 0.93 is the cosine of 0.376: small steps add up to it
    (made,) = check_operator(Keyframes(), [frames([0, 0.2, 0.4, 0.4, 2.0, 2.0])], other={"similarity": 0.5})
    keys = made["keyframes"]
    assert [k["at_s"] for k in keys] == [0.0, 4.0, 8.0] and [k["pts_s"] for k in keys] == [5.0, 9.0, 13.0]
    assert [(k["start_s"], k["end_s"]) for k in keys] == [(0.0, 4.0), (0.0, 8.0), (4.0, 12.0)]
    assert keys[0]["similarity"] is None and keys[1]["similarity"] == pytest.approx(np.cos(0.4), abs=1e-3)
    assert [(p["time_s"], p["until_s"]) for p in made["images"]] == [(0.0, 4.0), (4.0, 8.0), (8.0, 12.0)]


def test_an_opening_of_one_colour_is_skipped_unless_there_is_nothing_else() -> None:
    (made,) = check_operator(Keyframes(), [frames([0, 0, 2.0, 2.0], plain=2)])
    assert [k["at_s"] for k in made["keyframes"]] == [4.0]
    (made,) = check_operator(Keyframes(), [frames([0, 0, 0], plain=3)])
    assert len(made["keyframes"]) == 1
    (made,) = check_operator(Keyframes(skip_plain=False), [frames([0, 0, 2.0], plain=2)])
    assert [k["at_s"] for k in made["keyframes"]] == [0.0, 4.0]


def test_a_clip_becomes_one_frame_of_six_frames() -> None:
    row = {
        **frames([0.0] * 20, step_s=1.0),
        "clips": [{"start_s": 0.0, "end_s": 12.0}, {"start_s": 12.0, "end_s": 15.0}],
    }
    row["clips"].append({"start_s": 30.0, "end_s": 40.0})
    (made,) = check_operator(Mosaic(), [row], other={"tiles": 4})
    assert [(p["time_s"], p["until_s"]) for p in made["images"]] == [(0.0, 12.0), (12.0, 15.0)]
    six, three = (np.asarray(Image.open(io.BytesIO(p["jpeg"])).convert("L"), int) for p in made["images"])
    assert six.shape == (48 * 2 + 4, 64 * 3 + 8) and three.shape == (48, 64 * 3 + 8)
    shades = [six[40 + 52 * r, 10 + 68 * c] for r in range(2) for c in range(3)]
    assert [round((s - 40) / 9) for s in shades] == [1, 3, 5, 7, 9, 11]  # evenly spaced, in order


@pytest.mark.parametrize("policy", POLICIES)
@given(count=st.integers(1, 120), budget=st.integers(3, 40), seed=st.integers(0, 9))
def test_every_policy_keeps_the_budget_and_the_order(policy: str, count: int, budget: int, seed: int) -> None:
    vectors = unit(np.random.default_rng(seed).normal(size=(count, 8)))
    chosen = [k for k, _ in choose(vectors, policy, budget)]
    assert chosen == sorted(set(chosen)) and 1 <= len(chosen) <= budget and all(0 <= k < count for k in chosen)
    if policy == "motion" and budget >= count:
        assert chosen == list(range(count))


def test_policies_take_what_they_are_for() -> None:
    row = frames([0.0] * 40 + [1.0] * 20 + [2.0] * 40, step_s=0.5)
    said = {"policy": json.dumps({"policy": "semantic"})}
    with ChooseFrames(budget=3).open() as apply:
        made = apply({**row, **said})
        assert [f["start_s"] for f in made["chosen_frames"]] == [0.0, 20.0, 30.0]  # where what is seen changes
        assert made["chosen_policy"] == "semantic"
        assert [f["why"] for f in apply({**row, "policy": "neither"})["chosen_frames"]] == ["begin", "middle", "end"]
        even = apply({**row, "policy": "motion"})["chosen_frames"]
        assert [f["start_s"] for f in even] == [8.0, 25.0, 41.5]
        assert apply({**row, "policy": "nonsense"})["chosen_policy"] == "both"
    with ChooseFrames().open() as apply, pytest.raises(ItemError, match="none of its frames"):
        apply({"frame_vectors": []})


def searched(duration_s: float, shows: Any, calls: int, cells: int = 16) -> tuple[list[Row], int]:
    times = Times(duration_s, 1.0)
    spent = 0
    looked: set[float] = set()
    while spent < calls and (chosen := times.next(cells)):
        assert len(chosen) <= cells and not looked & set(chosen), "no frame is looked at twice"
        looked |= set(chosen)
        times.note(chosen, {t: shows(t) for t in chosen})
        spent += 1
    return times.spans(), spent


@given(st.integers(0, 3420), st.integers(160, 400))
def test_what_is_visible_long_enough_is_found_within_the_budget(start: int, length: int) -> None:
    spans, spent = searched(3600.0, lambda t: "yes" if start <= t < start + length else "no", calls=24)
    assert spent <= 24 and any(start <= s["start_s"] < start + length for s in spans)


def test_a_hint_leads_to_five_frames_of_an_hour() -> None:
    def shows(t: float) -> str:
        return "yes" if 2222 <= t < 2227 else "maybe" if 2100 <= t < 2350 else "no"

    spans, spent = searched(3600.0, shows, calls=24)
    (found,) = spans
    assert spent <= 24 and found["start_s"] >= 2222 and found["end_s"] <= 2227
    assert set(found["frames"]) <= {2222.0, 2223.0, 2224.0, 2225.0, 2226.0}


def test_edges_of_what_is_found_are_exact_where_the_budget_allows() -> None:
    spans, _ = searched(600.0, lambda t: "yes" if 100 <= t < 130 else "no", calls=40)
    assert [(s["start_s"], s["end_s"]) for s in spans] == [(100.0, 130.0)]
    assert searched(3.0, lambda t: "no", calls=9) == ([], 1)


def test_a_search_decodes_what_it_shows_and_stops_at_its_budget(tmp_path: Path) -> None:
    video.render(tmp_path / "long.mp4", count=400, fps=10.0)
    row = {
        "video_id": "v",
        "uri": str(tmp_path / "long.mp4"),
        "source_version": None,
        "duration_s": 40.0,
        "first_pts_s": 0.0,
        "parts": None,
        "question": "a bar code",
    }
    rule = [
        {"do": "say", "text": '{"yes": [2, 3], "maybe": []}', "start_s": 5.0},
        {"do": "say", "text": '{"yes": [], "maybe": []}'},
    ]
    spec = FindFrames(engine=Scripted(script=json.dumps(rule), log="find"), calls=3, cells=4, short_side_px=64)
    with spec.open() as apply:
        made = apply(row)
    requests: list[Request] = asked("find")
    assert made["search_calls"] == len(requests) == 3 and all(len(r.images) == 1 for r in requests)
    assert "a bar code" in requests[0].prompt and "5.0, 15.0, 25.0, 35.0" in requests[0].prompt
    assert [s["start_s"] for s in made["found_spans"]] == [15.0, 25.0]  # what lies between does not show it
    # the image of the first request is the frames of those seconds
    grid = np.asarray(Image.open(io.BytesIO(requests[0].images[0].jpeg)).convert("L"))
    width = (grid.shape[1] - 12) // 4
    cells = [grid[:, k * (width + 4) : k * (width + 4) + width] for k in range(4)]
    assert [video.read_index(cell) for cell in cells] == [50, 150, 250, 350]
    # an engine that fails has not said no
    spec = FindFrames(engine=Scripted(script='[{"do": "engine"}]'), calls=3, cells=4, short_side_px=64)
    with (
        spec.open() as apply,
        pytest.raises(ItemError, match=r"frames from 5 s to 35 s could not be searched: the script says so"),
    ):
        apply(row)


def test_cells_that_the_grid_does_not_have_are_no_answer() -> None:
    assert _cells('{"yes": "1 and 4", "maybe": []}', 4).yes == [1, 4]
    for wrong in ('{"yes": [17, 18], "maybe": []}', '{"yes": [], "maybe": [0]}', '{"yes": ["1-4"], "maybe": []}'):
        with pytest.raises(ValueError):
            _cells(wrong, 16)


@pytest.mark.parametrize(("duration_s", "starts"), [(0.5, [0.0]), (10.7, [float(k) for k in range(10)])])
def test_what_is_found_ends_with_the_video(duration_s: float, starts: list[float]) -> None:
    ((found,), _) = searched(duration_s, lambda t: "yes", calls=24)
    assert found["frames"] == starts and found["end_s"] == duration_s


def test_a_search_without_any_answer_fails_and_frames_without_one_are_counted(tmp_path: Path) -> None:
    video.render(tmp_path / "long.mp4", count=80, fps=10.0)
    row = {"video_id": "v", "uri": str(tmp_path / "long.mp4"), "source_version": None, "first_pts_s": 0.0}
    row |= {"duration_s": 8.0, "parts": None, "question": "a bar code"}
    options: dict[str, Any] = {"calls": 2, "cells": 4, "short_side_px": 64, "tries": 1}

    def made(*rules: Row, **more: Any) -> Row:
        with FindFrames(engine=Scripted(script=json.dumps(rules)), **options).open() as apply:
            return apply({**row, **more})

    nothing = {"do": "say", "text": "I see nothing."}
    yes = {"do": "say", "text": '{"yes": [1], "maybe": []}', "start_s": 1.0}
    with pytest.raises(ItemError, match="gate: no frame could be searched: the answer does not parse"):
        made(nothing)
    with pytest.raises(ItemError, match="undecodable: no frame could be searched"):
        made(nothing, duration_s=900.0, first_pts_s=-800.0)
    found = made(yes, nothing)
    assert (found["search_calls"], found["search_unanswered"], len(found["found_spans"])) == (2, 4, 1)


def test_the_question_is_the_videos_own_or_the_texts() -> None:
    rows = [{"metadata": json.dumps({"question": "Who sings?"})}, {"metadata": None}]
    made = check_operator(Question(text="What happens?"), rows, other={"text": "Why?"})
    assert [m["question"] for m in made] == ["Who sings?", "What happens?"]
    with Question().open() as apply, pytest.raises(ItemError, match="no question"):
        apply({"metadata": "{}"})
