"""Several writers of one table: fences, claims, and what sleeping ones leave behind."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from operators.store import table as module
from operators.store.own_files import Unswept
from operators.store.table import Claim, Fenced, Table
from tests.operators.store.tables import SCHEMA, files, held, rows

ANY = Unswept(0.0)  # whatever looks like a data file may have been left by a writer

ORPHAN = "part-00000-01234567-89ab-cdef-0123-456789abcdef-c000.zstd.parquet"


def test_an_older_writer_is_fenced_and_leaves_nothing(place: str) -> None:
    old, new = Table(f"{place}/t", SCHEMA), Table(f"{place}/t", SCHEMA)
    old.fence()
    old.append(rows("a"))
    new.fence()
    for write in (
        lambda: old.append(rows("lost")),
        lambda: old.upsert(rows("a", n=9), ["id"]),
        lambda: old.delete("id", ["a"]),
        lambda: old.rewrite(lambda _: rows("lost")),
    ):
        with pytest.raises(Fenced, match="another writer has taken over"):
            write()
    new.append(rows("b"))
    assert held(new) == held(old) == [("a", 0), ("b", 0)]
    new.tidy()
    plain = [r for f in files(new.uri) for r in _read_plain(new.uri, f)]
    assert sorted(r["id"] for r in plain) == ["a", "b"]


def _read_plain(uri: str, path: str) -> list[dict[str, Any]]:
    system, _ = fsspec.core.url_to_fs(uri)
    with system.open(path, "rb") as file:
        return list(pq.read_table(file).to_pylist())


def test_writers_of_different_names_append_to_one_table_at_once(place: str) -> None:
    def work(name: str) -> None:
        table = Table(f"{place}/failures", SCHEMA, writer=name)
        table.fence()
        for n in range(5):
            table.append(rows(name, n=n))

    names = ["probe", "gather", "narrate", "longcap"]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(work, names))
    assert held(Table(f"{place}/failures", SCHEMA)) == sorted((name, n) for name in names for n in range(5))


def test_writing_before_fencing_is_a_mistake(local: Table) -> None:
    other = Table(local.uri, SCHEMA)
    with pytest.raises(RuntimeError, match=r"fence\(\) comes before"):
        other.append(rows("a"))


def test_a_writer_may_take_a_table_over_again(local: Table) -> None:
    other = Table(local.uri, SCHEMA)
    other.fence()
    other.append(rows("a"))
    local.fence()
    local.append(rows("b"))
    with pytest.raises(Fenced):
        other.append(rows("c"))
    assert held(local) == [("a", 0), ("b", 0)]


def test_of_two_that_take_over_at_once_one_is_left(local: Table) -> None:
    ready = threading.Barrier(4)
    writers = [Table(local.uri, SCHEMA) for _ in range(4)]

    def work(k: int) -> str:
        ready.wait()
        writers[k].fence()
        try:
            writers[k].append(rows(str(k)))
            writers[k].append(rows(str(k)))
        except Fenced:
            return "fenced"
        return "won"

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(work, range(4)))
    winner = max(range(4), key=lambda k: writers[k]._version or 0)
    assert ends[winner] == "won"
    for k in range(4):
        if k != winner:
            with pytest.raises(Fenced):
                writers[k].append(rows("late"))
    writers[winner].append(rows(str(winner)))
    assert held(local).count((str(winner), 0)) == 3
    assert all(held(local).count((str(k), 0)) == 2 for k in range(4) if ends[k] == "won" and k != winner)


def test_an_overtaken_commit_leaves_no_file_once_the_table_is_tidy(
    local: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = Table(local.uri, SCHEMA)
    real = module.land

    def overtaken(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(module, "land", real)
        new.fence()  # after the old writer looked, before it commits
        real(*args, **kwargs)

    local.append(rows("a"))
    monkeypatch.setattr(module, "land", overtaken)
    with pytest.raises(Fenced):
        local.append(rows("zombie"))
    assert held(new) == [("a", 0)]
    assert len(files(local.uri)) == 2  # the zombie's file lies there, and no reader of the table sees it
    new.tidy()
    assert len(files(local.uri)) == 2, "where no writer is known, it may be somebody else's"
    new.tidy(ANY)
    assert [r["id"] for f in files(local.uri) for r in _read_plain(local.uri, f)] == ["a"]


def test_fences_hold_past_a_checkpoint_of_the_log(local: Table) -> None:
    for n in range(103):  # delta-rs writes one every hundred commits
        local.append(rows("a", n=n))
    assert list(Path(local.uri, "_delta_log").glob("*.checkpoint.parquet"))
    new = Table(local.uri, SCHEMA)
    new.fence()
    new.append(rows("b"))
    with pytest.raises(Fenced):
        local.append(rows("zombie"))
    assert new.read(["n"]).num_rows == 104


def test_two_dozen_writers_all_get_their_turn(local: Table) -> None:
    """Each commit of one is a conflict for the others; nobody gives up, and every row is there once."""
    local.append(rows("first"))
    begin = threading.Barrier(24)

    def write(number: int) -> None:
        mine = Table(local.uri, local.schema, writer=f"writer {number}")
        begin.wait()
        mine.fence()
        mine.append(rows(f"{number}"))

    with ThreadPoolExecutor(24) as pool:
        for done in [pool.submit(write, number) for number in range(24)]:
            done.result()
    assert sorted(i for i, _ in held(local)) == sorted(["first", *map(str, range(24))])


def test_a_later_claim_stops_writers_of_every_name(place: str) -> None:
    table = Table(f"{place}/t", SCHEMA)
    first = Claim("run all", table.claim("run all"))
    writers = [Table(table.uri, SCHEMA, writer=name, claim=first) for name in ("a", "b")]
    for writer in writers:
        writer.fence()
        writer.append(rows("x"))
    other = Claim("run 1-of-2", table.claim("run 1-of-2"))
    beside = Table(table.uri, SCHEMA, writer="c", claim=other)
    beside.fence()
    second = Claim("run all", table.claim("run all"))
    assert second.version == first.version + 1
    for writer in writers:
        with pytest.raises(Fenced, match="another run has taken over"):
            writer.append(rows("late"))
    beside.append(rows("y"))
    writers[0]._claim = second
    writers[0].fence()
    writers[0].append(rows("z"))
    assert held(table) == [("x", 0), ("x", 0), ("y", 0), ("z", 0)]
    with pytest.raises(Fenced):
        table.claim("run all", first.version)


def test_tidying_beside_a_writer_that_sleeps_between_its_files_and_its_commit(
    local: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are swept away as strays; so its commit must fail, and be made again with new files."""
    other = Table(local.uri, SCHEMA, writer="other")
    other.fence()
    other.append(rows("before"))
    real, slept = module.land, []

    def sleepy(delta: Any, data: pa.Table, file: Any, *how: Any, **more: Any) -> None:
        if data.num_rows and not slept:
            file.holding(data, delta.version())
            slept.extend(set(files(local.uri)) - set(local.file_uris()))
            assert len(slept) == 1
            Table(local.uri, SCHEMA).tidy(ANY)
            assert not Path(slept[0]).exists()
        real(delta, data, file, *how, **more)

    monkeypatch.setattr(module, "land", sleepy)
    other.append(rows("after"))
    assert slept and held(local) == [("after", 0), ("before", 0)]
    assert local.tidy(ANY) >= 0 and len(files(local.uri)) == len(local.file_uris())


