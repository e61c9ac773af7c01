"""Dialogues that ground events in time, as DisTime's InternVid-TG has them: turns with places for times, and the
spans that belong there, each with a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Row
from operators.training.base import FromCaptions
from operators.training.skills import quoted
from operators.training.timeline import Event, distinct, events_of

PLACE = "<time>"
"""Stands in a turn for the next span of `spans`."""

_ITEM = pa.struct(
    [
        pa.field(
            "turns", pa.list_(pa.struct([pa.field("role", pa.string()), pa.field("text", pa.string())]))
        ),  # user and assistant in turn; `<time>` stands for the next span
        pa.field(
            "spans",
            pa.list_(
                pa.struct(
                    [
                        pa.field("start_s", pa.float64()),
                        pa.field("end_s", pa.float64()),
                        pa.field("score", pa.float64()),  # how well the captions support the event; null: not measured
                    ]
                )
            ),
        ),
        pa.field("question", pa.string()),  # the first two turns, with times written out
        pa.field("answer", pa.string()),
    ]
)

_TO_TIME = (
    ("When does this happen in the video: {event}?", "It happens {time}."),
    ("Find the time span of this event: {event}.", "It lasts {time}."),
    ("At what time can this be seen: {event}?", "It can be seen {time}."),
)
_TO_TEXT = (
    ("What happens {time}?", "{text}"),
    ("Describe the part of the video {time}.", "{text}"),
)


@dataclass(frozen=True, kw_only=True)
class Dialogues(FromCaptions):
    """Writes dialogues of `turns` questions: when an event happens, or what happens in a span.

    Each event stands in one question of a video. The score of a span is the support that the grounding found for the
    sentence; `min_score` leaves weaker ones out, and those that were not measured with them.
    """

    name: ClassVar[str] = "dialogues"
    types: ClassVar[Mapping[str, pa.DataType]] = {"items": pa.list_(_ITEM)}

    turns: Annotated[int, Field(ge=1, le=50, description="number of questions in a dialogue")] = 3
    min_score: Annotated[float, Field(ge=0, le=1, description="minimum support of an event; 0: all events")] = 0.0

    def items(self, row: Row) -> list[dict[str, Any]]:
        draw = self.draw(row)
        events = [e for e in distinct(events_of(row, self.source)) if self._counts(e)]
        draw.shuffle(events)
        return [_dialogue(events[k : k + self.turns], draw) for k in range(0, len(events), self.turns)]

    def _counts(self, event: Event) -> bool:
        return not self.min_score or (event.support is not None and event.support >= self.min_score)


def _dialogue(events: list[Event], draw: Random) -> dict[str, Any]:
    turns: list[dict[str, str]] = []
    spans: list[dict[str, float | None]] = []
    for event in events:
        asked, said = draw.choice(_TO_TIME + (_TO_TEXT if len(event.spans) == 1 else ()))
        times = " and ".join(f"from {PLACE}" for _ in event.spans)
        values = {"event": _marked(quoted(event)), "time": times, "text": _marked(event.text)}
        turns += [
            {"role": "user", "text": asked.format(**values)},
            {"role": "assistant", "text": said.format(**values)},
        ]
        spans += [{"start_s": a, "end_s": b, "score": event.support} for a, b in event.spans]
    asked, said = written([t["text"] for t in turns[:2]], spans)
    return {"turns": turns, "spans": spans, "question": asked, "answer": said}


def _marked(text: str) -> str:
    """A text that cannot be taken for one with a place for a time."""
    return text.replace(PLACE, "[time]")


def written(texts: list[str], spans: list[dict[str, Any]]) -> list[str]:
    """Texts with the spans in the place of their marks."""
    left = iter(spans)
    found = []
    for text in texts:
        parts = text.split(PLACE)
        whole = parts[0]
        for part in parts[1:]:
            span = next(left)
            whole += f"{span['start_s']:.1f} s to {span['end_s']:.1f} s{part}"
        found.append(whole)
    return found
