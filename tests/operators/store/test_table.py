"""A Delta table: what is written is read, by columns, keys and files, also from a table of an earlier version."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from operators.core.base import ItemError
from operators.store import patience
from operators.store import table as module
from operators.store.table import Table
from tests.operators.store.tables import SCHEMA, Unlucky, files, held, rows

ODD = ["it's", 'say "hi"', "a,b", "日本", "ünïcode", "x') OR ('1'='1", "100%", "a\\b", "", "new\nline", "''", ";--"]


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


def test_what_will_not_change_is_not_asked_for_again(local: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", pauses.append)
    for said in ("No space left on device (os error 28)", "status: 403 Forbidden, AccessDenied"):
        monkeypatch.setattr(module, "land", Unlucky(OSError(said), times=10**6, lands=False))
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
