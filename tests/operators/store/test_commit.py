from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from operators.core import rows
from operators.core.base import ItemError, Row
from operators.core.keys import video_key
from operators.store import patience
from operators.store import table as table_module
from operators.store.commit import RECEIPT, STOPPED, CommitDataset, CommitSegments, CommitVideos
from operators.store.content import content_hash
from operators.store.store import MAX_PASSES, Store, narration_failure_key
from operators.store.table import Fenced
from tests.support import rows as sample


@pytest.fixture
def out(tmp_path: Path) -> str:
    return str(tmp_path / "it's out")


def segments(out: str, run_id: str = "run") -> CommitSegments:
    return CommitSegments(out, run_id, "here")


def dataset(out: str, narrator: str = "narrator") -> CommitDataset:
    return CommitDataset(out, "run", "here", narrator)


def kinds(answers: list[list[Row]]) -> list[list[str]]:
    return [[a["kind"] for a in some] for some in answers]


def stopped(row: Row) -> Row:
    return {**row, "failure": {"stage": "run", "class": STOPPED, "message": "the run was stopped", "attempts": 0}}


def durable(out: str) -> list[tuple[str, int]]:
    found = Store(out).segments.read(["video_id", "segment_index"]).to_pylist()
    return sorted((r["video_id"], r["segment_index"]) for r in found)


def events(out: str) -> list[Row]:
    return sorted(
        Store(out).failures.read().to_pylist(), key=lambda r: (r["key"], r["segment_index"] or 0, r["passes"])
    )


def is_receipts(answers: list[list[Row]]) -> bool:
    """Whether they can travel: every column, of its type."""
    flat = [a for some in answers for a in some]
    return all(set(a) == set(RECEIPT.names) for a in flat) and bool(pa.Table.from_pylist(flat, schema=RECEIPT))


# -- segments ----------------------------------------------------------------------------------------------------------


def test_segments_are_committed_and_the_last_one_makes_the_video_whole(out: str) -> None:
    gather = segments(out)
    first = gather.commit([sample.captioned("v", 0), sample.captioned("w", 1)])
    assert kinds(first) == [["segment"], ["segment"]]
    assert is_receipts(first)
    last = gather.commit([sample.captioned("v", 1)])
    assert kinds(last) == [["segment", "whole"]]
    hint = last[0][1]
    assert (hint["video_id"], hint["key"], hint["segment_count"]) == ("v", "captions-v", 2)
    assert (hint["segment_index"], hint["failure"], hint["final"]) == (None, None, False)
    assert durable(out) == [("v", 0), ("v", 1), ("w", 1)]


def test_receipts_stand_in_the_order_of_the_rows_and_count_them(out: str) -> None:
    batch = [
        sample.captioned("v", 1, invalid=(12, 13)),
        sample.failed_segment("w", 0),
        sample.captioned("v", 0),
        stopped(sample.captioned("x", 0)),
    ]
    answers = segments(out).commit(batch)
    assert is_receipts(answers)
    about = [
        (a[0]["video_id"], a[0]["segment_index"], a[0]["seconds"], a[0]["frames"], a[0]["windows"]) for a in answers
    ]
    assert about[:3] == [("v", 1, 40.0, 40, 5), ("w", 0, 60.0, 0, 0), ("v", 0, 60.0, 60, 12)]
    assert [a[0]["final"] for a in answers] == [False, True, False, False]
    assert answers[1][0]["failure"]["class"] == "undecodable"


def test_repeated_segments_are_no_ops(out: str) -> None:
    gather = segments(out)
    gather.commit([sample.captioned("v", 0), sample.captioned("v", 0)])
    gather.commit([sample.captioned("v", 0)])
    version = Store(out).segments._existing().version()
    assert durable(out) == [("v", 0)]
    answers = gather.commit([sample.captioned("v", 0)])
    assert kinds(answers) == [["segment"]]
    assert Store(out).segments._existing().version() == version
    anew = segments(out)
    anew.commit([sample.captioned("v", 0), sample.captioned("v", 1)])
    assert durable(out) == [("v", 0), ("v", 1)]


