from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from operators.core.base import ItemError
from operators.store import patience
from operators.store import table as module
from operators.store.own_files import Unswept
from operators.store.table import Claim, Fenced, Table

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("n", pa.int32()),
        pa.field("parts", pa.list_(pa.struct([pa.field("text", pa.string())]))),
    ]
)
ANY = Unswept(0.0)  # whatever looks like a data file may have been left by a writer
ORPHAN = "part-00000-01234567-89ab-cdef-0123-456789abcdef-c000.zstd.parquet"
ODD = ["it's", 'say "hi"', "a,b", "日本", "ünïcode", "x') OR ('1'='1", "100%", "a\\b", "", "new\nline", "''", ";--"]


def rows(*ids: str, n: int = 0) -> pa.Table:
    return pa.Table.from_pylist([{"id": i, "n": n, "parts": [{"text": f"of {i}"}]} for i in ids], schema=SCHEMA)


def held(table: Table) -> list[tuple[str, int]]:
    return sorted((r["id"], r["n"]) for r in table.read(["id", "n"]).to_pylist())


def files(uri: str) -> list[str]:
    """The parquet files that a plain glob finds."""
    system, path = fsspec.core.url_to_fs(uri)
    system.invalidate_cache()
    return sorted(system.glob(f"{path}/*.parquet"))


@pytest.fixture
def table(place: str) -> Table:
    made = Table(f"{place}/t", SCHEMA)
    made.fence()
    return made


@pytest.fixture
def local(tmp_path: Path) -> Table:
    made = Table(str(tmp_path / "t"), SCHEMA)
    made.fence()
    return made


# -- the core, in a folder and on S3 -----------------------------------------------------------------------------------


def test_an_absent_table_is_empty_and_reading_does_not_make_it(place: str) -> None:
    table = Table(f"{place}/t", SCHEMA)
    assert not table.exists()
    assert table.read().schema == SCHEMA
    assert table.read(["n"]).schema == pa.schema([SCHEMA.field("n")])
    assert table.lookup("id", "a").num_rows == 0
    assert table.file_uris() == []
    table.tidy()
    assert not table.exists()


def test_what_is_appended_is_read_by_everybody_at_once(table: Table) -> None:
    other = Table(table.uri, SCHEMA)
    assert other.read().num_rows == 0
    table.append(rows("a", "b"))
    assert other.read() == table.read() == rows("a", "b")
    table.append(rows("c"))
    assert held(other) == [("a", 0), ("b", 0), ("c", 0)]
    assert other.read(["id"], pc.field("id") == "c").to_pylist() == [{"id": "c"}]


def test_upsert_puts_new_rows_in_place_of_old_ones(table: Table) -> None:
    table.upsert(rows("a", "b", "c"), ["id"])
    table.upsert(rows("b", "d", n=1), ["id"])
    assert held(table) == [("a", 0), ("b", 1), ("c", 0), ("d", 1)]


def test_upsert_by_two_columns(table: Table) -> None:
    table.append(pa.concat_tables([rows("a", n=1), rows("a", n=2), rows("b", n=1)]))
    table.upsert(rows("a", n=2), ["id", "n"])
    assert held(table) == [("a", 1), ("a", 2), ("b", 1)]


def test_many_commits_leave_few_live_files_and_every_row(local: Table) -> None:
    for n in range(200):
        local.append(rows(f"r{n}", n=n))
    assert held(local) == sorted((f"r{n}", n) for n in range(200))
    assert len(local.file_uris()) < 80, "small files were not joined on the way: each commit looks at all of them"


def test_delete_replace_and_tidy(table: Table) -> None:
    table.append(rows("a", "b"))
    table.append(rows("c", "d"))
    table.delete("id", ["a", "c", "not there"])
    table.delete("id", ["not there either"])
    assert held(table) == [("b", 0), ("d", 0)]
    table.append(rows("e"))
    table.rewrite(lambda _: rows("f", "g", n=5))
    assert held(table) == [("f", 5), ("g", 5)]
    table.rewrite(lambda _: rows())
    assert held(table) == []
    table.append(rows("h"))
    table.append(rows("i"))
    table.tidy()
    assert held(Table(table.uri, SCHEMA)) == [("h", 0), ("i", 0)]
    assert len(files(table.uri)) == len(table.file_uris()) == 1


def test_odd_ids_are_just_ids(table: Table) -> None:
    table.append(rows(*ODD))
    table.upsert(rows(*ODD, n=1), ["id"])
    assert held(table) == sorted((i, 1) for i in ODD)
    for odd in ODD:
        assert table.lookup("id", odd).to_pylist() == rows(odd, n=1).to_pylist()
    table.delete("id", ODD[:6])
    assert held(table) == sorted((i, 1) for i in ODD[6:])


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


