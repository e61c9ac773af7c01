"""Preference pairs of texts that were scored: the best one and a worse one, with the gap of their scores (mrDPO)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, ItemError, Level, Needs, Operator
from operators.training.timeline import line

_ITEM = pa.struct(
    [
        pa.field("chosen", pa.string()),
        pa.field("rejected", pa.string()),
        pa.field("chosen_score", pa.float64()),
        pa.field("rejected_score", pa.float64()),
        pa.field("score_gap", pa.float64()),  # chosen less rejected, above 0
        pa.field("chosen_from", pa.string()),  # as the recipe names the text
        pa.field("rejected_from", pa.string()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Pairs(Operator):
    """Pairs the texts of several tables by their scores.

    Args:
        texts: where each text stands, `TABLE.COLUMN`, such as `a.dataset.caption`; TABLE is a parent. A column of
            structs is followed by the name of a field.
        scores: where the score of each stands, in the same order; higher is better.
        min_gap: pairs whose scores differ by less are left out.
        every: all pairs of the texts; else only the best one with the worst one.
    """

    name: ClassVar[str] = "pairs"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "training"
    reads: ClassVar[frozenset[str]] = frozenset({"parents"})
    writes: ClassVar[frozenset[str]] = frozenset({"items"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"items": pa.list_(_ITEM)}

    texts: Annotated[tuple[str, ...], Field(min_length=2, description="TABLE.COLUMN of each text")]
    scores: Annotated[tuple[str, ...], Field(min_length=2, description="TABLE.COLUMN of the score of each text")]
    min_gap: Annotated[float, Field(ge=0, description="minimum difference of the scores of a pair")] = 0.0
    every: Annotated[bool, Field(description="make all pairs, not only the best with the worst")] = False

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.scores):
            raise ValueError(f"pairs has {len(self.texts)} texts and {len(self.scores)} scores; name a score for each")

    def needs(self) -> Needs:
        return Needs(cpus=0.5)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "items": list(self._items(row["parents"]))}

    def _items(self, parents: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        found: list[tuple[float, str, str]] = []
        for where, scored in zip(self.texts, self.scores, strict=True):
            text, score = _value(parents, where), _value(parents, scored)
            if text is None or score is None:
                continue  # a row of that parent failed, or its judge gave no mark
            if not isinstance(text, str):
                raise ItemError("invalid", f"pairs: {where} is {type(text).__name__}; it must be a text")
            if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
                raise ItemError("invalid", f"pairs: {scored} is {score!r:.40}; it must be a number")
            if text.strip():
                found.append((float(score), text, where))
        found.sort(key=lambda one: (-one[0], self.texts.index(one[2])))
        for good, bad in combinations(found, 2) if self.every else [(found[0], found[-1])] if len(found) > 1 else ():
            if good[0] > bad[0] and good[0] - bad[0] >= self.min_gap and line(good[1]) != line(bad[1]):
                yield {
                    "chosen": good[1],
                    "rejected": bad[1],
                    "chosen_score": good[0],
                    "rejected_score": bad[0],
                    "score_gap": good[0] - bad[0],
                    "chosen_from": good[2],
                    "rejected_from": bad[2],
                }


def _value(parents: Mapping[str, Any], where: str) -> Any:
    """The value that `TABLE.COLUMN` names; None where the row of that table failed or the field is null.

    Raises:
        ItemError: class invalid: there is no such table or column.
    """
    table = max((name for name in parents if where.startswith(f"{name}.")), key=len, default=None)
    if table is None:
        raise ItemError("invalid", f"pairs: {where} names no parent; the parents are {', '.join(parents) or 'none'}")
    value: Any = parents[table]
    for part in where[len(table) + 1 :].split("."):
        if value is None:
            return None
        if not isinstance(value, Mapping) or part not in value:
            raise ItemError("invalid", f"pairs: {where}: there is no column or field {part}")
        value = value[part]
    return value