def test_a_video_is_handed_on_once_a_life(out: str) -> None:
    gather = segments(out)
    both = [sample.captioned("v", 0), sample.captioned("v", 1)]
    assert kinds(gather.commit(both)) == [["segment", "whole"], ["segment"]]
    assert kinds(gather.commit(both)) == [["segment"], ["segment"]]
    # a new life cannot know whether the hint arrived: it gives it again
    assert kinds(segments(out).commit(both[:1])) == [["segment", "whole"]]


def test_other_captions_of_the_same_video_are_another_matter(out: str) -> None:
    gather = segments(out)
    gather.commit([sample.captioned("v", 0), sample.captioned("v", 1)])
    answers = gather.commit([sample.captioned("v", 0, key="newer")])
    assert kinds(answers) == [["segment"]]
    assert durable(out) == [("v", 0), ("v", 0), ("v", 1)]
    assert [r["segment_index"] for r in Store(out).captioned("newer")] == [0]


def test_a_final_failure_settles_its_segment(out: str) -> None:
    gather = segments(out)
    assert kinds(gather.commit([sample.captioned("v", 0)])) == [["segment"]]
    assert kinds(gather.commit([sample.failed_segment("v", 1, "undecodable")])) == [["segment", "whole"]]


def test_a_video_whose_segments_all_failed_is_not_handed_on(out: str) -> None:
    failed = [sample.failed_segment("v", 0), sample.failed_segment("v", 1)]
    answers = segments(out).commit(failed)
    assert kinds(answers) == [["segment"], ["segment"]]
    assert all(a[0]["final"] for a in answers)


def test_a_failure_that_another_try_may_cure_settles_nothing_until_its_last_pass(out: str) -> None:
    gather = segments(out)
    gather.commit([sample.captioned("v", 0)])
    answers = gather.commit([sample.failed_segment("v", 1, "engine")])
    assert kinds(answers) == [["segment"]]
    assert not answers[0][0]["final"]
    last = sample.failed_segment("v", 1, "engine", passes=MAX_PASSES - 1, attempts=3)
    answers = gather.commit([last])
    assert kinds(answers) == [["segment", "whole"]]
    assert answers[0][0]["final"]
    assert [(e["passes"], e["attempts"]) for e in events(out)] == [(1, 1), (2, 4)]


def test_a_new_life_knows_what_was_given_up(out: str) -> None:
    segments(out).commit([sample.failed_segment("v", 1, "undecodable")])
    assert kinds(segments(out).commit([sample.captioned("v", 0)])) == [["segment", "whole"]]


def test_failures_become_events_once_a_pass(out: str) -> None:
    failed = sample.failed_segment("it's", 1, "crash")
    gather = segments(out)
    gather.commit([failed, copy.deepcopy(failed)])
    gather.commit([failed])
    segments(out).commit([failed])
    (event,) = events(out)
    assert (event["stage"], event["class"], event["passes"], event["attempts"]) == ("decode", "crash", 1, 1)
    assert (event["run_id"], event["host"], event["key"]) == ("run", "here", "captions-it's")
    assert event["replay"] == f"""longcap retry '{out.replace("'", chr(39) + '"' + chr(39) + '"' + chr(39))}' """ + (
        """--only 'it'"'"'s' --segment 1"""
    )


def test_stopped_rows_write_nothing_and_are_no_failures(out: str) -> None:
    gather = segments(out)
    answers = gather.commit([stopped(sample.captioned("v", 0)), stopped(sample.captioned("v", 1))])
    assert kinds(answers) == [["segment"], ["segment"]]
    assert [a[0]["final"] for a in answers] == [False, False]
    assert durable(out) == []
    assert events(out) == []
    assert kinds(gather.commit([sample.captioned("v", 0), sample.captioned("v", 1)])) == [
        ["segment", "whole"],
        ["segment"],
    ]


class Broken:
    """`land` that fails, having written or not."""

    def __init__(self, *, lands: bool) -> None:
        self._real = table_module.land
        self._lands = lands

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        if self._lands:
            self._real(*args, **kwargs)
        raise OSError("time out")