# -- fencing -----------------------------------------------------------------------------------------------------------


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
    real = module.write_deltalake

    def overtaken(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(module, "write_deltalake", real)
        new.fence()  # after the old writer looked, before it commits
        real(*args, **kwargs)

    local.append(rows("a"))
    monkeypatch.setattr(module, "write_deltalake", overtaken)
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


# -- lost answers ------------------------------------------------------------------------------------------------------


class Unlucky:
    """`write_deltalake`, with answers that get lost after, or requests that get lost before, the commit."""

    def __init__(self, error: Exception, *, times: int, lands: bool) -> None:
        self._real = module.write_deltalake
        self.error, self.times, self.lands = error, times, lands

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        if self.times and not self.lands:
            self.times -= 1
            raise self.error
        self._real(*args, **kwargs)
        if self.times:
            self.times -= 1
            raise self.error


ERRORS = [CommitFailedError("conflict"), OSError("connection\nreset")]


@pytest.mark.parametrize("error", ERRORS, ids=["conflict", "storage"])
@pytest.mark.parametrize("lands", [True, False], ids=["answer lost", "request lost"])
@pytest.mark.parametrize("how", ["append", "upsert", "rewrite"])
def test_a_commit_whose_answer_is_lost_is_there_once(
    local: Table, monkeypatch: pytest.MonkeyPatch, error: Exception, lands: bool, how: str
) -> None:
    monkeypatch.setattr(patience, "_PAUSE_S", 0.0)
    monkeypatch.setattr(module, "write_deltalake", Unlucky(error, times=1, lands=lands))
    if how == "append":
        local.append(rows("a"))
    elif how == "upsert":
        local.upsert(rows("a"), ["id"])
    else:
        local.rewrite(lambda _: rows("a"))
    local.append(rows("b"))
    assert held(local) == [("a", 0), ("b", 0)]


@pytest.mark.parametrize("error", ERRORS, ids=["conflict", "storage"])
def test_taking_over_survives_a_lost_answer(local: Table, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(patience, "_PAUSE_S", 0.0)
    monkeypatch.setattr(module, "write_deltalake", Unlucky(error, times=1, lands=True))
    local.fence()
    local.append(rows("a"))
    assert held(local) == [("a", 0)]


@pytest.mark.parametrize("lands", [True, False])
def test_after_storage_gave_up_the_next_commit_is_not_taken_for_the_lost_one(
    local: Table, monkeypatch: pytest.MonkeyPatch, lands: bool
) -> None:
    monkeypatch.setattr(patience, "_PAUSE_S", 0.0)
    monkeypatch.setattr(patience, "_TRIES", 1)
    monkeypatch.setattr(module, "write_deltalake", Unlucky(OSError("time\n\x1b[31mout\x1b[0m"), times=1, lands=lands))
    with pytest.raises(ItemError, match=r"^storage: .*: time out$") as failed:
        local.append(rows("a"))
    assert failed.value.failure_class == "storage"
    local.append(rows("b"))
    assert held(local) == ([("a", 0), ("b", 0)] if lands else [("b", 0)])
    local.delete("id", ["b"])
    assert held(local) == ([("a", 0)] if lands else [])


def test_storage_that_stays_away_is_storages_error(local: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_PAUSE_S", 0.0)
    monkeypatch.setattr(module, "write_deltalake", Unlucky(OSError("gone"), times=10**6, lands=False))
    with pytest.raises(ItemError, match="storage: "):
        local.append(rows("a"))


def test_conflicts_without_end_are_storages_error(local: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_CONFLICT_S", 0.2)
    monkeypatch.setattr(module, "write_deltalake", Unlucky(CommitFailedError("taken"), times=10**6, lands=False))
    with pytest.raises(ItemError, match=r"^storage: .*: for 0\.2 s every commit met another writer's: taken$"):
        local.append(rows("a"))


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


@pytest.mark.parametrize("read", [lambda t: list(t.batches(["id"])), Table.fragments, Table.file_uris])
def test_reading_for_a_resume_survives_storage_that_fails_once(
    local: Table, monkeypatch: pytest.MonkeyPatch, read: Callable[[Table], list[Any]]
) -> None:
    local.append(rows("a"))
    local.append(rows("b"))
    expected = len(read(local))
    monkeypatch.setattr(patience, "_PAUSE_S", 0.0)
    real, calls = DeltaTable.update_incremental, []

    def unlucky(self: DeltaTable) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("connection reset")
        real(self)

    monkeypatch.setattr(DeltaTable, "update_incremental", unlucky)
    assert len(read(local)) == expected == 2
    assert len(calls) == 2


def test_a_file_that_cannot_be_read_at_once_is_read_again(local: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a long read: what was handed on before is not handed on twice."""
    for name in ("a", "b", "c"):
        local.append(rows(name))
    monkeypatch.setattr(patience, "_PAUSE_S", 0.0)
    fragments = local.fragments()
    broken = Stuttering(fragments[1])
    monkeypatch.setattr(local, "fragments", lambda: [fragments[0], broken, fragments[2]])
    assert sorted(i for batch in local.batches(["id"]) for i in batch["id"].to_pylist()) == ["a", "b", "c"]
    assert broken.calls == 2


class Stuttering:
    """A fragment whose first read fails."""

    def __init__(self, fragment: Any) -> None:
        self._fragment, self.calls = fragment, 0

    def to_table(self, **options: Any) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise OSError("connection reset")
        return self._fragment.to_table(**options)


# -- reading -----------------------------------------------------------------------------------------------------------


def test_lookup_reads_the_row_groups_that_hold_the_value_and_no_others(
    local: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROW_GROUP", 10)
    ids = [f"v{k // 10}" for k in range(200)]
    local.append(rows(*ids))
    local.append(rows("v3", n=1))
    local.tidy()
    assert len(files(local.uri)) == 1
    assert sorted(r["n"] for r in local.lookup("id", "v3").to_pylist()) == [0] * 10 + [1]
    assert local.lookup("id", "v19").num_rows == 10
    assert local.lookup("id", "v1").num_rows == 10
    assert local.lookup("id", "v").num_rows == 0
    assert len(local._held) >= 20
    some = local.lookup("id", "v3", "v19", "nobody", columns=["n"])
    assert (some.num_rows, some.column_names) == (21, ["n"])
    local.append(rows("v3", n=2))
    assert local.lookup("id", "v3").num_rows == 12
    local.delete("id", ["v3"])
    assert local.lookup("id", "v3").num_rows == 0


def test_thousands_of_keys_at_once(local: Table) -> None:
    many = [f"video number {k}" for k in range(1500)]
    local.upsert(rows(*many), ["id"])
    local.upsert(rows(*many, n=1), ["id"])
    assert local.read(["n"])["n"].to_pylist() == [1] * 1500
    local.delete("id", many[:-1])
    assert held(local) == [(many[-1], 1)]


# -- commits as compare-and-swap ---------------------------------------------------------------------------------------


def test_rows_that_are_asked_for_see_what_others_have_added(place: str) -> None:
    """Two writers of different names that append the same keys: each key stands once, whoever comes first."""
    writers = [Table(f"{place}/t", SCHEMA, writer=name) for name in ("one", "two")]

    def add(table: Table, wanted: list[str], known: set[str]) -> None:
        def fresh() -> pa.Table:
            known.update(table.news(["id"])["id"].to_pylist())
            return rows(*(i for i in wanted if i not in known))

        table.append(fresh)

    def work(k: int) -> None:
        known: set[str] = set()
        writers[k].fence()
        for n in range(0, 12, 2):
            add(writers[k], [f"{m}" for m in range(n, n + 4)], known)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    assert held(Table(f"{place}/t", SCHEMA)) == sorted((f"{m}", 0) for m in range(14))


def test_news_are_told_once_and_after_joining_files_again(local: Table) -> None:
    reader = Table(local.uri, SCHEMA)
    assert reader.news(["id"]).num_rows == 0
    local.append(rows("a", "b"))
    assert reader.news(["id"])["id"].to_pylist() == ["a", "b"]
    assert reader.news(["id"]).num_rows == 0
    local.append(rows("c"))
    assert reader.news(["id"])["id"].to_pylist() == ["c"]
    local.append(rows("d"))
    local.compact()
    assert "d" in reader.news(["id"])["id"].to_pylist()
    assert Table(local.uri, SCHEMA).news(["n"]).num_rows == 4


def test_select_reads_what_read_does(local: Table) -> None:
    absent = Table(local.uri + "/none", SCHEMA)
    assert absent.select(["n"], pc.field("n") > 0).num_rows == 0 and absent.version() is None
    before = local.version()
    local.append(rows(*(f"v{k}" for k in range(700)), n=1))
    local.append(rows("w", n=2))
    assert before is not None and (local.version() or 0) > before
    found = local.select(["id"], pc.match_substring(pc.field("id"), "69") | (pc.field("n") == 2))
    assert found.column_names == ["id"]
    assert sorted(found["id"].to_pylist()) == sorted(["w", *(f"v{k}" for k in range(700) if "69" in str(k))])


def test_batches_are_the_rows(local: Table) -> None:
    assert list(Table(local.uri + "/none", SCHEMA).batches(["id"])) == []
    local.append(rows("a", "b"))
    local.append(rows("c"))
    assert sorted(i for b in local.batches(["id"]) for i in b["id"].to_pylist()) == ["a", "b", "c"]


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


def test_a_rewrite_loses_nothing_that_comes_meanwhile(local: Table) -> None:
    local.append(rows("a", "b"))
    other = Table(local.uri, SCHEMA, writer="other")
    other.fence()
    late = iter(["c", "d"])

    def change(found: pa.Table) -> pa.Table:
        for i in late:
            other.append(rows(i))  # between the look and the commit
            break
        return found.filter(pc.field("id") != "a")

    local.rewrite(change)
    assert held(local) == [("b", 0), ("c", 0), ("d", 0)]


def test_tidying_beside_a_writer_that_sleeps_between_its_files_and_its_commit(
    local: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are swept away as strays; so its commit must fail, and be made again with new files."""
    other = Table(local.uri, SCHEMA, writer="other")
    other.fence()
    other.append(rows("before"))
    real, slept = module.write_deltalake, []

    def sleepy(delta: Any, data: pa.Table, **how: Any) -> None:
        if data.num_rows and not slept:
            slept.append(True)
            Path(local.uri, ORPHAN).write_bytes(b"written, not committed")
            Table(local.uri, SCHEMA).tidy(ANY)
        real(delta, data, **how)

    monkeypatch.setattr(module, "write_deltalake", sleepy)
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
        module.write_deltalake(
            begun, rows("b"), mode="append", commit_properties=CommitProperties(max_commit_retries=9)
        )
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


def test_what_will_not_change_is_not_asked_for_again(local: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", pauses.append)
    for said in ("No space left on device (os error 28)", "status: 403 Forbidden, AccessDenied"):
        monkeypatch.setattr(module, "write_deltalake", Unlucky(OSError(said), times=10**6, lands=False))
        with pytest.raises(ItemError, match="storage: "):
            local.append(rows("a"))
    assert pauses == []


OLDER = pa.schema([pa.field("id", pa.string()), pa.field("facts", pa.struct([pa.field("x", pa.int32())]))])
NEWER = pa.schema(
    [
        pa.field("added", pa.string()),
        pa.field("id", pa.string()),
        pa.field("facts", pa.struct([pa.field("y", pa.string()), pa.field("x", pa.int32())])),
    ]
)


def test_a_table_of_an_earlier_version_reads_as_null_and_grows_with_the_first_commit(tmp_path: Path) -> None:
    uri = str(tmp_path / "t")
    old = Table(uri, OLDER)
    old.fence()
    old.append(pa.Table.from_pylist([{"id": k, "facts": {"x": 1}} for k in "abc"], schema=OLDER))
    empty = {"added": None, "facts": {"y": None, "x": 1}}
    new = Table(uri, NEWER, writer="new")
    for found in (
        new.read().to_pylist(),
        new.lookup("id", "a").to_pylist(),
        new.news(NEWER.names).to_pylist(),
        [row for batch in new.batches(NEWER.names) for row in batch.to_pylist()],
    ):
        assert {**empty, "id": "a"} in found
    assert new.read(["added"]).to_pylist() == [{"added": None}] * 3

    new.claim("run all")
    new.fence()
    row = {"added": "z", "facts": {"y": "y", "x": 2}}
    new.append(pa.Table.from_pylist([{**row, "id": "d"}], schema=NEWER))
    new.upsert(pa.Table.from_pylist([{**row, "id": "a"}], schema=NEWER), ["id"])
    new.delete("id", ["b"])
    new.rewrite(lambda rows: rows)
    new.tidy()
    expected = [{**row, "id": "a"}, {**empty, "id": "c"}, {**row, "id": "d"}]
    assert sorted(new.read().to_pylist(), key=lambda r: str(r["id"])) == expected
    logs = sorted((tmp_path / "t" / "_delta_log").glob("*.json"))
    grown = [p for p in logs if '"added' in p.read_text() and '"metaData"' in p.read_text()]
    assert len([p for p in grown if "tidied" not in p.read_text()]) == 1, "the columns are added once"

    later = Table(uri, OLDER, writer="older code")
    later.fence()
    later.append(pa.Table.from_pylist([{"id": "e", "facts": {"x": 5}}], schema=OLDER))
    assert sorted(later.read(["id"])["id"].to_pylist()) == ["a", "c", "d", "e"]
    assert new.lookup("id", "e").to_pylist() == [{"added": None, "id": "e", "facts": {"y": None, "x": 5}}]
