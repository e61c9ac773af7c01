"""The plan, and what of it is left, for any state that a store can be in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.analysis.filter import Bounds, Filter
from operators.core.fingerprint import chain
from operators.core.grid import Grid, Span, frame_times
from operators.core.keys import narrator_key, video_key
from operators.core.rows import FILTERED
from operators.store.store import Failed, Store, narration_failure_key
from operators.video.parts import Part, dump_parts, load_parts
from pipeline.config.tables import video_operators
from pipeline.config.types import Config, PlanOptions, RunOptions
from pipeline.planning.diff import compare
from pipeline.planning.plan import Plan, make_plan
from pipeline.planning.videos import Cut
from pipeline.sources.selection import Selection
from tests.support import rows
from tests.support.engines import Scripted

CONFIG = replace(Config(), plan=PlanOptions(segment_s=20.0))
STATES = ["missing", "done", "final", "transient once", "transient twice"]
NARRATOR = narrator_key(video_operators(CONFIG))


@pytest.mark.parametrize("length_s", [3.6e11, float("inf"), float("nan"), -1.0, 0.0])
def test_a_length_that_cannot_be_planned_is_that_videos_failure(length_s: float) -> None:
    plan = plan_of(rows.video("a"), rows.video("bomb", duration_s=length_s), rows.video("b"))
    assert plan.videos.ids == ["a", "b"] and plan.segments < 100
    (row,) = plan.unusable
    assert (row["video_id"], row["failure"]["class"]) == ("bomb", "undecodable") and "bomb.mp4: it" in row["failure"][
        "message"
    ]


def test_frames_are_counted_as_the_grid_has_them() -> None:
    plan = plan_of(*(rows.video(str(k), duration_s=7.3 * k) for k in range(1, 30)))
    fps = plan.config.decode.grid_fps
    assert plan.frames == sum(len(frame_times(Span(0.0, 7.3 * k), fps)) for k in range(1, 30))


class Known:
    """What a store would say is done."""

    def __init__(self) -> None:
        self.done: dict[str, set[int]] = {}
        self.failures: dict[tuple[str, int | None], Failed] = {}
        self.captions: dict[str, str] = {}
        self.measured: dict[str, dict[str, float]] = {}
        self.out: dict[str, tuple[str, int | None]] = {}  # key, and words of the caption that was left out

    def segment_keys(self) -> Iterator[pa.RecordBatch]:
        at = [(key, index) for key, indices in self.done.items() for index in indices]
        for start in range(0, len(at), 2):
            some = [{"key": key, "segment_index": index} for key, index in at[start : start + 2]]
            schema = pa.schema([("key", pa.string()), ("segment_index", pa.int32())])
            yield pa.RecordBatch.from_pylist(some, schema=schema)

    def failed(self) -> dict[tuple[str, int | None], Failed]:
        return self.failures

    def narrated(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        yield self._batch(
            [{"video_id": v, "key": key, **self.measured.get(v, {})} for v, key in self.captions.items()], columns
        )

    def left_out(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        found = [{"video_id": v, "key": k, "words": n, **self.measured.get(v, {})} for v, (k, n) in self.out.items()]
        yield self._batch(found, ["words", *columns])

    @staticmethod
    def _batch(found: list[dict[str, Any]], columns: Sequence[str]) -> pa.RecordBatch:
        names = dict.fromkeys(["video_id", "key", *columns])
        return pa.RecordBatch.from_pylist(found, schema=pa.schema([FILTERED.field(name) for name in names]))


def plan_of(*videos: dict[str, Any], selection: Selection | None = None, config: Config = CONFIG) -> Plan:
    return make_plan(config, list(videos), selection or Selection(), {})


def left(plan: Plan, known: Known) -> Any:
    return compare(plan, cast(Store, known))


def failed(failure_class: str, passes: int) -> Failed:
    return Failed(stage="decode", failure_class=failure_class, message="why", attempts=2 * passes, passes=passes)


def test_an_empty_store_leaves_everything_to_do() -> None:
    plan = plan_of(rows.video("a", duration_s=47.0), rows.video("b", failure=rows.failure("undecodable", "no frame")))
    assert (plan.segments, plan.windows, plan.frames, plan.seconds) == (2, 9, 47, 47.0)
    found = left(plan, Known())
    assert [(r["start_s"], r["end_s"]) for r in found.segments] == [(0.0, 20.0), (20.0, 47.0)]
    assert [(r["decode_start_s"], r["decode_end_s"]) for r in found.segments] == [(0.0, 25.0), (15.0, 47.0)]
    assert found.segments.table().num_rows == 2
    assert found.given_up == {"b": "no frame"} and not found.whole and not found.nothing


def test_a_key_holds_the_source_the_cut_and_the_operators() -> None:
    (video,) = plan_of(rows.video("a")).videos
    other_version = plan_of(rows.video("a", source_version="2")).videos[0]
    longer = make_plan(replace(CONFIG, plan=PlanOptions(segment_s=40.0)), [rows.video("a")], Selection(), {}).videos[0]
    finer = replace(CONFIG, decode=replace(CONFIG.decode, fps=2.0))
    other_decode = make_plan(finer, [rows.video("a")], Selection(), {}).videos[0]
    assert len({video.key, other_version.key, longer.key, other_decode.key}) == 4
    assert plan_of(rows.video("a", run_id="another")).videos[0].key == video.key


def test_films_among_clips_come_first_and_all_else_as_it_was_listed() -> None:
    clips = [rows.video(f"clip{k}", duration_s=60.0 + k % 7) for k in range(40)]
    listed = [*clips[:20], rows.video("film", duration_s=3600.0), *clips[20:], rows.video("epic", duration_s=7200.0)]
    ids = [row["video_id"] for row in clips]
    assert plan_of(*listed).videos.ids == ["epic", "film", *ids]
    assert plan_of(*clips).videos.ids == ids
    # what the hours take is what was listed first
    assert plan_of(*listed, selection=Selection(max_hours=0.3)).videos.ids == ids[:18]
    by_key = dict(zip(plan_of(*listed).videos.ids, plan_of(*listed).videos.keys, strict=True))
    assert by_key["clip3"] == plan_of(clips[3]).videos.keys[0]


def test_hours_take_no_further_video_once_they_are_full() -> None:
    videos = [rows.video(name, duration_s=3000.0) for name in "abcd"]
    taken = plan_of(*videos, selection=Selection(max_hours=1.0)).videos
    assert [v.video_id for v in taken] == ["a", "b"]


@settings(deadline=None)
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
        known.captions["a"] = told[narrated]
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
    found = list(left(plan_of(video.facts), Known()).segments)
    spans = [Span(r["start_s"], r["end_s"]) for r in found]
    assert spans[0].start_s == 0.0 and spans[-1].end_s == 123.4
    assert all(a.end_s == b.start_s for a, b in pairwise(spans))
    assert {r["first_pts_s"] for r in found} == {5.0} and {r["segment_count"] for r in found} == {len(found)}


def test_a_segment_carries_the_parts_that_it_needs_and_parts_are_part_of_the_key() -> None:
    parts = dump_parts([Part(10.0 * k, 10.0, 0.0, 9.9, 100 * k, 100 * k + 100) for k in range(20)])
    plain, cut = plan_of(rows.video("a", duration_s=200.0)), plan_of(rows.video("a", duration_s=200.0, parts=parts))
    assert plain.videos[0].key != cut.videos[0].key
    for row in left(cut, Known()).segments:
        carried = load_parts(row["parts"])
        assert carried[0].start_s <= row["decode_start_s"] and carried[-1].end_s >= row["decode_end_s"]
        assert len(carried) <= (row["decode_end_s"] - row["decode_start_s"]) / 10 + 4
    assert {row["parts"] for row in left(plain, Known()).segments} == {None}


def test_a_strict_run_gives_up_what_a_partial_one_tells_and_says_what_share_it_had() -> None:
    strict = replace(CONFIG, run=RunOptions(on_incomplete="fail"))
    for config in (CONFIG, strict):
        plan = plan_of(rows.video("a", duration_s=80.0), config=config)
        (video,) = plan.videos
        known = Known()
        known.done[video.key] = {0, 2, 3}
        known.failures[video.key, 1] = failed("crash", 1)
        found = left(plan, known)
        if config is CONFIG:
            assert [v.video_id for v in found.whole] == ["a"] and not found.given_up
        else:
            assert not found.whole and found.nothing
            assert found.given_up["a"].startswith("1 of 4 segments failed (coverage at most 0.75, run.on_incomplete")
        known.captions["a"] = video_key(video.key, {0, 2, 3}, NARRATOR)
        assert set(left(plan, known).given_up) == ({"a"} if config is strict else set())


CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({}, set()),
    "narrator": ({"narrate.section_s": 30.0}, {"narrate"}),
    "prompt of the narrator": ({"narrate.section_prompt": "video"}, {"narrate"}),
    "model of the narrator": ({"narrate.engine": "scripted"}, {"narrate"}),
    "prompt of windows": ({"caption.window_prompt": "frame"}, {"caption", "narrate"}),
    "prompt of frames": ({"caption.frame_prompt": "window"}, {"caption", "narrate"}),
    "model": ({"caption.engine": "scripted"}, {"caption", "narrate"}),
    "window": ({"caption.window_s": 8.0}, {"caption", "narrate"}),
    "stride": ({"caption.stride_s": 4.0, "measure.cell_s": 4.0}, {"caption", "narrate"}),
    "chain": ({"caption.chain": "none"}, {"caption", "narrate"}),
    "frames a second": ({"decode.fps": 2.0}, {"decode", "caption", "narrate"}),
    "length of segments": ({"plan.segment_s": 40.0}, {"decode", "caption", "narrate"}),
    "source file": ({"source_version": "2"}, {"decode", "caption", "narrate"}),
    "how many and how fast": ({"decode.no_progress_s": 5.0, "caption.concurrency": 2, "run.flush_s": 1.0}, set()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_runs_again_just_the_stages_that_depend_on_it(change: str) -> None:
    settings_, again = CHANGES[change]
    config, source = CONFIG, {}
    for name, value in settings_.items():
        if name == "source_version":
            source = {name: value}
            continue
        section, key = name.split(".")
        new = Scripted() if value == "scripted" else value
        config = replace(config, **{section: replace(getattr(config, section), **{key: new})})
    known, before = Known(), plan_of(rows.video("a", duration_s=80.0))
    (video,) = before.videos
    known.done[video.key] = set(range(video.segment_count))
    known.captions["a"] = video_key(video.key, known.done[video.key], NARRATOR)
    assert left(before, known).nothing

    plan = plan_of(rows.video("a", duration_s=80.0, **source), config=config)
    found = left(plan, known)
    done = set()
    if found.segments:
        assert len(found.segments) == plan.segments and found.captioned == 0
        done |= {"caption", "narrate"}
    elif found.whole:
        done |= {"narrate"}
    assert done == again - {"decode"}
    # decoding runs wherever captions are made; its own fingerprint says whether it is what changed
    decoded = [chain(p.videos[0].facts["source_version"], p.config.decode) for p in (before, plan)]
    assert (decoded[0] != decoded[1] or "segment_s" in str(settings_)) == ("decode" in again)


@settings(deadline=None)
@given(
    st.lists(st.floats(0.1, 5000.0), min_size=1, max_size=5),
    st.sampled_from([(10.0, 5.0, 20.0), (8.0, 5.0, 120.0), (10.0, 10.0, 30.0), (0.7, 0.1, 1.1)]),
    st.integers(0, 2),
)
def test_cutting_many_videos_at_once_is_cutting_each(
    lengths: list[float], grid: tuple[float, float, float], warm_up: int
) -> None:
    window_s, stride_s, segment_s = grid
    cut, durations_s = Cut(window_s=window_s, stride_s=stride_s, segment_s=segment_s), np.array(lengths)
    counts, windows = cut.counts(durations_s), cut.windows(durations_s)
    for k, length in enumerate(lengths):
        one = Grid(length, window_s, stride_s)
        spans = one.segments(segment_s)
        assert (counts[k], windows[k]) == (len(spans), one.window_count)
        index, same = np.arange(len(spans)), np.full(len(spans), length)
        start_s, end_s = cut.spans(index, np.full(len(spans), len(spans)), same)
        assert [Span(a, b) for a, b in zip(start_s.tolist(), end_s.tolist(), strict=True)] == spans
        decoded = cut.decode_spans(start_s, end_s, same, warm_up)
        expected = [one.decode_span(span, warm_up) for span in spans]
        assert [Span(a, b) for a, b in zip(*(d.tolist() for d in decoded), strict=True)] == expected


def test_rows_are_made_when_looked_at_and_equal_what_is_left() -> None:
    plan = plan_of(rows.video("a", duration_s=100.0), rows.video("b", duration_s=47.0), rows.video("c"))
    a, b, _ = plan.videos
    known = Known()
    known.done = {a.key: {0, 3}, b.key: {0, 1}, "of another plan": {0}, plan.videos[2].key: {99}}
    known.failures[a.key, 1] = failed("timeout", 1)
    segments = left(plan, known).segments
    assert [(r["video_id"], r["segment_index"]) for r in segments] == [
        *(("a", i) for i in (1, 2, 4)),
        *(("c", i) for i in range(5)),
    ]
    assert [(r["passes"], r["attempts"]) for r in segments][:2] == [(1, 2), (0, 0)]
    assert segments[0] == next(iter(segments)) and segments[-1]["segment_index"] == 4
    assert segments.seconds == 3 * 20.0 + 100.0 and segments.videos.ids == ["a", "c"]
    assert sum(segments.shares(3)) == len(segments) == 8 and segments.shares(1, 2) == [2]
    assert segments == left(plan, known).segments and segments != segments[:2]
    assert [r["segment_index"] for r in segments[1:3]] == [2, 4]


def test_the_filter_is_asked_anew_of_what_stands_and_nothing_is_made_again() -> None:
    wanted = replace(CONFIG, filter=Filter(motion=Bounds(min=0.1), shots=Bounds(max=1)))
    plan = plan_of(*(rows.video(v, duration_s=20.0) for v in "abcdef"), config=wanted)
    known = Known()
    known.done = {video.key: {0} for video in plan.videos}
    keys = {video.video_id: video_key(video.key, [0], NARRATOR) for video in plan.videos}
    known.captions = {v: keys[v] for v in "abc"}
    known.out = {"d": (keys["d"], None), "e": (keys["e"], 12), "f": (keys["f"], None)}
    known.measured = {
        "a": {"motion": 0.2, "shots": 1},
        "b": {"motion": 0.05, "shots": 3},
        "c": {"shots": 1},
        "d": {"motion": 0.0},
        "e": {"motion": 0.3, "shots": 1},
        "f": {"motion": 0.3, "shots": 1},
    }
    found = left(plan, known)
    assert not found.segments
    assert found.reasons == {
        "b": "motion is 0.05, wanted is at least 0.1; shots is 3, wanted is at most 1",
        "d": "motion is 0, wanted is at least 0.1",
    }
    assert {out.key for out in found.filtered.values()} == {keys["b"], keys["d"]}
    assert found.returning == {"e"}, "its long caption is there"
    assert [v.video_id for v in found.whole] == ["f"], "nobody has told it yet"
    assert found.unmeasured == {"motion": 1}
    assert not found.given_up

    known.captions["f"] = keys["f"]
    assert left(plan, known).nothing, "a video in both tables has its caption"
    none = plan_of(*(rows.video(v, duration_s=20.0) for v in "abc"))
    assert not left(none, known).filtered and left(none, known).nothing


def test_a_length_out_of_bounds_is_known_before_anything_is_decoded() -> None:
    wanted = replace(CONFIG, filter=Filter(duration_s=Bounds(min=30.0, max=60.0)))
    videos = [rows.video(name, duration_s=s) for name, s in (("a", 20.0), ("b", 40.0), ("c", 80.0), ("d", 60.0))]
    plan, known = plan_of(*videos, config=wanted), Known()
    c = plan.videos[2]
    known.done[c.key] = {1}
    found = left(plan, known)
    assert {r["video_id"] for r in found.segments} == {"b", "d"}
    assert found.reasons == {
        "a": "duration_s is 20, wanted is at least 30 and at most 60",
        "c": "duration_s is 80, wanted is at least 30 and at most 60",
    }
    assert found.filtered["c"].key == video_key(c.key, [1], NARRATOR)
    assert len(left(plan_of(*videos), known).segments) == plan.segments - 1


def test_a_video_with_a_segment_that_failed_is_filtered_by_what_was_measured() -> None:
    wanted = replace(CONFIG, filter=Filter(still=Bounds(max=0.5)))
    plan, known = plan_of(rows.video("a", duration_s=40.0), config=wanted), Known()
    (video,) = plan.videos
    known.done[video.key] = {0}
    known.failures[video.key, 1] = failed("crash", 1)
    known.out["a"] = (video_key(video.key, [0], NARRATOR), None)
    known.measured["a"] = {"still": 0.9}
    assert set(left(plan, known).filtered) == {"a"}
    known.failures[narration_failure_key(video.key, NARRATOR), None] = failed("gate", 1)
    assert set(left(plan, known).filtered) == {"a"}
    known.measured["a"] = {"still": 0.1}
    assert set(left(plan, known).given_up) == {"a"}, "another try at telling it is for retry"
    known.out["a"] = (video_key(video.key, [0], "another narrator"), None)
    del known.failures[narration_failure_key(video.key, NARRATOR), None]
    assert [v.video_id for v in left(plan, known).whole] == ["a"], "measured for another key: looked at again"
