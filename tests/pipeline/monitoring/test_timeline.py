from __future__ import annotations

from pipeline.monitoring.metrics import busy_shares
from pipeline.monitoring.progress import Counts
from pipeline.monitoring.timeline import Timeline

SEGMENT = {"kind": "segment", "frames": 3, "windows": 1, "seconds": 10.0}
VIDEO = {"kind": "video"}


def test_receipts_are_added_up_by_time() -> None:
    line = Timeline()
    line.add(0.2, SEGMENT)
    line.add(0.9, SEGMENT)
    line.add(2.5, VIDEO)
    line.sample(2.6, {"decode": 0.5})
    line.sample(2.7, {"decode": 1.0})
    assert line.series() == {
        "bucket_s": 1.0,
        "captions": [8, 0, 0],
        "video_s": [20.0, 0.0, 0.0],
        "videos": [0, 0, 1],
        "busy": {"decode": [None, None, 0.75]},
    }
    assert line.busy() == {"decode": 0.75}


def test_a_long_run_has_as_many_buckets_as_a_short_one_and_loses_nothing() -> None:
    line = Timeline()
    for second in range(5000):
        line.add(second, SEGMENT)
        if second % 10 == 0:
            line.sample(second, {"caption": 1.0})
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


def test_a_pool_is_as_busy_as_its_actors_that_have_a_row() -> None:
    work = [{"pool": "decode", "under_way": 1}, {"pool": "decode", "under_way": 0}, {"pool": "commit", "under_way": 3}]
    assert busy_shares({"decode": 4, "caption": 2}, work) == {"decode": 0.25, "caption": 0.0}
