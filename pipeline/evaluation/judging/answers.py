"""The table of answers: a row a request, under a key of all that decides it, so that nothing is asked twice."""

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
        pa.field("key", pa.string()),  # fingerprint: judge, prompt with all that fills it, schema, seed
        pa.field("judge", pa.string()),  # as it is called on the command line
        pa.field("model", pa.string()),
        pa.field("revision", pa.string()),
        pa.field("seed", pa.int64()),
        pa.field("prompt", pa.string()),
        pa.field("prompt_version", pa.string()),
        pa.field("prompt_hash", pa.string()),
        pa.field("protocol", pa.string()),
        pa.field("video_id", pa.string()),  # of the video that asked first; equal requests of others use the answer
        pa.field("items", pa.list_(pa.string())),  # ids
        pa.field("repeat_of", pa.string()),  # key of the same request, which is asked again; null: it is the first
        pa.field("state", pa.string()),  # ok; split: asked again in halves; failed
        pa.field("answer", pa.string()),  # JSON: id -> values; null where it failed
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
"""Failures that are the engine's, not the answer's: another run asks again."""


@dataclass(frozen=True)
class Known:
    """What is known of one request.

    Attributes:
        state: as in the table.
        answer: id -> values, where it is there.
    """

    state: str
    answer: dict[str, dict[str, Any]] | None
    problem: str | None = None


class Answers:
    """Thread-safe; rows are durable after `flush`."""

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
        """Rows that a kill would cost."""
        return len(self._rows)

    def flush(self) -> None:
        """Commit what has been answered. Called from one thread."""
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
