"""Looking up rows by a value, of a few row groups or of thousands of keys."""

from __future__ import annotations

import pytest

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
