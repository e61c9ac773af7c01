"""Storage that fails in the middle: lost answers, conflicts, and reads that are tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from operators.core.base import ItemError
from operators.store import patience
from operators.store import table as module
from operators.store.table import Table
from tests.operators.store.tables import Unlucky, held, rows

ERRORS = [CommitFailedError("conflict"), OSError("connection\nreset")]


@pytest.mark.parametrize("error", ERRORS, ids=["conflict", "storage"])
@pytest.mark.parametrize("lands", [True, False], ids=["answer lost", "request lost"])
@pytest.mark.parametrize("how", ["append", "upsert", "rewrite"])
def test_a_commit_whose_answer_is_lost_is_there_once(
    local: Table, monkeypatch: pytest.MonkeyPatch, error: Exception, lands: bool, how: str
) -> None:
    monkeypatch.setattr(patience, "_PAUSE_S", 0.0)
    monkeypatch.setattr(module, "land", Unlucky(error, times=1, lands=lands))
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
    monkeypatch.setattr(module, "land", Unlucky(error, times=1, lands=True))
    local.fence()
    local.append(rows("a"))
    assert held(local) == [("a", 0)]


@pytest.mark.parametrize("lands", [True, False])
def test_after_storage_gave_up_the_next_commit_is_not_taken_for_the_lost_one(
    local: Table, monkeypatch: pytest.MonkeyPatch, lands: bool
) -> None:
    monkeypatch.setattr(patience, "_PAUSE_S", 0.0)
    monkeypatch.setattr(patience, "_TRIES", 1)
    monkeypatch.setattr(module, "land", Unlucky(OSError("time\n\x1b[31mout\x1b[0m"), times=1, lands=lands))
    with pytest.raises(ItemError, match=r"^storage: .*: time out$") as failed:
        local.append(rows("a"))
    assert failed.value.failure_class == "storage"
    local.append(rows("b"))
    assert held(local) == ([("a", 0), ("b", 0)] if lands else [("b", 0)])
    local.delete("id", ["b"])
    assert held(local) == ([("a", 0)] if lands else [])


def test_storage_that_stays_away_is_storages_error(local: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_PAUSE_S", 0.0)
    monkeypatch.setattr(module, "land", Unlucky(OSError("gone"), times=10**6, lands=False))
    with pytest.raises(ItemError, match="storage: "):
        local.append(rows("a"))


def test_conflicts_without_end_are_storages_error(local: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_CONFLICT_S", 0.2)
    monkeypatch.setattr(module, "land", Unlucky(CommitFailedError("taken"), times=10**6, lands=False))
    with pytest.raises(ItemError, match=r"^storage: .*: for 0\.2 s every commit met another writer's: taken$"):
        local.append(rows("a"))


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
