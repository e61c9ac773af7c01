"""The committer of a pass over several tables, which passes each table's part of a row to its own committer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from operators.core.base import Row
from operators.core.branch import MISSING, column_of
from operators.store.commit import Committer

KEYS = "keys"
"""Column: JSON of table -> key, passes and attempts of its row there."""


class CommitPass:
    """Commits the rows of a pass.

    Args:
        parts: table -> class of its committer, and arguments of that committer only.
        arguments: arguments of all committers.
    """

    waits = staticmethod(Committer.waits)
    urgent = staticmethod(Committer.urgent)

    def __init__(self, parts: Mapping[str, tuple[Any, Mapping[str, Any]]], host: str, **arguments: Any) -> None:
        writer, share = arguments.pop("writer"), arguments.pop("share", None)
        self._committers = {}
        for table, (committer, own) in parts.items():
            given = {"share": share, **own} if table == "segments" else own
            self._committers[table] = committer(host=host, writer=f"{writer} {table}", **arguments, **given)

    def commit(self, items: list[Row]) -> list[list[Row]]:
        answers: list[list[Row]] = [[] for _ in items]
        for table, committer in self._committers.items():
            at = [i for i, row in enumerate(items) if table in row[MISSING]]
            for i, found in zip(at, committer.commit([_part(items[i], table) for i in at]), strict=True):
                answers[i] += found
        return answers


def _part(row: Row, table: str) -> Row:
    """The part of a row that belongs to one table."""
    key, passes, attempts = json.loads(row[KEYS])[table]
    own: Mapping[str, Any] = row.get(column_of(table)) or {}
    failed = row["failure"] or own.get("failure")
    return {**row, **own, "failure": failed, "key": key, "passes": passes, "attempts": attempts}
