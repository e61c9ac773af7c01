"""Parts of a long caption, each with its span: several texts that are right of one video, as DreamLIP trains on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Row
from operators.language.words import count_words
from operators.training.base import SPANS, FromCaptions
from operators.training.timeline import events_of

_ITEM = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # of the first span
        pa.field("end_s", pa.float64()),  # of the last one
        pa.field("text", pa.string()),
        pa.field("spans", SPANS),  # where the windows that support it lie
        pa.field("section_index", pa.int32()),  # null for windows
        pa.field("windows", pa.list_(pa.int32())),  # window_index of each that supports it
        pa.field("support", pa.float64()),  # how well the captions support it, 0 to 1; null: not measured
        pa.field("words", pa.int32()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Subcaptions(FromCaptions):
    """Splits a long caption into sub-captions with their spans: its sentences, its sections or its windows."""

    name: ClassVar[str] = "subcaptions"
    version: ClassVar[int] = 2  # 2: words of scripts without spaces
    types: ClassVar[Mapping[str, pa.DataType]] = {"items": pa.list_(_ITEM)}

    min_words: Annotated[int, Field(ge=1, description="shorter texts are left out")] = 3
    min_support: Annotated[
        float, Field(ge=0, le=1, description="weaker ones are left out, and those not measured; 0: all")
    ] = 0.0

    def items(self, row: Row) -> list[dict[str, Any]]:
        return [
            {
                "start_s": event.start_s,
                "end_s": event.end_s,
                "text": event.text,
                "spans": [{"start_s": a, "end_s": b} for a, b in event.spans],
                "section_index": event.section_index,
                "windows": list(event.windows),
                "support": event.support,
                "words": count_words(event.text),
            }
            for event in events_of(row, self.source)
            if count_words(event.text) >= self.min_words
            and (not self.min_support or (event.support or 0.0) >= self.min_support)
        ]
