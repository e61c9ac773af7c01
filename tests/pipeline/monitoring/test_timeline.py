from __future__ import annotations

from pipeline.execution.coordinator import Coordinator, Reporter
from pipeline.monitoring.metrics import WorkSeconds
from pipeline.monitoring.progress import Counts
from pipeline.monitoring.timeline import Timeline

SEGMENT = {"kind": "segment", "frames": 3, "windows": 1, "seconds": 10.0}
VIDEO = {"kind": "video"}


def test_receipts_are_added_up_by_time() -> None:
    line = Timeline()
    line.add(0.2, SEGMENT)
    line.add(0.9, SEGMENT)
    line.add(2.5, VIDEO)
    line.sample(1.0, 2.5, {"decode": 0.75})
    line.sample(2.5, 3.0, {"decode": 0.5})
    assert line.series() == {
        "bucket_s": 1.0,
        "captions": [8, 0, 0, 0],
        "video_s": [20.0, 0.0, 0.0, 0.0],
        "videos": [0, 0, 1, 0],
        "busy": {"decode": [None, 0.5, 0.75, None]},
    }
    assert line.busy() == {"decode": 0.625}


def test_a_long_run_has_as_many_buckets_as_a_short_one_and_loses_nothing() -> None:
    line = Timeline()
    for second in range(5000):
        line.add(second, SEGMENT)
        if second % 10 == 0:
            line.sample(max(0.0, second - 10.0), second, {"caption": 10.0})
    found = line.series()
    assert found["bucket_s"] == 32.0 and len(found["captions"]) == 157
    assert sum(found["captions"]) == 20_000 and sum(found["video_s"]) == 50_000.0
    assert line.busy() == {"caption": 1.0}


def test_the_last_videos_are_told_apart_from_the_first() -> None:
    line = Timeline()
    for k in range(100):
        line.add(float(k + 1) if k < 99 else 500.0, VIDEO)
    assert line.time_to() == {"50": 50.0, "90": 90.0, "95": 95.0, "99": 99.0, "100": 500.0}
    assert Timeline().time_to() == {}


def test_only_what_came_through_is_counted() -> None:
    counts = Counts()
    failure = {"class": "crash"}
    receipt = {**SEGMENT, "usage": None, "final": True}
    counts.add({**receipt, "failure": failure})
    assert sum(counts.timeline.series()["captions"]) == 0
    counts.add({**receipt, "failure": None})
    assert sum(counts.timeline.series()["captions"]) == 4


def test_seconds_with_work_are_counted_once_whenever_they_are_looked_at() -> None:
    busy = WorkSeconds()
    report = {"actor": "a", "pool": "decode", "busy_s": 2.0, "busy_since": 100.0}
    other = {"actor": "b", "pool": "decode", "busy_s": 1.0, "busy_since": 0.0}
    assert busy.since_last([report, other], 103.0) == {"decode": 2.0 + 3.0 + 1.0}
    assert busy.since_last([report, other], 104.0) == {"decode": 1.0}, "a long row is seen while it is under way"
    ended = {**report, "busy_s": 6.5, "busy_since": 0.0}
    assert busy.since_last([ended, other], 120.0) == {"decode": 0.5}
    assert busy.since_last([], 130.0) == {}


def test_an_actor_reports_how_long_it_had_work() -> None:
    board = Coordinator()
    reporter = Reporter(board, "decode", "here")
    first, second = reporter.begin("a"), reporter.begin("b")
    reporter.end(first)
    assert board.work() == [], "it still has work"
    reporter.end(second)
    (report,) = board.work()
    assert report["busy_s"] > 0 and report["busy_since"] == 0
