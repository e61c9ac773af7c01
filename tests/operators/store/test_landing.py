"""The file of a commit's rows: written once for all tries, and anew where a sweep may have taken it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from operators.store import landing
from operators.store import table as module
from operators.store.log import Log
from operators.store.own_files import DATA_FILE, Unswept
from operators.store.table import Table
from tests.operators.store.tables import SCHEMA, files, held, rows


def _overtaken(monkeypatch: pytest.MonkeyPatch, others: list[Any]) -> None:
    """Let each of `others` happen between a try's file and its commit."""
    real = module.land

    def late(delta: Any, data: pa.Table, file: Any, *how: Any, **more: Any) -> None:
        if file is not None and others:
            file.holding(data, delta.version())
            happen = others.pop(0)
            monkeypatch.setattr(module, "land", real)
            happen()
            monkeypatch.setattr(module, "land", late)
        real(delta, data, file, *how, **more)

    monkeypatch.setattr(module, "land", late)


def test_the_tries_of_a_commit_share_a_file(local: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Table(local.uri, SCHEMA, writer="other")
    other.fence()
    written: list[str] = []
    real = landing._written

    def counted(log: Log, data: pa.Table) -> Any:
        action = real(log, data)
        written.extend(i for i in data["id"].to_pylist())
        return action

    monkeypatch.setattr(landing, "_written", counted)
    _overtaken(monkeypatch, [lambda k=k: other.append(rows(f"other {k}")) for k in range(5)])
    local.append(rows("mine"))
    assert written.count("mine") == 1
    assert held(local) == [("mine", 0), *((f"other {k}", 0) for k in range(5))]
    assert len(files(local.uri)) == len(local.file_uris()), "no try has left a file behind"


def test_a_file_is_written_anew_where_the_rows_have_become_others(
    local: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Table(local.uri, SCHEMA, writer="other")
    other.fence()
    known: set[str] = set()

    def fresh() -> pa.Table:
        known.update(local.news(["id"])["id"].to_pylist())
        return rows(*(i for i in ("a", "b") if i not in known))

    _overtaken(monkeypatch, [lambda: other.append(rows("a"))])
    local.append(fresh)
    assert held(local) == [("a", 0), ("b", 0)]


@pytest.mark.parametrize("sweeps", [1, 2])
def test_a_file_that_a_sweep_may_have_taken_is_not_used_again(
    local: Table, monkeypatch: pytest.MonkeyPatch, sweeps: int
) -> None:
    def sweep() -> None:
        assert Table(local.uri, SCHEMA).tidy(Unswept(0.0)) == 1

    _overtaken(monkeypatch, [sweep] * sweeps)
    local.append(rows("a"))
    assert held(local) == [("a", 0)]
    assert all(Path(path).exists() for path in local.file_uris())


def test_what_a_file_says_of_itself(local: Table) -> None:
    local.append(rows("b", "a", "x" * 100, n=3))
    local.append(rows("c"))
    (first, second) = (Path(uri).name for uri in sorted(local.file_uris(), key=lambda p: Path(p).stat().st_mtime_ns))
    assert DATA_FILE.fullmatch(first) and DATA_FILE.fullmatch(second)
    adds = [
        json.loads(line)["add"]
        for path in sorted(Path(local.uri, "_delta_log").glob("*.json"))
        for line in path.read_text().splitlines()
        if '"add"' in line
    ]
    assert [json.loads(a["stats"])["numRecords"] for a in adds] == [3, 1]
    said = json.loads(adds[0]["stats"])
    assert said["minValues"] == said["maxValues"] == {"n": 3}, "one of the strings is long"
    assert json.loads(adds[1]["stats"])["minValues"] == {"id": "c", "n": 0}


def test_a_log_is_read_commit_by_commit_and_gives_up_what_is_gone(local: Table) -> None:
    log = Log(local.uri)
    local.append(rows("a"))
    version = local.version() or 0
    (appended,) = log.since(version - 1, version) or []
    assert appended.transactions == {"longcap": local._version} and len(appended.added) == 1
    assert not appended.removes and not appended.described
    local.append(rows("b"))
    local.compact()
    (compacted,) = log.since(version + 1, version + 2) or []
    assert compacted.removes and not compacted.added, "joined files bring no new rows"
    assert log.since(version, version) == [] and log.since(version, version - 1) is None
    assert log.since(0, 10**6) is None
    Path(local.uri, "_delta_log", f"{version:020d}.json").unlink()
    assert Log(local.uri).since(version - 1, version) is None


def test_pauses_grow_with_conflicts_and_shrink_with_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    from operators.store import patience

    monkeypatch.setattr(patience.random, "uniform", lambda _, most: most)
    pace = patience.Pace()
    grown = [pace.pause_s() for _ in range(12)]
    assert grown[0] == patience._CONFLICT_LEAST_S and grown[-1] == patience._CONFLICT_MOST_S
    assert all(b == min(2 * a, grown[-1]) for a, b in itertools.pairwise(grown))
    pace.landed()
    assert pace.pause_s() == grown[-1], "one that waited for long begins where it was, not with the shortest pause"
    for _ in range(20):
        pace.landed()
    assert pace.pause_s() == grown[0]
