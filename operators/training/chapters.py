"""Chapters of a video: titles and spans that follow each other without gaps, from the sections of a long caption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Row
from operators.language.titles import title_of
from operators.training.base import FromCaptions
from operators.training.timeline import Event, Source, events_of

_ITEM = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),  # the start of the next one, or the end of the video
        pa.field("title", pa.string()),
        pa.field("text", pa.string()),  # of the sections that it joins
    ]
)


@dataclass(frozen=True, kw_only=True)
class Chapters(FromCaptions):
    """Makes chapters of sections: the first starts at 0, each lasts until the next one, short ones are joined.

    The title is the topic of the outline, or the beginning of the text.
    """

    name: ClassVar[str] = "chapters"
    types: ClassVar[Mapping[str, pa.DataType]] = {"items": pa.list_(_ITEM)}

    source: Source = "sections"
    min_s: Annotated[
        float,
        Field(ge=0, description="minimum length of a chapter in s; a shorter one is joined with the previous one"),
    ] = 10.0
    title_characters: Annotated[int, Field(ge=10, le=200, description="maximum length of a title")] = 60

    def items(self, row: Row) -> list[dict[str, Any]]:
        duration_s = float(row["duration_s"])
        groups: list[list[Event]] = []
        for event in events_of(row, self.source):
            if groups and event.start_s - _start(groups) < self.min_s:
                groups[-1].append(event)
            else:
                groups.append([event])
        if len(groups) > 1 and duration_s - _start(groups) < self.min_s:
            rest = groups.pop()
            groups[-1] += rest
        starts = [0.0, *(group[0].start_s for group in groups[1:])]
        return [
            {
                "start_s": start,
                "end_s": end,
                "title": title_of(group[0].text, group[0].topic, self.title_characters),
                "text": " ".join(event.text for event in group),
            }
            for group, start, end in zip(groups, starts, [*starts[1:], duration_s], strict=bool(groups))
        ]


def _start(groups: list[list[Event]]) -> float:
    return groups[-1][0].start_s if len(groups) > 1 else 0.0
