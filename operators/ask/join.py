"""`join`: concatenate the items of a list to long texts, without an engine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.analysis.facts import Facts
from operators.ask.ask import said
from operators.ask.items import Item, items_of
from operators.audio.heard import Heard
from operators.core.base import Apply, ItemError, Level, Operator, Row
from operators.core.fingerprint import digest
from operators.core.grid import Span
from operators.core.missing import gaps
from operators.prompts import Prompt, load_prompt

_ITEM = pa.struct(
    [
        pa.field("item_key", pa.string()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),  # rendered template; null if the item is invalid
        pa.field("fields", pa.string()),  # JSON; null if it has none
        pa.field("said", pa.list_(pa.string())),
    ]
)
_JOINED = pa.struct(
    [
        pa.field("first", pa.string()),  # item_key keys of the first and the last item
        pa.field("last", pa.string()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("items", pa.int32()),
        pa.field("text", pa.string()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Join(Operator):
    """Writes `items`, each with a key, its voice-over and its rendered text; `joined`, runs of consecutive items
    as one text; `dropped`; and `integrity`, whether every item of the video is there and valid.

    A run has `least` to `most` items, drawn by a generator with the video's id as seed, so that equal rows give equal
    runs. An invalid item ends a run, and so does a segment that is missing because it failed; `integrity` is false with
    either. A remainder of fewer than `least` items is added to the runs before it, or filled up from them. Valid items
    that are in no run because no runs of these lengths can hold them are in `dropped`.
    """

    name: ClassVar[str] = "join"
    version: ClassVar[int] = 2
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "ask"
    reads: ClassVar[frozenset[str]] = frozenset({"video_id", "duration_s"})
    may_read: ClassVar[frozenset[str]] = frozenset({"speech"})
    writes: ClassVar[frozenset[str]] = frozenset({"items", "joined", "dropped", "integrity"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "items": pa.list_(_ITEM),
        "joined": pa.list_(_JOINED),
        "dropped": pa.list_(pa.string()),  # item_key of each valid item in no run
    }

    of: Annotated[str, Field(min_length=1, description="the list, such as segments.windows")]
    template: Annotated[str, Field(description="text of an item: a prompt's name or a path to a .j2 file")]
    key: Annotated[str, Field(description="key of an item, from video_id and number (from 1)")] = "{video_id}-{number}"
    least: Annotated[int, Field(ge=1, description="minimum number of items in a joined text")] = 2
    most: Annotated[int, Field(ge=1, description="maximum number of items in a joined text")] = 20

    def __post_init__(self) -> None:
        if self.least > self.most:
            raise ValueError(f"least is {self.least} and most is {self.most}; least must not be above most")
        try:
            self.key.format(video_id="v", number=1)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"key is {self.key!r}; it may contain only {{video_id}} and {{number}}") from error
        load_prompt(self.template)
        object.__setattr__(self, "reads", type(self).reads | {self._path[0]})

    @property
    def _path(self) -> tuple[str, ...]:
        first, *rest = self.of.split(".")
        return ("captioned" if first == "segments" else first, *rest)

    def identity_extra(self) -> dict[str, Any]:
        """Return the text of the template."""
        return {"template": load_prompt(self.template).hash}

    @contextmanager
    def open(self) -> Iterator[Apply]:
        template = load_prompt(self.template)
        yield lambda row: {**row, **self._made(row, template)}

    def _made(self, row: Row, template: Prompt) -> Row:
        heard = Heard.of(row.get("speech"))
        items = [self._item(row, item, template, heard) for item in items_of(row, self._path)]
        if not items:
            raise ItemError("gate", f"{self.of} has no item to join")
        sizes = Random(digest([row["video_id"], self.of]))
        missing = gaps(row[self._path[0]], row["duration_s"])
        joined = [part for run in _runs(items, missing) for part in self._cut(run, sizes)]
        placed = {item["item_key"] for part in joined for item in part}
        return {
            "items": items,
            "joined": [_joined(part) for part in joined],
            "dropped": [i["item_key"] for i in items if i["text"] is not None and i["item_key"] not in placed],
            "integrity": not missing and all(item["text"] is not None for item in items),
        }

    def _cut(self, run: Sequence[Row], sizes: Random) -> list[list[Row]]:
        counts: list[int] = []
        left = len(run)
        while left >= self.least:
            counts.append(min(left, sizes.randint(self.least, self.most)))
            left -= counts[-1]
        if left and sum(self.most - count for count in counts) >= left:  # runs before the rest have room for it
            for k in reversed(range(len(counts))):
                more = min(left, self.most - counts[k])
                counts[k], left = counts[k] + more, left - more
        elif left and sum(count - self.least for count in counts) >= self.least - left:  # or items to spare for it
            counts.append(left)
            for k in reversed(range(len(counts) - 1)):
                fewer = min(self.least - counts[-1], counts[k] - self.least)
                counts[k], counts[-1] = counts[k] - fewer, counts[-1] + fewer
        starts = [sum(counts[:k]) for k in range(len(counts))]
        return [list(run[start : start + count]) for start, count in zip(starts, counts, strict=True)]

    def _item(self, row: Row, item: Item, template: Prompt, heard: Heard | None) -> Row:
        span, number = item.span, item.index + 1
        facts = Facts.parse(item.facts).slice(span.start_s, span.end_s) if item.facts else None
        lines = said(item, facts, heard)
        own = item.value if isinstance(item.value, dict) else {}  # an item may be a text or a number
        valid = bool(own.get("valid", True))
        text = None
        if valid:
            try:
                values = {"item": item.value, "number": number, "start_s": span.start_s, "end_s": span.end_s}
                text = template.render(**values, said=lines).text
            except ValueError as error:
                raise ItemError("invalid", str(error)) from error
        fields = own.get("fields")
        return {
            "item_key": self.key.format(video_id=row["video_id"], number=number),
            "start_s": span.start_s,
            "end_s": span.end_s,
            "text": text,
            "fields": json.dumps(fields, ensure_ascii=False) if fields else None,
            "said": lines,
        }


def _runs(items: Sequence[Row], missing: Sequence[Span]) -> list[list[Row]]:
    """Return runs of consecutive items that have a text, with nothing missing between them."""
    runs: list[list[Row]] = [[]]
    for before, item in zip([None, *items], items, strict=False):
        if before and any(before["start_s"] < gap.end_s and gap.start_s <= item["start_s"] for gap in missing):
            runs.append([])
        if item["text"] is None:
            runs.append([])
        else:
            runs[-1].append(item)
    return [run for run in runs if run]


def _joined(part: Sequence[Row]) -> Row:
    first, last = part[0], part[-1]
    return {
        "first": first["item_key"],
        "last": last["item_key"],
        "start_s": first["start_s"],
        "end_s": last["end_s"],
        "items": len(part),
        "text": "\n".join(item["text"] for item in part),
    }
