"""The operator `timed`: turn the entries of structured answers into captions with spans on the video's clock."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, Level, Operator, Row
from operators.talk.items import CAPTION, numbers

_SLACK_S = 1.0  # models write whole seconds
_LEAD_S = 10.0  # the least length of a chapter on YouTube: less than that before the first chapter belongs to it
_STAMP = re.compile(r'^\d+: (?:[^"\n]*: )?(?=")', re.MULTILINE)  # second and speaker before a line of `blocks`
_LABEL = re.compile(r"\bS\d+\b")  # a speaker


@dataclass(frozen=True, kw_only=True)
class Timed(Operator):
    """Reads a column of a step `ask`, whose answers hold a list `entries` with `start_s` and a text.

    Writes the list `to` (`operators.talk.items.CAPTION`), ordered by time, and `<to>_dropped`, the number of entries
    without a text, without a time, with a time outside of the requested span, or with an end that is not after the
    start; an invalid answer counts as one. With `until: next`, each entry ends where the next starts, and one that
    starts less than 10 s after the start of the video starts with it; what entries give as end is not used.
    """

    name: ClassVar[str] = "timed"
    version: ClassVar[int] = 2
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "talk"
    reads: ClassVar[frozenset[str]] = frozenset()  # `reads` and `writes` follow from the options
    writes: ClassVar[frozenset[str]] = frozenset()

    of: Annotated[str, Field(pattern="[a-z][a-z0-9_]*", description="the column of the answers")]
    entries: Annotated[str, Field(description="the field of an answer with the list")] = "entries"
    text: Annotated[str, Field(description="the field of an entry with its text")] = "text"
    to: Annotated[str, Field(pattern="[a-z][a-z0-9_]*", description="the list to write")] = "captions"
    until: Annotated[
        Literal["length", "next"],
        Field(description="end of an entry without end_s: after length_s, or at the start of the next"),
    ] = "length"
    length_s: Annotated[float, Field(gt=0, description="duration of an entry, in s; 8 in HowToCaption")] = 8.0
    source: Annotated[
        str | None,
        Field(description="list that was asked about: each number in an entry must occur in its item; null: unchecked"),
    ] = None

    def __post_init__(self) -> None:
        columns = {
            "reads": frozenset({self.of, "duration_s", *((self.source,) if self.source else ())}),
            "may_read": frozenset({f"{self.of}_answer"}),
            "writes": frozenset({self.to, f"{self.to}_dropped"}),
            "types": {self.to: pa.list_(CAPTION), f"{self.to}_dropped": pa.int32()},
        }
        for name, value in columns.items():
            object.__setattr__(self, name, value)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        def apply(row: Row) -> Row:
            found, dropped = self._captions(row)
            return {**row, self.to: found, f"{self.to}_dropped": dropped}

        yield apply

    def _captions(self, row: Row) -> tuple[list[Row], int]:
        duration_s = float(row["duration_s"])
        found: list[Row] = []
        dropped = sum(not answer["valid"] for answer in row[self.of]) if isinstance(row[self.of], list) else 0
        for answer in self._answers(row, duration_s):
            about = self._about(row, answer["index"])
            for entry in _entries(answer["fields"], self.entries):
                made = self._one(entry, answer, duration_s, about)
                if made is None:
                    dropped += 1
                else:
                    found.append(made)
        found.sort(key=lambda c: (c["start_s"], c["item"]))
        if self.until == "next":
            found, repeated = _one_after_the_other(found, duration_s)
            dropped += repeated
        return found, dropped

    def _answers(self, row: Row, duration_s: float) -> list[Row]:
        value = row[self.of]
        if isinstance(value, list):
            return [answer for answer in value if answer["valid"]]
        about = row.get(f"{self.of}_answer") or {}
        return [{"index": 0, "start_s": 0.0, "end_s": duration_s, "fields": about.get("fields")}]

    def _about(self, row: Row, index: int) -> str | None:
        items: Sequence[Any] | None = row[self.source] if self.source else None
        return None if items is None or index >= len(items) else str(items[index].get("text") or "")

    def _one(self, entry: Mapping[str, Any], answer: Row, duration_s: float, about: str | None) -> Row | None:
        text = " ".join(str(entry.get(self.text) or "").split())
        start_s = _seconds(entry.get("start_s"))
        if not text or start_s is None:
            return None
        last_s = answer["end_s"] + _SLACK_S
        if not answer["start_s"] - _SLACK_S <= start_s < min(last_s, duration_s):
            return None
        given = entry.get("end_s") if self.until == "length" else None
        end_s = start_s + self.length_s if given is None else _seconds(given)
        if end_s is None or end_s <= start_s or (given is not None and end_s > last_s):
            return None
        more = {k: v for k, v in entry.items() if k not in ("start_s", "end_s", self.text)}
        said = frozenset[str]() if about is None else numbers(_STAMP.sub("", about))
        stated = numbers(_LABEL.sub("", " ".join([text, *_texts(list(more.values()))])))
        return {
            "start_s": start_s,
            "end_s": min(end_s, duration_s),
            "text": text,
            "fields": json.dumps(more, ensure_ascii=False, sort_keys=True) if more else None,
            "item": answer["index"],
            "supported": None if about is None else stated <= said,
        }


def _entries(fields: str | None, name: str) -> list[Mapping[str, Any]]:
    value = json.loads(fields or "{}").get(name)
    return [e for e in value if isinstance(e, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts and numbers inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield f"{value:g}"
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _seconds(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e7
    return float(value) if good else None


def _one_after_the_other(found: Sequence[Row], duration_s: float) -> tuple[list[Row], int]:
    """Keep strictly increasing starts, each ending at the next, as for chapters; of equal starts, keep the first.

    A rest of less than 10 s before the first belongs to it.
    """
    rising = [c for k, c in enumerate(found) if not k or c["start_s"] > found[k - 1]["start_s"]]
    if rising and rising[0]["start_s"] < _LEAD_S:
        rising[0] = {**rising[0], "start_s": 0.0}
    ends = [*(c["start_s"] for c in rising[1:]), duration_s]
    return [{**c, "end_s": end} for c, end in zip(rising, ends, strict=True)], len(found) - len(rising)