@pytest.mark.parametrize("lands", [True, False], ids=["answer lost", "request lost"])
def test_rows_of_a_commit_that_failed_are_neither_lost_nor_doubled(
    out: str, monkeypatch: pytest.MonkeyPatch, lands: bool
) -> None:
    monkeypatch.setattr(patience, "_TRIES", 1)
    gather, narrate, probe = segments(out), dataset(out), CommitVideos(out, "run", "here")
    batch = [sample.captioned("v", 0)]
    failed = [sample.failed_segment("v", 1)]
    with monkeypatch.context() as broken:
        broken.setattr(table_module, "land", Broken(lands=lands))
        for commit, items in (
            (gather.commit, batch),
            (gather.commit, failed),
            (narrate.commit, [sample.narrated("v")]),
            (probe.commit, [sample.video("v")]),
        ):
            with pytest.raises(ItemError, match="storage: "):
                commit(items)
    gather.commit(batch)
    gather.commit(failed)
    narrate.commit([sample.narrated("v")])
    probe.commit([sample.video("v")])
    assert durable(out) == [("v", 0)]
    assert len(events(out)) >= 1
    assert Store(out).dataset.read(["video_id"]).num_rows == 1
    assert Store(out).videos.read(["video_id"]).num_rows == 1


def test_a_zombie_can_no_longer_commit(out: str) -> None:
    zombie = segments(out)
    segments(out).commit([sample.captioned("v", 0)])
    with pytest.raises(Fenced):
        zombie.commit([sample.captioned("v", 1)])
    with pytest.raises(Fenced):
        zombie.commit([sample.failed_segment("v", 1)])
    assert durable(out) == [("v", 0)]
    assert events(out) == []


def test_committers_of_three_stages_share_the_failures_table(out: str) -> None:
    probe, gather, narrate = CommitVideos(out, "run", "here"), segments(out), dataset(out)
    for _ in range(2):
        probe.commit([sample.video("v", failure=sample.failure(stage="probe"))])
        gather.commit([sample.failed_segment("w", 0)])
        narrate.commit([sample.narrated("x", failure=sample.failure("gate", stage="narrate"))])
    assert sorted(e["stage"] for e in events(out)) == ["decode", "narrate", "probe"]


# -- videos ------------------------------------------------------------------------------------------------------------


def test_a_probed_video_stands_once_the_newest_in_place_of_the_older(out: str) -> None:
    probe = CommitVideos(out, "run", "here")
    answers = probe.commit([sample.video("v"), sample.video("v", size_bytes=2), sample.video("w")])
    assert is_receipts(answers)
    assert [(a[0]["kind"], a[0]["seconds"]) for a in answers] == [("probe", 100.0)] * 3
    CommitVideos(out, "later", "here").commit([sample.video("w", size_bytes=3)])
    found = Store(out).videos.read(["video_id", "size_bytes", "run_id"]).to_pylist()
    assert sorted((r["video_id"], r["size_bytes"], r["run_id"]) for r in found) == [("v", 2, "run"), ("w", 3, "later")]


