"""The table of answers: one row per request, under a key of everything that determines it."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from operators.core.base import Row
from operators.store.table import Table

TABLE = "answers"
ANSWERS = pa.schema(
    [
        pa.field("key", pa.string()),  # fingerprint of judge, rendered prompt, schema and seed
        pa.field("judge", pa.string()),  # name of the judge on the command line
        pa.field("fingerprint", pa.string()),  # of the judge's engine; null in rows of earlier versions
        pa.field("model", pa.string()),
        pa.field("revision", pa.string()),
        pa.field("seed", pa.int64()),
        pa.field("prompt", pa.string()),
        pa.field("prompt_version", pa.string()),
        pa.field("prompt_hash", pa.string()),
        pa.field("protocol", pa.string()),
        pa.field("video_id", pa.string()),  # the first video with this request; others share it
        pa.field("items", pa.list_(pa.string())),  # ids of the items
        pa.field("repeat_of", pa.string()),  # key of the first request that this one repeats; null: not a repetition
        pa.field("state", pa.string()),  # ok; split: asked again in two halves; failed
        pa.field("answer", pa.string()),  # JSON: id -> values; null after a failure
        pa.field("failure_class", pa.string()),
        pa.field("problem", pa.string()),
        pa.field("attempts", pa.int32()),
        pa.field("prompt_tokens", pa.int64()),
        pa.field("output_tokens", pa.int64()),
        pa.field("engine_s", pa.float64()),
        pa.field("cost_usd", pa.float64()),
    ]
)

PASSING = frozenset({"engine", "storage", "timeout", "internal"})
"""Failures of the engine rather than of an answer; another run asks again."""


@dataclass(frozen=True)
class Known:
    """The known result of one request.

    Attributes:
        state: as in the table.
        answer: id -> values, if there is one.
    """

    state: str
    answer: dict[str, dict[str, Any]] | None
    problem: str | None = None


class Answers:
    """The table of answers, thread-safe; rows are durable after `flush`."""

    def __init__(self, folder: str) -> None:
        self.table = Table(f"{folder}/{TABLE}", ANSWERS, writer="judge")
        self.table.fence()
        self._guard = threading.Lock()
        self._known: dict[str, Known] = {}
        self._again: set[str] = set()
        self._rows: list[Row] = []
        for row in self.table.read(["key", "state", "answer", "failure_class", "problem"]).to_pylist():
            if row["state"] == "failed" and row["failure_class"] in PASSING:
                self._again.add(row["key"])
            else:
                self._known[row["key"]] = _known(row)

    def get(self, key: str) -> Known | None:
        with self._guard:
            return self._known.get(key)

    def put(self, row: Row) -> Known:
        known = _known(row)
        with self._guard:
            if row["key"] not in self._known:
                self._known[row["key"]] = known
                self._rows.append(row)
        return known

    def waiting(self) -> int:
        """Number of rows that a kill would lose."""
        return len(self._rows)

    def flush(self) -> None:
        """Commit the new answers. Call it from one thread only."""
        with self._guard:
            rows, self._rows = self._rows, []
        if not rows:
            return
        made = pa.Table.from_pylist(rows, schema=ANSWERS)
        if any(row["key"] in self._again for row in rows):
            self.table.upsert(made, ["key"])
        else:
            self.table.append(made)


def _known(row: Row) -> Known:
    return Known(row["state"], json.loads(row["answer"]) if row["answer"] else None, row["problem"])
