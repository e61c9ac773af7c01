"""`pick`: choose the best of several captions for each window, by scores or choices in the row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, ItemError, Operator, Row


@dataclass(frozen=True, kw_only=True)
class Pick(Operator):
    """Writes the windows of a segment, each from the table with the best caption of it.

    `by` names a list column with one item per window, in the order of `candidates`: an item has `scores`, a number per
    option, or `best`, the number of the option from 1; as fields or in the JSON of its `fields`. Frames,
    facts and provenance are those of the first table.
    """

    name: ClassVar[str] = "pick"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "ask"
    reads: ClassVar[frozenset[str]] = frozenset({"parents", "candidates"})
    writes: ClassVar[frozenset[str]] = frozenset({"windows", "frames", "facts", "decode", "provenance", "picked"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"picked": pa.list_(pa.string())}

    by: Annotated[str, Field(min_length=1, description="the list column with `scores` or `best` for each window")] = (
        "choices"
    )
    margin: Annotated[
        float, Field(ge=0, description="margin over the first option's score that another option needs")
    ] = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", type(self).reads | {self.by})

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield self._apply

    def _apply(self, row: Row) -> Row:
        parents: Mapping[str, Any] = row["parents"]
        tables = list(dict.fromkeys(o["table"] for c in row["candidates"] for o in c["options"]))
        held = {t: {w["window_index"]: w for w in parents[t]["windows"]} for t in tables if parents.get(t)}
        if not held:
            raise ItemError("internal", "none of the tables of its candidates is one of its parents")
        said = {item.get("index", k): item for k, item in enumerate(row[self.by] or ())}
        windows, picked = [], []
        for k, candidate in enumerate(row["candidates"]):
            table = self._best(candidate["options"], said.get(k)) or next(iter(held))
            windows.append(held[table][candidate["window_index"]])
            picked.append(table)
        first = parents[next(iter(held))]
        kept = {name: first[name] for name in ("frames", "facts", "decode", "provenance")}
        return {**row, **kept, "windows": windows, "picked": picked}

    def _best(self, options: list[Row], item: Mapping[str, Any] | None) -> str | None:
        """Return the table of the best option; the first if there is no valid choice; None if there are no options."""
        if not options:
            return None
        said: Mapping[str, Any] = _said(item)
        scores = said.get("scores")
        if isinstance(scores, list) and len(scores) == len(options):
            best = max(range(len(options)), key=lambda k: (scores[k], -k))
            return str(options[best if scores[best] > scores[0] + self.margin else 0]["table"])
        number = said.get("best")
        chosen = number - 1 if isinstance(number, int) and 1 <= number <= len(options) else 0
        return str(options[chosen]["table"])


def _said(item: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if not item:
        return {}
    fields = item.get("fields")
    read = json.loads(fields) if isinstance(fields, str) else fields
    return {**item, **(read if isinstance(read, dict) else {})}
