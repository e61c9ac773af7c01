"""Steps of several tables in one pass. Shared steps run once; each table's own steps see only their own columns."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from operators.core.arrow import failure
from operators.core.base import Apply, ItemError, Needs, Operator, Row

MISSING = "missing"
"""Column that names the tables for which a row is still to be made."""


def column_of(table: str) -> str:
    """The column that carries a table's own values: a mapping of column names to values, with `failure` among them."""
    return f"of_{table}"


@dataclass(frozen=True, kw_only=True)
class Branch(Operator):
    """Applies `op` for `table` only; its output and its failure are written to the table's own column.

    A row that is not needed for the table is returned unchanged. A failure in one table does not affect the others.
    """

    name: ClassVar[str] = "branch"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = ""
    reads: ClassVar[frozenset[str]] = frozenset({MISSING})
    writes: ClassVar[frozenset[str]] = frozenset()

    op: Operator
    table: str

    @property
    def concurrency(self) -> int:
        """Number of rows that it processes simultaneously."""
        return int(getattr(self.op, "concurrency", 1))

    def needs(self) -> Needs:
        return self.op.needs()

    @contextmanager
    def open(self) -> Iterator[Apply]:
        at = column_of(self.table)
        with self.op.open() as apply:

            def own(row: Row) -> Row:
                mine: dict[str, Any] = row.get(at) or {}
                if self.table not in row[MISSING] or mine.get("failure"):
                    return row
                try:
                    made = apply({**row, **mine})
                except ItemError as error:
                    lost = failure(self.op.name, error.failure_class, error.message, error.attempts)
                    return {**row, at: {**mine, "failure": lost}}
                except Exception as error:  # as in a stage: one item's bug must not end the job of all the others
                    return {**row, at: {**mine, "failure": internal_failure(self.op.name, error)}}
                return {**row, at: {**mine, **{column: made[column] for column in self.op.writes}}}

            yield own


def internal_failure(stage: str, error: Exception) -> Row:
    """The failure of an item on which an operator raised an unexpected exception, with file and line."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{where.filename.rsplit('/', 1)[-1]}:{where.lineno}"
    return failure(stage, "internal", f"{type(error).__name__}: {error} ({place})", 1)
