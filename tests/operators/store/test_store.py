from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from operators.core.uris import scheme_of
from operators.store.commit import CommitDataset, CommitSegments, CommitVideos
from operators.store.store import MAX_PASSES, Store
from tests.support import rows as sample


def test_opening_and_reading_writes_nothing(place: str) -> None:
    store = Store(place + "/")
    assert store.uri == place
    assert not store.exists()
    assert store.done_segments() == {}
    assert store.done_videos() == {}
    assert store.failed() == {}
    assert store.captioned("k") == []
    assert store.read_file("README.md") is None
    assert store.run_records("report.json") == []
    assert not store.exists()


def test_what_is_done_and_what_failed(place: str) -> None:
    CommitVideos(place, "run", "here").commit([sample.video("v")])
    gather = CommitSegments(place, "run", "here")
    gather.commit([sample.captioned("v", 1), sample.captioned("v", 0), sample.captioned("w", 0)])
    gather.commit([sample.failed_segment("w", 1, "engine")])
    gather.commit([sample.failed_segment("w", 1, "timeout", passes=MAX_PASSES - 1)])
    gather.commit([sample.failed_segment("x", 0, "undecodable")])
    CommitDataset(place, "run", "here", "n").commit([sample.narrated("v")])
    store = Store(place)
    assert store.exists()
    assert store.done_segments() == {"captions-v": {0, 1}, "captions-w": {0}}
    assert list(store.done_videos()) == ["v"]
    failed = store.failed()
    assert {at: (f.failure_class, f.passes, f.final) for at, f in failed.items()} == {
        ("captions-w", 1): ("timeout", MAX_PASSES, True),
        ("captions-x", 0): ("undecodable", 1, True),
    }
    captioned = store.captioned("captions-v")
    assert [row["segment_index"] for row in captioned] == [0, 1]
    assert captioned[0]["windows"] == sample.captioned("v", 0)["windows"]


def test_files_beside_the_tables(place: str) -> None:
    store = Store(place)
    one, two, three = ({"run_id": f"2026-{x}"} for x in "abc")
    uri = store.write_file("runs/2026-b/report.json", json.dumps(two).encode())
    store.write_file("runs/2026-a/report.json", json.dumps(one).encode())
    assert uri.endswith("/runs/2026-b/report.json")
    assert store.read_file("runs/2026-b/report.json") == json.dumps(two).encode()
    assert store.run_records("report.json") == [one, two]
    store.write_file("runs/2026-c/report.json", json.dumps(three).encode())
    assert store.run_records("report.json") == [one, two, three]
    table = pa.table({"a": [1, 2]})
    store.write_table("runs/2026-a/plan.parquet", table)
    assert pq.read_table(pa.BufferReader(store.read_file("runs/2026-a/plan.parquet"))) == table


@pytest.mark.parametrize("record", [b"", b"no JSON", b"[]", b"\xff", b'{"run_id": "../2"}', b'{"run_id": null}'])
def test_a_damaged_record_of_a_run_is_named_and_left_out(tmp_path: Path, record: bytes) -> None:
    store, damaged = Store(str(tmp_path)), list[str]()
    store.write_file("runs/1/report.json", record)
    store.write_file("runs/2/report.json", b'{"run_id": "2"}')
    assert store.run_records("report.json", damaged.append) == [{"run_id": "2"}]
    assert damaged == [f"{tmp_path}/runs/1/report.json"]


def test_runs_of_other_processes_are_seen_as_they_come(place: str) -> None:
    store = Store(place)
    one, two = {"run_id": "1"}, {"run_id": "2"}
    store.write_file("runs/1/report.json", json.dumps(one).encode())
    assert store.run_records("report.json") == [one]
    said = f"'runs/2/report.json', {json.dumps(two).encode()!r}"
    write = f"from operators.store.store import Store; Store(sys.argv[1]).write_file({said})"
    subprocess.run([sys.executable, "-c", f"import sys; {write}", place], check=True)
    assert store.run_records("report.json") == [one, two]


def test_the_name_of_an_output_is_no_glob(place: str) -> None:
    """Notes of writers and records of runs of `cap` are not those of `ca*`, and a prefix may hold brackets."""
    other, names = Store(f"{place}/cap"), ["ca*", "ca?", *(["[x]"] if scheme_of(place) else [])]
    other.open_for("other")
    other.write_file("runs/other/config.yaml", b"")
    for name in names:
        store = Store(f"{place}/{name}")
        store.open_for("mine")
        store.write_file("runs/mine/config.yaml", b"")
        opened = store.opened()
        assert [path.rsplit("/", 4)[-4:] for path in opened] == [[name, "runs", "open", "mine.json"]]
        unswept = store.unswept(opened)
        assert unswept is not None and unswept.run_ids == {"mine"}
        store.sweep(opened)
        assert not store.opened()
    assert len(other.opened()) == 1