def test_a_video_is_not_known_before_its_failure_is(out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    failed = sample.video("v", failure=sample.failure("unreadable", stage="probe"), duration_s=None)
    probe = CommitVideos(out, "run", "here")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(probe.store.videos, "upsert", killed)
        probe.commit([dict(failed)])
    assert len(events(out)) == 1 and not Store(out).videos.read().num_rows, "the next run probes it again"
    CommitVideos(out, "later", "here").commit([dict(failed)])
    assert len(events(out)) == 1 and Store(out).videos.read().num_rows == 1


def test_a_video_that_cannot_be_probed_is_kept_with_its_failure(out: str) -> None:
    failed = sample.video("v", failure=sample.failure("unreadable", stage="probe"), duration_s=None)
    answers = CommitVideos(out, "run", "here").commit([failed, stopped(sample.video("w"))])
    assert [(a[0]["final"], a[0]["failure"]["class"]) for a in answers] == [(True, "unreadable"), (False, STOPPED)]
    (row,) = Store(out).videos.read().to_pylist()
    assert (row["video_id"], row["failure"]["class"]) == ("v", "unreadable")
    (event,) = events(out)
    assert (event["segment_index"], event["key"]) == (None, "source-v")
    assert event["replay"].endswith("--only v")


# -- long captions -----------------------------------------------------------------------------------------------------


def test_a_long_caption_stands_once_and_is_superseded(out: str) -> None:
    narrate = dataset(out)
    answers = narrate.commit([sample.narrated("v"), sample.narrated("v"), sample.narrated("w")])
    assert is_receipts(answers)
    assert [(a[0]["kind"], a[0]["seconds"], a[0]["words"]) for a in answers] == [("video", 100.0, 5)] * 3
    assert sorted(Store(out).done_videos()) == ["v", "w"]
    assert Store(out).done_videos()["v"] == video_key("captions-v", [0, 1], "narrator")
    version = Store(out).dataset._existing().version()
    dataset(out).commit([sample.narrated("v", caption="told again, differently")])
    assert Store(out).dataset.read(["caption"])["caption"].to_pylist().count("told again, differently") == 0
    assert Store(out).dataset._existing().version() == version + 1  # the new writer took over, and wrote nothing
    dataset(out, "another narrator").commit([sample.narrated("v", caption="new")])
    found = Store(out).dataset.read(["video_id", "caption"]).to_pylist()
    assert sorted((r["video_id"], r["caption"][:3]) for r in found) == [("v", "new"), ("w", "A v")]
    dataset(out, "another narrator").commit([sample.narrated("v", caption="more", captioned_indices=(0,))])
    assert Store(out).dataset.read(["video_id"]).num_rows == 2


def test_receipts_of_segments_pass_by(out: str) -> None:
    receipts = [a for some in segments(out).commit([sample.captioned("v", 0)]) for a in some]
    carried = {**dict.fromkeys(rows.LONG_CAPTION.names), **receipts[0], "captioned_indices": None}
    answers = dataset(out).commit([carried, sample.narrated("w")])
    assert answers[0] == receipts
    assert kinds(answers) == [["segment"], ["video"]]
    assert list(Store(out).done_videos()) == ["w"]


def test_a_failed_narration_is_recorded_under_its_narrator(out: str) -> None:
    failed = sample.narrated("v", failure=sample.failure("engine", stage="narrate"), words=None, duration_s=None)
    answers = dataset(out).commit([failed, stopped(sample.narrated("w"))])
    assert [(a[0]["final"], a[0]["seconds"]) for a in answers] == [(False, 0.0), (False, 100.0)]
    assert Store(out).done_videos() == {}
    found = Store(out).failed()
    assert list(found) == [(narration_failure_key("captions-v", "narrator"), None)]
    assert not next(iter(found.values())).final


# -- content hashes ----------------------------------------------------------------------------------------------------


def test_a_content_hash_does_not_know_who_when_and_how_often(out: str) -> None:
    one, other = sample.captioned("v", 0), sample.captioned("v", 0)
    other.update(host="there", timings='{"decode": 9.0}', run_id="other", content_hash="x", attempts=4, passes=1)
    other["decode"]["attempts"] = 3
    other["frames"][0]["attempts"] = other["windows"][0]["attempts"] = 2
    segments(out, "a").commit([one])
    (kept,) = Store(out).segments.read().to_pylist()
    assert kept["content_hash"] == content_hash(other, rows.CAPTIONED_SEGMENT)
    assert kept["content_hash"] == content_hash(kept, rows.CAPTIONED_SEGMENT)  # and anybody can check it
    assert (kept["run_id"], len(kept["content_hash"])) == ("a", 32)


@pytest.mark.parametrize("column", ["text", "pts_s", "valid", "problem", "prompt_hash", "window_index"])
def test_a_content_hash_knows_what_is_told(column: str) -> None:
    one, other = sample.captioned("v", 0), sample.captioned("v", 0)
    other["windows"][3][column] = "else"
    assert content_hash(one, rows.CAPTIONED_SEGMENT) != content_hash(other, rows.CAPTIONED_SEGMENT)


def test_every_column_of_a_long_caption_but_those_of_the_run_counts() -> None:
    row = sample.narrated("v")
    outside = {"content_hash", "run_id", "host", "timings", "usage", "config"}
    for name in rows.LONG_CAPTION.names:
        changed = content_hash({**row, name: "else"}, rows.LONG_CAPTION) != content_hash(row, rows.LONG_CAPTION)
        assert changed == (name not in outside), name
