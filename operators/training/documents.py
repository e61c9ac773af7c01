"""A video's captions as documents of a bounded length, each with its span: what questions over long texts are made
from (LWM), by a rule or by a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Row
from operators.language.words import count_words
from operators.training.base import FromCaptions
from operators.training.timeline import Event, Source, clock, events_of

_ITEM = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),  # a line an event, such as "0:05 to 0:15: A man waits."
        pa.field("words", pa.int32()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Documents(FromCaptions):
    """Writes the timed captions of a video as documents of at most `words` words, in order; an event is never cut.

    LWM makes one question of each document of about 1,000 tokens, which are about 750 English words. An event that is
    longer than that is a document of its own.
    """

    name: ClassVar[str] = "documents"
    types: ClassVar[Mapping[str, pa.DataType]] = {"items": pa.list_(_ITEM)}

    source: Source = "windows"
    words: Annotated[int, Field(ge=20, description="maximum words of a document")] = 750
    times: Annotated[bool, Field(description="begin each line with the time of its event")] = True

    def items(self, row: Row) -> list[dict[str, Any]]:
        groups: list[list[tuple[Event, str]]] = []
        room = 0
        for event in events_of(row, self.source):
            text = f"{clock(event.start_s)} to {clock(event.end_s)}: {event.text}" if self.times else event.text
            count = count_words(text)
            if not groups or count > room:
                groups.append([])
                room = self.words
            groups[-1].append((event, text))
            room -= count
        return [_document(group) for group in groups]


def _document(group: list[tuple[Event, str]]) -> dict[str, Any]:
    text = "\n".join(line for _, line in group)
    return {
        "start_s": min(event.start_s for event, _ in group),
        "end_s": max(event.end_s for event, _ in group),
        "text": text,
        "words": count_words(text),
    }
