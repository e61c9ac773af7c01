"""The adapter without Ray: rows in, rows out, errors become rows."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from operators.core import rows
from operators.core.arrow import to_table
from operators.core.base import Apply, ItemError, Operator, Row
from operators.engines.base import EngineRefused
from operators.store.commit import STOPPED
from pipeline.execution.aggregators import AggregatorSpec
from pipeline.execution.coordinator import Coordinator
from pipeline.execution.stage import CommitStage, Stage, StageSpec

SCHEMA = pa.schema(
    [
        pa.field("n", pa.int64()),
        pa.field("kind", pa.string()),
        *(rows.COLUMNS[c] for c in ("failure", "host", "timings")),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Double(Operator):
    name: ClassVar[str] = "double"
    version: ClassVar[int] = 1
    pool: ClassVar[Any] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"n"})
    writes: ClassVar[frozenset[str]] = frozenset({"n"})
    open_now: ClassVar[list[str]] = []

    @contextmanager
    def open(self) -> Iterator[Apply]:
        self.open_now.append(self.name)
        try:
            yield self._apply
        finally:
            self.open_now.remove(self.name)

    def _apply(self, row: Row) -> Row:
        if row["n"] == 13:
            raise ItemError("engine", "thirteen\nis bad luck", attempts=3)
        if row["n"] == 14:
            raise KeyError("fourteen")
        return {**row, "n": 2 * row["n"], "unheard_of": "dropped"}


def through(stage: Stage, *items: Row) -> list[Row]:
    return list(stage(to_table(items, SCHEMA)).to_pylist())


@dataclass(frozen=True, kw_only=True)
class Refusing(Double):
    pool: ClassVar[Any] = "caption"

    @contextmanager
    def open(self) -> Iterator[Apply]:
        raise EngineRefused("no such model")
        yield


def test_an_engine_that_refuses_lets_the_actor_start_and_ends_the_graph_with_the_first_row() -> None:
    stage = Stage(StageSpec(operators=(Refusing(),), output=SCHEMA))
    failed = {"n": 1, "kind": "whole", "failure": {"stage": "x", "class": "crash", "message": "m", "attempts": 1}}
    assert through(stage, failed)[0]["failure"]["stage"] == "x"  # there is nothing to do
    with pytest.raises(EngineRefused, match=r"^engine: caption.engine: no such model$") as error:
        through(stage, {"n": 1, "kind": "whole"})
    assert isinstance(pickle.loads(pickle.dumps(error.value)), EngineRefused)


def test_operators_follow_one_another_in_one_actor_and_are_closed() -> None:
    stage = Stage(StageSpec(operators=(Double(), Double()), output=SCHEMA))
    assert Double.open_now == ["double", "double"]
    (row,) = through(stage, {"n": 3})
    assert row["n"] == 12 and row["failure"] is None and row["host"]
    assert set(json.loads(row["timings"])) == {"double", "double:cpu"} and "unheard_of" not in row
    stage.close()
    assert Double.open_now == []


def test_errors_become_failures_and_later_operators_leave_them_alone() -> None:
    stage = Stage(StageSpec(operators=(Double(), Double()), output=SCHEMA))
    bad, bug, good = through(stage, {"n": 13}, {"n": 14}, {"n": 1})
    assert bad["failure"] == {"stage": "double", "class": "engine", "message": "thirteen is bad luck", "attempts": 3}
    assert bad["n"] == 13 and good["n"] == 4 and good["failure"] is None
    assert bug["failure"]["class"] == "internal"
    assert bug["failure"]["message"].startswith("KeyError: 'fourteen' (test_stage.py:")


def test_rows_of_another_kind_and_failed_rows_pass_untouched() -> None:
    stage = Stage(StageSpec(operators=(Double(),), output=SCHEMA, only="whole"))
    failure = {"stage": "probe", "class": "timeout", "message": "m", "attempts": 1}
    other, failed, whole = through(
        stage, {"n": 5, "kind": "segment"}, {"n": 5, "kind": "whole", "failure": failure}, {"n": 5, "kind": "whole"}
    )
    assert other["n"] == failed["n"] == 5 and whole["n"] == 10
    assert failed["failure"] == failure and other["host"] is None


def test_a_stopped_run_lets_rows_pass_as_neither_done_nor_failed() -> None:
    coordinator = Coordinator()
    stage = Stage(StageSpec(operators=(Double(),), output=SCHEMA, coordinator=coordinator))
    coordinator.stop()
    (row,) = through(stage, {"n": 5})
    assert row["n"] == 5 and row["failure"]["class"] == STOPPED


def test_a_row_that_does_not_fit_becomes_the_failure_of_the_operator_that_wrote_it() -> None:
    stage = Stage(StageSpec(operators=(Double(),), output=SCHEMA))
    bad, good = through(stage, {"n": 2**62}, {"n": 1})
    assert (bad["n"], bad["failure"]["stage"], bad["failure"]["class"]) == (None, "double", "invalid")
    assert "column n cannot be stored" in bad["failure"]["message"]
    assert (good["n"], good["failure"]) == (2, None)


def test_a_commit_stage_answers_each_row_with_all_its_answers() -> None:
    class Committer:
        waits = staticmethod(lambda row: True)
        urgent = staticmethod(lambda row: False)

        def __init__(self, step: int, host: str) -> None:
            self.step = step

        def commit(self, items: list[Row]) -> list[list[Row]]:
            return [[{"n": i["n"]}] * (self.step if i["n"] else 1) for i in items]

    stage = CommitStage(AggregatorSpec(committer=Committer, arguments={"step": 2}), SCHEMA)
    assert [r["n"] for r in stage(to_table([{"n": 1}, {"n": 0}, {"n": 2}], SCHEMA)).to_pylist()] == [1, 1, 0, 2, 2]
