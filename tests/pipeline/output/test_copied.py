"""Rows whose video has moved, or has another line in a manifest, end as a run from the beginning would make them."""

from __future__ import annotations

from pathlib import Path

import pytest

from operators.core.base import Row
from operators.store.commit import CommitVideos
from operators.store.store import Store
from operators.store.table import Table
from pipeline.output import copied, finalize
from pipeline.output.output import Output
from pipeline.output.verification import verify
from tests.support import rows
from tests.support.outputs import CONFIG, commit_run, plan_of

BEFORE = [rows.video(v, uri=f"/old/{v}.mp4", metadata='{"license": "A"}') for v in "abc"]
AFTER = [
    rows.video("a", uri="/old/a.mp4", metadata='{"license": "B"}'),
    rows.video("b", uri="/new/b.mp4", metadata=None),
    BEFORE[2],
]


def contents(store: Store) -> list[Row]:
    found = [store.dataset.read(["video_id", "uri", "metadata", "caption", "content_hash"])]
    found.append(store.segments.read(["video_id", "segment_index", "uri", "content_hash"]))
    return sorted((row for table in found for row in table.to_pylist()), key=str)


def made_by(table: Table) -> dict[str, set[str]]:
    """Names of the files that hold rows of each video."""
    found: dict[str, set[str]] = {}
    for fragment in table.fragments():
        for video_id in fragment.to_table(columns=["video_id"])["video_id"].to_pylist():
            found.setdefault(video_id, set()).add(fragment.path)
    return found


@pytest.mark.parametrize("at_once", [1, 4096])
def test_rows_are_those_of_a_fresh_run_and_others_are_not_written(
    tmp_path: Path, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copied, "_ROWS", at_once)
    fresh, store = Store(str(tmp_path / "fresh")), Store(str(tmp_path / "out"))
    commit_run(fresh, AFTER)
    commit_run(store, BEFORE)
    CommitVideos(store.uri, "20260102-b", "here").commit([dict(v) for v in AFTER])
    said = {(f.kind, f.what) for f in verify(Output(store.uri)).findings if f.kind != "stray"}
    assert said == {("content", name) for name in ("dataset of a", "dataset of b", "segments of b")}
    finalize.clean(store, plan_of(CONFIG, AFTER))
    assert contents(store) == contents(fresh)
    assert not [f for f in verify(Output(store.uri)).findings if f.kind != "stray"]

    version = [store.table(name).version() for name in ("dataset", "segments")]
    copied.refresh(store, plan_of(CONFIG, AFTER))
    assert [store.table(name).version() for name in ("dataset", "segments")] == version, "nothing differs any more"


def test_only_what_differs_is_written_and_a_kill_in_between_leaves_each_row_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copied, "_ROWS", 1)
    fresh, store = Store(str(tmp_path / "fresh")), Store(str(tmp_path / "out"))
    commit_run(fresh, AFTER)
    commit_run(store, BEFORE)
    unchanged = made_by(store.dataset)["c"]
    written: list[int] = []
    replace = Table.replace

    def killed(table: Table, found: object, column: str, values: list[str]) -> None:
        written.append(len(values))
        if len(written) == 2:
            raise KeyboardInterrupt
        replace(table, found, column, values)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Table, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            copied.refresh(store, plan_of(CONFIG, AFTER))
    assert len(store.dataset.read(["video_id"])) == 3 and contents(store) != contents(fresh)
    copied.refresh(store, plan_of(CONFIG, AFTER))
    assert contents(store) == contents(fresh)
    assert made_by(store.dataset)["c"] == unchanged
