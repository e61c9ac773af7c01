"""The plan, and what of it is left, for any state that a store can be in."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.grid import Span
from operators.keys import narrator_key, video_key
from operators.store.store import Failed, Store, narration_failure_key
from pipeline.config import Config, PlanOptions, video_operators
from pipeline.planning import Plan, make_plan, segment_table
from pipeline.selection import Selection
from tests.support import rows

CONFIG = replace(Config(), plan=PlanOptions(segment_s=20.0))
STATES = ["missing", "done", "final", "transient once", "transient twice"]
NARRATOR = narrator_key(video_operators(CONFIG))


class Known:
    """What a store would say is done."""

    def __init__(self) -> None:
        self.done: dict[str, set[int]] = {}
        self.failures: dict[tuple[str, int | None], Failed] = {}
        self.told: dict[str, str] = {}

    def done_segments(self) -> dict[str, set[int]]:
        return self.done

    def failed(self) -> dict[tuple[str, int | None], Failed]:
        return self.failures

    def done_videos(self) -> dict[str, str]:
        return self.told


def plan_of(*videos: dict[str, Any], selection: Selection | None = None) -> Plan:
    return make_plan(CONFIG, list(videos), selection or Selection(), {})


def left(plan: Plan, known: Known) -> Any:
    return plan.remaining(cast(Store, known))


def failed(failure_class: str, passes: int) -> Failed:
    return Failed(stage="decode", failure_class=failure_class, message="why", attempts=2 * passes, passes=passes)


def test_an_empty_store_leaves_everything_to_do() -> None:
    plan = plan_of(rows.video("a", duration_s=47.0), rows.video("b", failure=rows.failure("undecodable", "no picture")))
    assert (plan.segments, plan.windows, plan.frames, plan.seconds) == (2, 9, 47, 47.0)
    found = left(plan, Known())
    assert [(r["start_s"], r["end_s"]) for r in found.segments] == [(0.0, 20.0), (20.0, 47.0)]
    assert [(r["decode_start_s"], r["decode_end_s"]) for r in found.segments] == [(0.0, 25.0), (15.0, 47.0)]
    assert segment_table(found.segments).num_rows == 2
    assert found.given_up == {"b": "no picture"} and not found.whole and not found.nothing


def test_a_key_holds_the_source_the_cut_and_the_operators() -> None:
    (video,) = plan_of(rows.video("a")).videos
    other_version = plan_of(rows.video("a", source_version="2")).videos[0]
    longer = make_plan(replace(CONFIG, plan=PlanOptions(segment_s=40.0)), [rows.video("a")], Selection(), {}).videos[0]
    finer = replace(CONFIG, decode=replace(CONFIG.decode, fps=2.0))
    other_decode = make_plan(finer, [rows.video("a")], Selection(), {}).videos[0]
    assert len({video.key, other_version.key, longer.key, other_decode.key}) == 4
    assert plan_of(rows.video("a", run_id="another")).videos[0].key == video.key


def test_hours_take_no_further_video_once_they_are_full() -> None:
    videos = [rows.video(name, duration_s=3000.0) for name in "abcd"]
    taken = plan_of(*videos, selection=Selection(max_hours=1.0)).videos
    assert [v.video_id for v in taken] == ["a", "b"]


@given(
    states=st.lists(
        st.sampled_from(["missing", "done", "final", "transient once", "transient twice"]), min_size=1, max_size=6
    ),
    narrated=st.sampled_from(["no", "as it is", "before more was captioned", "by another narrator"]),
    narration=st.sampled_from(["never failed", "failed once", "failed twice", "failed for good"]),
)
def test_left_is_what_is_neither_done_nor_given_up(states: list[str], narrated: str, narration: str) -> None:
    plan = plan_of(rows.video("a", duration_s=20.0 * len(states)))
    (video,) = plan.videos
    known = Known()
    done = {i for i, s in enumerate(states) if s == "done"}
    known.done[video.key] = done
    kinds = {"final": ("undecodable", 1), "transient once": ("timeout", 1), "transient twice": ("timeout", 2)}
    known.failures = {(video.key, i): failed(*kinds[s]) for i, s in enumerate(states) if s in kinds}
    told = {
        "as it is": video_key(video.key, done, NARRATOR),
        "before more was captioned": video_key(video.key, done - {min(done, default=0)}, NARRATOR) if done else "other",
        "by another narrator": video_key(video.key, done, "another"),
    }
    if narrated in told:
        known.told["a"] = told[narrated]
    tries = {"failed once": ("engine", 1), "failed twice": ("engine", 2), "failed for good": ("gate", 1)}
    if narration in tries:
        known.failures[narration_failure_key(video.key, NARRATOR), None] = failed(*tries[narration])

    found = left(plan, known)
    todo = [i for i, s in enumerate(states) if s in ("missing", "transient once")]
    assert [r["segment_index"] for r in found.segments] == todo
    assert [r["passes"] for r in found.segments] == [1 if states[i] == "transient once" else 0 for i in todo]
    assert found.captioned == len(done)
    up_to_date = narrated == "as it is"
    tellable = bool(not todo and done and not up_to_date and narration in ("never failed", "failed once"))
    assert [v.video_id for v in found.whole] == (["a"] if tellable else [])
    assert found.nothing == (not todo and not tellable)
    settled = not todo and not tellable and not up_to_date
    assert set(found.given_up) == ({"a"} if settled else set())


def test_segments_of_a_video_tile_it_and_carry_what_decoding_needs() -> None:
    (video,) = plan_of(rows.video("a", duration_s=123.4, first_pts_s=5.0)).videos
    found = list(video.segments(range(video.segment_count), 1))
    spans = [Span(r["start_s"], r["end_s"]) for r in found]
    assert spans[0].start_s == 0.0 and spans[-1].end_s == 123.4
    assert all(a.end_s == b.start_s for a, b in pairwise(spans))
    assert {r["first_pts_s"] for r in found} == {5.0} and {r["segment_count"] for r in found} == {len(found)}
    with pytest.raises(IndexError):
        list(video.segments([99], 1))