def test_a_compaction_that_sleeps_through_a_tidying_is_void(local: Table) -> None:
    for k in range(3):
        local.append(rows(f"{k}"))
    sleeping = Table(local.uri, SCHEMA)
    sleeping._existing()
    Path(local.uri, ORPHAN).write_bytes(b"")
    assert local.tidy(ANY) >= 1
    with pytest.raises(DeltaError):  # what it would join is not there any more, nor may its commit land
        sleeping._delta.optimize.compact()  # type: ignore[union-attr]  # on the version it has looked at
    assert held(local) == [("0", 0), ("1", 0), ("2", 0)]


def test_a_commit_that_was_begun_before_a_sweep_is_void_even_where_it_would_be_rebased(local: Table) -> None:
    """Its files may lie among those that are swept away; compactions are rebased over the commits of others."""
    local.append(rows("a"))
    sleeping = Table(local.uri, SCHEMA)
    begun = sleeping._existing()
    Path(local.uri, ORPHAN).write_bytes(b"")
    assert len(local.strays(ANY)) == 1
    with pytest.raises(CommitFailedError):
        write_deltalake(begun, rows("b"), mode="append", commit_properties=CommitProperties(max_commit_retries=9))
    assert held(local) == [("a", 0)]


def test_strays_are_what_no_version_to_come_will_name(place: str) -> None:
    table = Table(f"{place}/t", SCHEMA)
    assert table.tidy() == 0 and not table.exists()
    table.fence()
    table.append(rows("a"))
    assert table.strays() == []
    files_, folder = fsspec.core.url_to_fs(table.uri)
    files_.pipe_file(f"{folder}/{ORPHAN}", b"half a file")
    assert table.strays() == []
    assert [p.rsplit("/", 1)[-1] for p in table.strays(ANY)] == [ORPHAN]
    assert table.tidy(ANY) == 1 and held(table) == [("a", 0)]
