"""Looking up rows by a value, of a few row groups or of thousands of keys."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from operators.core.keys import SUPERSEDED
from operators.store import landing as module
from operators.store.table import Table
from tests.operators.store.tables import files, held, rows


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


def _types(table: Table) -> set[str]:
    return {str(field.type) for uri in table.file_uris() for field in pq.read_schema(uri)}


def _found(table: Table) -> list[list[int]]:
    """Rows of `b` by every way to read some of them."""
    where = pc.field("id") == "b"
    ways = (table.lookup("id", "b"), table.read(["n"], where), table.read(None, where), table.select(["n"], where))
    return [way["n"].to_pylist() for way in ways]


def test_after_a_delete_the_other_rows_of_the_file_can_be_found(table: Table) -> None:
    table.append(rows("a", "b", "c", "d"))
    table.delete("id", ["a"])
    assert _found(table) == [[0]] * 4


def test_changes_write_the_types_that_appends_write(local: Table) -> None:
    local.append(rows("a", "b", "c", "d"))
    types = _types(local)
    local.delete("id", ["a"])
    assert _types(local) == types
    local.upsert(rows("b", n=1), ["id"])
    assert _types(local) == types


def test_what_delta_rs_has_deleted_or_updated_is_read(local: Table) -> None:
    local.append(rows(*"abcd"))
    local.append(rows(*"efg"))
    DeltaTable(local.uri).delete("id = 'a'")
    DeltaTable(local.uri).update({"n": "7"}, predicate="id = 'b'")
    assert any("string_view" in kind for kind in _types(local))
    again = Table(local.uri, local.schema)
    assert _found(again) == [[7]] * 4
    assert again.read(["id"], pc.field("n") == 0)["id"].to_pylist() == ["c", "d", "e", "f", "g"]
    again.fence()
    again.delete("id", ["c"])
    assert held(again) == [("b", 7), *((i, 0) for i in "defg")]


def test_superseded_rows_and_their_neighbours_can_be_found(tmp_path: Path) -> None:
    schema = pa.schema([("video_id", pa.string()), ("key", pa.string())])
    table = Table(str(tmp_path / "t"), schema)
    table.fence()
    ids = [f"v{k}" for k in range(250)]
    table.append(pa.table({"video_id": ids, "key": ["k"] * 250}, schema=schema))
    types = _types(table)
    table.supersede("video_id", ids[:-1])
    assert table.lookup("video_id", "v3")["key"].to_pylist() == [f"k{SUPERSEDED}"]
    assert table.lookup("video_id", "v249")["key"].to_pylist() == ["k"]
    assert sorted(table.read(["video_id"])["video_id"].to_pylist()) == sorted(ids)
    assert _types(table) == types
