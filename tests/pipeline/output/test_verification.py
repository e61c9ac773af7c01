"""A sound output verifies, and each thing that can be wrong with one is found and named."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from operators.analysis.facts import Facts, Transition
from operators.core import rows as schemas
from operators.core.grid import Grid, Span
from operators.core.keys import narrator_key
from operators.core.windows import Windows
from operators.store.commit import CommitDataset, CommitSegments, CommitVideos
from operators.store.store import Store
from pipeline.cli.main import main
from pipeline.config.tables import video_operators
from pipeline.config.types import Config, PlanOptions, RunOptions
from pipeline.output.invariants import _off_grid
from pipeline.output.output import Output
from pipeline.output.verification import uploads, verify
from pipeline.planning.plan import make_plan
from pipeline.retrieval.api import index_output
from pipeline.sources.selection import Selection
from tests.support import rows, s3

CONFIG = replace(Config(), plan=PlanOptions(segment_s=rows.SEGMENT_S))
ORPHAN = "part-00000-01234567-89ab-cdef-0123-456789abcdef-c000.zstd.parquet"
NARRATOR = narrator_key(video_operators(CONFIG))


def make(uri: str, *, run_id: str = "20260101-run", config: Config = CONFIG, share: str = "all") -> Store:
    """An output as a clean run leaves it: `a` whole, `b` with a segment that failed, `c` all failed, `d` unusable."""
    broken = rows.video("d", failure=rows.failure("unreadable", stage="probe"), duration_s=None)
    videos = [rows.video(v) for v in "abc"]
    probe = CommitVideos(uri, run_id, "here")
    probe.commit([dict(v) for v in [*videos, broken]])
    plan = make_plan(config, [*videos, broken], Selection(), {})
    a, b, c = plan.videos
    segments, dataset = CommitSegments(uri, run_id, "here"), CommitDataset(uri, run_id, "here", NARRATOR)
    segments.commit([rows.captioned("a", i, key=a.key) for i in (0, 1)])
    segments.commit([rows.captioned("b", 0, key=b.key), rows.failed_segment("b", 1, key=b.key)])
    segments.commit([rows.failed_segment("c", i, key=c.key) for i in (0, 1)])
    dataset.commit([rows.narrated("a", key=a.key)])
    dataset.commit([rows.narrated("b", key=b.key, captioned_indices=(0,), segments_captioned=1)])
    store = Store(uri)
    for table in store.tables:
        table.tidy()
    asked = {"run_id": run_id, "inputs": [], "share": share}
    store.write_file(f"runs/{run_id}/asked.json", json.dumps(asked).encode())
    store.write_table(f"runs/{run_id}/videos.parquet", plan.table())
    store.write_file(f"runs/{run_id}/report.json", json.dumps({"run_id": run_id, "status": "done"}).encode())
    return store


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("verify") / "out"
    make(str(out))
    return out


@pytest.fixture
def store(good: Path, tmp_path: Path) -> Store:
    shutil.copytree(good, tmp_path / "out")
    return Store(str(tmp_path / "out"))


def test_an_index_belongs_to_the_output_and_other_files_in_its_folder_do_not(store: Store) -> None:
    sound = kinds(store)
    index_output(store.uri, vectors=False)
    assert kinds(store) == sound
    Path(store.uri, "index", "notes.txt").write_text("mine")
    assert kinds(store) == sorted([*sound, ("foreign", "notes.txt")])


def kinds(store: Store) -> list[tuple[str, str]]:
    return sorted((f.kind, f.what.rsplit("/", 1)[-1]) for f in verify(Output(store.uri)).findings)


def test_a_sound_output_verifies(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    make(place)
    assert main(["verify", place]) == 0
    told = capsys.readouterr().out
    assert (
        "4 planned videos: 2 in the dataset, 0 left out by the filter, 2 in failures; 3 segments and 3 in failures;"
        in told
    )
    assert "4 files read: all is well" in told
    assert json.loads(run_json(place, capsys, 0))["ok"] is True


def run_json(place: str, capsys: pytest.CaptureFixture[str], code: int) -> str:
    assert main(["verify", place, "--json"]) == code
    return capsys.readouterr().out


def fenced(table: Any) -> Any:
    table.fence()
    return table


def changed(table: Any, column: str, value: Any, index: int = 0) -> None:
    """Write one value of one row anew, past everything that would keep the hash right."""

    def change(found: pa.Table) -> pa.Table:
        items = found.to_pylist()
        items[index][column] = value
        return pa.Table.from_pylist(items, schema=found.schema)

    fenced(table).rewrite(change)
    table.tidy()


def doubled(table: Any) -> None:
    fenced(table).append(table.read().slice(0, 1))
    table.tidy()


def without(table: Any, video_id: str) -> None:
    fenced(table).delete("video_id", [video_id])
    table.tidy()


def windows_short(store: Store) -> None:
    windows = store.segments.read(["windows"])["windows"].to_pylist()[0]
    changed(store.segments, "windows", windows[:-1])


BROKEN: dict[str, tuple[Callable[[Store], Any], set[str]]] = {
    "a long caption is lost": (lambda s: without(s.dataset, "a"), {"missing"}),
    "a long caption stands twice": (lambda s: doubled(s.dataset), {"twice"}),
    "a segment stands twice": (lambda s: doubled(s.segments), {"twice"}),
    "the segments of a video are lost": (lambda s: without(s.segments, "a"), {"unaccounted", "content"}),
    "the failures are lost": (lambda s: without(s.failures, "c"), {"missing", "unaccounted"}),
    "a text was changed": (lambda s: changed(s.dataset, "caption", "Another."), {"content"}),
    "a fact was changed": (lambda s: changed(s.segments, "facts", "{}"), {"content"}),
    "a window is missing": (windows_short, {"windows", "content"}),
    "a segment lies elsewhere": (lambda s: changed(s.segments, "start_s", 1.0), {"windows", "content"}),
    "captions of another config": (lambda s: changed(s.segments, "key", "older"), {"stray", "unaccounted", "content"}),
    "a file that no table names": (lambda s: s.write_file("dataset/x.parquet", b""), {"foreign"}),
    "a data file that nobody here wrote": (lambda s: s.write_file(f"dataset/{ORPHAN}", b""), {"foreign"}),
    "a file that a writer left": (lambda s: [s.open_for("run"), s.write_file(f"dataset/{ORPHAN}", b"")], {"stray"}),
    "a file beside the tables": (lambda s: s.write_file("notes.txt", b""), {"foreign"}),
    "a run that did not end": (
        lambda s: s.write_file(
            "runs/2027/asked.json", json.dumps({"run_id": "2027", "inputs": [], "share": "all"}).encode()
        ),
        {"unfinished"},
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_found(store: Store, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    break_it, expected = BROKEN[name]
    break_it(store)
    assert {kind for kind, _ in kinds(store)} == expected
    assert main(["verify", store.uri]) == 1
    assert "not sound" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_is_named(store: Store) -> None:
    (uri,) = store.dataset.file_uris()
    path = Path(uri.removeprefix("file://"))
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + bytes(60) + whole[260:])
    assert ("unreadable", path.name) in kinds(store) or any(k == "content" for k, _ in kinds(store))
    path.write_bytes(whole[: len(whole) // 2])
    assert ("unreadable", path.name) in kinds(store)
    path.unlink()
    assert ("unreadable", path.name) in kinds(store)


def test_a_strict_run_allows_no_row_with_a_hole(tmp_path: Path) -> None:
    store = make(str(tmp_path), config=replace(CONFIG, run=RunOptions(on_incomplete="fail")))
    assert kinds(store) == [("content", "long caption of b")]


def test_shards_that_are_all_done_take_over_from_a_run_that_did_not_end(store: Store) -> None:
    def run(run_id: str, share: str, *, done: bool) -> None:
        asked = {"run_id": run_id, "inputs": [], "share": share}
        store.write_file(f"runs/{run_id}/asked.json", json.dumps(asked).encode())
        if done:
            report = {"run_id": run_id, "status": "done"}
            store.write_file(f"runs/{run_id}/report.json", json.dumps(report).encode())

    run("2027", "all", done=False)
    run("2028", "1-of-2", done=True)
    assert kinds(store) == [("unfinished", "run 2027")]
    run("2029", "2-of-2", done=True)
    assert kinds(store) == []
    run("2030", "1-of-2", done=False)
    assert kinds(store) == [("unfinished", "run 2030")]


def test_clean_removes_strays_and_nothing_else(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.open_for("a-run-that-died")
    store.write_file(f"segments/{ORPHAN}", b"half")
    assert main(["verify", store.uri]) == 1
    assert "1 of these go with: longcap verify" in capsys.readouterr().out
    before = store.segments.read()
    assert main(["verify", store.uri, "--clean"]) == 0
    assert store.segments.read().sort_by("segment_index") == before.sort_by("segment_index")
    assert pq.read_table(Path(store.uri, "segments")).num_rows == 3


def test_what_others_put_there_is_named_and_left(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.write_file("segments/mine.parquet", b"mine")
    store.write_file("notes/mine.txt", b"mine")
    assert main(["verify", store.uri, "--clean"]) == 1
    told = capsys.readouterr().out
    assert "segments/mine.parquet: Longcap did not write it, so it is kept" in told and "notes" in told
    assert "--clean" not in told, "it promises what it does not do"
    assert store.read_file("segments/mine.parquet") == store.read_file("notes/mine.txt") == b"mine"
    assert main(["compact", store.uri]) == 0
    assert "segments/mine.parquet was not written by Longcap" in capsys.readouterr().out
    assert store.read_file("segments/mine.parquet") == b"mine"


def test_uploads_that_never_ended_are_listed_and_removed(
    s3_server: s3.S3Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    store = make(f"{s3_server.uri}/verify-uploads")
    bucket, key = s3.BUCKET, f"verify-uploads/segments/{ORPHAN}"
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    files.call_s3("create_multipart_upload", Bucket=bucket, Key=key)
    files.call_s3("create_multipart_upload", Bucket=bucket, Key="verify-uploads-of-another/x")
    assert [u.key for u in uploads(store.uri)] == [key]
    assert main(["verify", store.uri, "--clean"]) == 1
    assert f"foreign: {key}" in capsys.readouterr().out
    store.open_for("a-run-that-died", since=time.time() - 60)
    assert main(["verify", store.uri]) == 1
    assert f"upload: {key}" in capsys.readouterr().out
    mine = "verify-uploads/segments/mine.parquet"
    files.call_s3("create_multipart_upload", Bucket=bucket, Key=mine)
    assert main(["verify", store.uri, "--clean"]) == 1
    assert [u.key for u in uploads(store.uri)] == [mine] and uploads(f"{s3_server.uri}/verify-uploads-of-another")


def test_compact_leaves_one_file_a_table_and_the_same_rows(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    fenced(store.videos)
    for k in range(5):
        store.videos.append(pa.Table.from_pylist([rows.video(f"x{k}")], schema=schemas.VIDEO))
    before = sorted(store.videos.read(["video_id"])["video_id"].to_pylist())
    assert main(["compact", store.uri]) == 0
    assert ["videos", "6", "1", "6"] in [line.split() for line in capsys.readouterr().out.splitlines()]
    assert sorted(pq.read_table(Path(store.uri, "videos"))["video_id"].to_pylist()) == before


def test_an_output_without_a_run_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    CommitVideos(str(tmp_path), "run", "here").commit([rows.video("a")])
    assert main(["verify", str(tmp_path)]) == 2
    assert "no run has begun" in capsys.readouterr().err


def test_windows_by_shots_are_held_against_the_cuts_in_their_row() -> None:
    cut = Facts(start_s=0.0, end_s=60.0, transitions=(Transition(kind="cut", start_s=7.5, end_s=7.5),))
    grid = rows.captioned("a", 0)
    plan = {"duration_s": 100.0, "segment_s": rows.SEGMENT_S, **rows.LAYOUT}
    by_shots = {**plan, "window_rule": "shots"}
    assert _off_grid(grid, plan) is None
    assert "it must have [0, 7500, 12500" in str(_off_grid({**grid, "facts": cut.dump()}, by_shots))
    own = Windows(grid=Grid(100.0), rule="shots").of(Span(0.0, 60.0), [7.5])
    windows = [{"window_index": w.index, "start_s": w.span.start_s, "end_s": w.span.end_s} for w in own]
    row = {**grid, "facts": cut.dump(), "windows": windows}
    assert _off_grid(row, by_shots) is None
    windows[0]["end_s"] = 10.0
    assert _off_grid(row, by_shots) == "window 0 is at (0.0, 10.0); its cuts say (0.0, 7.5)"
