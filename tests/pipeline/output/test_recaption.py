"""Captioning finished videos again: the old rows stay until new ones have replaced them, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

import pipeline as longcap
from operators.analysis.filter import Bounds
from operators.core.base import Row
from operators.core.keys import is_superseded
from operators.store.commit import STOPPED, CommitSegments
from operators.store.store import Store
from operators.store.table import Table
from pipeline.cli.main import main
from pipeline.output import finalize
from pipeline.output.output import Output
from pipeline.output.recaption import Recaption
from pipeline.output.verification import verify
from pipeline.output.windows import window_captions
from pipeline.planning.diff import compare
from pipeline.planning.plan import Plan
from pipeline.planning.superseded import find
from pipeline.sources.listing import Listing
from tests.support import rows, video
from tests.support.outputs import CONFIG, commit_run, plan_of, with_changes

VIDEOS = [rows.video(v) for v in "ab"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "out"))


def begin(store: Store, plan: Plan, run_id: str, *names: str) -> Recaption:
    found = Recaption(store, run_id)
    found.begin(plan, set(names))
    return found


def end(store: Store, plan: Plan, run_id: str) -> None:
    """The clean end of a run."""
    finalize.clean(store, plan, run_id=run_id)
    Recaption(store, run_id).end(plan, compare(plan, store))
    finalize.settle(store, plan, Listing(rows=[], ignored={}))


def readable(store: Store, video_id: str) -> bool:
    """Whether readers find a long caption with all its segments and windows."""
    output = Output(store.uri)
    narrated = output.store.dataset.lookup("video_id", video_id).num_rows == 1
    return narrated and len(output.captioned(video_id)) == 2 and bool(window_captions(output, [video_id])[video_id])


def test_just_the_named_video_is_made_again_and_stays_readable(store: Store) -> None:
    plan = commit_run(store, VIDEOS)
    hashes = [r["content_hash"] for r in narrated(store)]
    begin(store, plan, "20260102-b", "a")
    left = compare(plan, store)
    assert len(left.segments) == 2 and {r["video_id"] for r in left.segments} == {"a"} and not left.whole
    assert readable(store, "a") and [r["content_hash"] for r in narrated(store)] == hashes
    assert not find(plan, store, left).asks
    assert {f.kind for f in verify(Output(store.uri)).findings} - {"stray"} == {"unaccounted", "unfinished"}

    commit_run(store, VIDEOS[:1], run_id="20260102-b", narrated="")
    assert readable(store, "a") and {s["run_id"] for s in Output(store.uri).captioned("a")} != {"20260102-b"}
    commit_run(store, VIDEOS[:1], run_id="20260102-b")
    assert readable(store, "a") and {s["run_id"] for s in Output(store.uri).captioned("a")} == {"20260102-b"}
    end(store, plan, "20260102-b")
    assert not [f for f in verify(Output(store.uri)).findings if f.kind != "stray" or f.what.startswith("segments")]
    assert [r["content_hash"] for r in narrated(store)] == hashes
    assert len(store.segments.read(["key"])) == 4 and not Recaption(store, "20260103-c").open


def test_the_same_command_goes_on_until_it_has_ended_and_then_begins_again(store: Store) -> None:
    plan = commit_run(store, VIDEOS)
    begin(store, plan, "20260102-b", "a")
    commit_run(store, VIDEOS[:1], run_id="20260102-b", narrated="")
    begin(store, plan, "20260103-c", "a")
    assert compare(plan, store).whole.ids == ["a"], "segments made since stay"
    commit_run(store, VIDEOS[:1], run_id="20260103-c")
    begin(store, plan, "20260104-d", "a")
    assert compare(plan, store).nothing, "killed before its clean end: nothing is made again"
    end(store, plan, "20260104-d")
    begin(store, plan, "20260105-e", "a")
    assert len(compare(plan, store).segments) == 2


def test_a_first_captioning_that_was_interrupted_goes_on_too(store: Store) -> None:
    plan = plan_of(CONFIG, VIDEOS)
    begin(store, plan, "20260101-a", "a")
    commit_run(store, VIDEOS[:1], run_id="20260101-a", narrated="")
    begin(store, plan, "20260102-b", "a")
    assert compare(plan, store).whole.ids == ["a"]


def test_old_captions_stay_where_the_new_ones_fail_and_a_retry_replaces_them(store: Store) -> None:
    strict = with_changes(run={"on_incomplete": "fail"})
    plan = commit_run(store, VIDEOS, strict)
    for run_id in ("20260102-b", "20260103-c"):
        begin(store, plan, run_id, "a")
        commit_run(store, VIDEOS[:1], strict, run_id=run_id, failed="a")
        end(store, plan, run_id)
        assert readable(store, "a") and set(compare(plan, store).given_up) == {"a"}
        assert len(store.failures.read()) == 2
        found = verify(Output(store.uri))
        assert not [f for f in found.findings if f.kind != "stray"] and [n.kind for n in found.notes] == ["kept"]
        assert not find(plan, store, compare(plan, store)).asks
    finalize.reopen(store, lambda event: True)
    commit_run(store, VIDEOS[:1], strict, run_id="20260104-d")
    end(store, plan, "20260104-d")
    assert readable(store, "a") and len(store.segments.read(["key"])) == 4
    assert not Recaption(store, "20260105-e").open and not verify(Output(store.uri)).notes


@pytest.mark.parametrize("step", [1, 2])
def test_a_kill_while_rows_are_marked_loses_nothing(store: Store, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = commit_run(store, VIDEOS)
    calls, whole = [], Table.supersede

    def killed(table: Table, column: str, values: set[str]) -> None:
        calls.append(table)
        if len(calls) > step:
            raise KeyboardInterrupt
        whole(table, column, values)

    with monkeypatch.context() as patched:
        patched.setattr(Table, "supersede", killed)
        with pytest.raises(KeyboardInterrupt):
            begin(store, plan, "20260102-b", "a")
    assert readable(store, "a") and readable(store, "b")
    begin(store, plan, "20260103-c", "a")
    assert len(compare(plan, store).segments) == 2 and readable(store, "a")
    for table in (store.dataset, store.segments):
        marks = {(r["video_id"], is_superseded(r["key"])) for r in table.read(["video_id", "key"]).to_pylist()}
        assert marks == {("a", True), ("b", False)}
        assert not [k for k in table.read(["key"])["key"].to_pylist() if k.endswith("~~")]


def test_videos_that_would_not_be_made_again_keep_their_rows(store: Store) -> None:
    plan = commit_run(store, VIDEOS)
    short = replace(CONFIG, filter=replace(CONFIG.filter, duration_s=Bounds(max=10.0)))
    begin(store, plan_of(short, VIDEOS), "20260102-b", "a", "b", "not planned")
    assert compare(plan, store).nothing and not Recaption(store, "20260103-c").open


def test_the_old_caption_stays_where_the_filter_then_leaves_the_video_out(store: Store) -> None:
    plan = commit_run(store, VIDEOS)
    old = {row["video_id"]: row["caption"] for row in store.dataset.read().to_pylist()}
    begin(store, plan, "20260102-b", "a")
    short = plan_of(replace(CONFIG, filter=replace(CONFIG.filter, duration_s=Bounds(max=10.0))), VIDEOS)
    for run_id in ("20260103-c", "20260104-d"):
        end(store, short, run_id)
        assert {row["video_id"]: row["caption"] for row in store.filtered.read().to_pylist()} == old
    version = store.filtered.version()
    finalize.clean(store, short, run_id="20260105-e")
    assert store.filtered.version() == version, "written again without a change"
    left = compare(plan, store)
    assert (left.undone, left.returning) == ({"a"}, {"b"})
    commit_run(store, VIDEOS[:1], run_id="20260106-f")
    end(store, plan, "20260106-f")
    assert readable(store, "a") and not store.filtered.read().num_rows and not compare(plan, store).undone


def test_an_interrupted_run_goes_on_and_keeps_the_old_captions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    video.render(tmp_path / "long.mp4", count=300, fps=5.0)
    out = tmp_path / "out"
    arguments = ["run", str(tmp_path / "long.mp4"), "-o", str(out), "--set", "plan.segment_s=10"]
    assert main(arguments) == 0
    store, again = Store(str(out)), [*arguments, "--recaption", "long.mp4", "--set", "run.flush_s=0.01"]
    first = longcap.open(str(out)).runs()[0]["run_id"]

    made: list[Row] = []

    def interrupted(self: CommitSegments, items: list[Row]) -> list[list[Row]]:
        for row in items:  # the first one is committed, all others are skipped
            if made:
                row["failure"] = rows.failure(STOPPED)
            else:
                os.kill(os.getpid(), signal.SIGINT)
            made.append(row)
        return commit(self, items)

    commit = CommitSegments.commit
    with monkeypatch.context() as patched:
        patched.setattr(CommitSegments, "commit", interrupted)
        assert main(again) == 1
    assert sum(not is_superseded(key) for key in store.segments.read(["key"])["key"].to_pylist()) == 1
    assert [(r["run_id"], len(Output(str(out)).captioned(r["video_id"]))) for r in narrated(store)] == [(first, 6)]
    capsys.readouterr()
    assert main(again) == 0 and "to do: 5 segments" in capsys.readouterr().err
    assert verify(Output(str(out))).ok
    assert [r["run_id"] for r in narrated(store)] == [longcap.open(str(out)).runs()[-1]["run_id"]]


def narrated(store: Store) -> list[Row]:
    found: list[Row] = store.dataset.read(["video_id", "run_id", "content_hash"]).sort_by("video_id").to_pylist()
    return found
