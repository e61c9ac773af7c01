"""A short summary of a video in text and in frames: what is narrated most, within a share of the length (VideoXum)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Row
from operators.language.words import stems
from operators.training.base import FromCaptions
from operators.training.timeline import Event, events_of, line, merged

_ITEM = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # of the frames that were chosen
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),  # of the event that they show
        pa.field("event_start_s", pa.float64()),
        pa.field("event_end_s", pa.float64()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Highlights(FromCaptions):
    """Chooses the events that say most in the least time, and marks their frames.

    `text` is what is said of them, each text once, or the text that a step before wrote into the column `summary`; the
    events are then those that say most of that text. `mask` has one value a frame at `fps` frames a second,
    `ceil(duration_s · fps)` in all, frame k at `k / fps` seconds; it is true for the chosen ones, whose share of all is
    `share`, rounded up.

    Greedy cover: each next event is the one with the most weight of words not yet covered a second of it (Khuller, Moss
    and Naor 1999); the weight of a word is the number of events that say it.
    """

    name: ClassVar[str] = "highlights"
    version: ClassVar[int] = 2  # 2: an event with several spans is in the text once
    may_read: ClassVar[frozenset[str]] = frozenset({"summary"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "items": pa.list_(_ITEM),
        "text": pa.string(),
        "mask": pa.list_(pa.bool_()),
        "mask_fps": pa.float64(),
    }
    writes: ClassVar[frozenset[str]] = frozenset(types)

    share: Annotated[
        float, Field(gt=0, le=1, description="of the frames; VideoXum aims at 0.15, V2Xum keeps 0.164")
    ] = 0.15
    fps: Annotated[float, Field(gt=0, le=60, description="values of the mask per second")] = 1.0

    def items(self, row: Row) -> list[dict[str, Any]]:
        return self._choose(row, self._mask(row))

    def made(self, row: Row) -> dict[str, Any]:
        mask = self._mask(row)
        items = self._choose(row, mask)
        text = line(row.get("summary") or "") or " ".join(dict.fromkeys(item["text"] for item in items))
        return {"items": items, "text": text, "mask": mask, "mask_fps": self.fps}

    def _mask(self, row: Row) -> list[bool]:
        return [False] * max(1, math.ceil(float(row["duration_s"]) * self.fps - 1e-9))

    def _choose(self, row: Row, mask: list[bool]) -> list[dict[str, Any]]:
        """The chosen spans in order; their frames are marked."""
        count = len(mask)
        left = math.ceil(self.share * count - 1e-9)
        found: list[dict[str, Any]] = []
        for event in _ranked(events_of(row, self.source), stems(row.get("summary") or "")):
            own = [k for k in range(count) if event.covers(k / self.fps) and not mask[k]]
            spare = max(0, len(own) - left)
            own = own[spare // 2 : len(own) - (spare - spare // 2)]  # the middle, where there is room for a part
            if not own:
                continue
            for k in own:
                mask[k] = True
            left -= len(own)
            for start_s, end_s in merged((k / self.fps, min((k + 1) / self.fps, row["duration_s"])) for k in own):
                span = {"event_start_s": event.start_s, "event_end_s": event.end_s}
                found.append({"start_s": start_s, "end_s": end_s, "text": event.text, **span})
            if not left:
                break
        return sorted(found, key=lambda item: (item["start_s"], item["end_s"]))


def _ranked(events: Sequence[Event], wanted: Sequence[str]) -> Iterator[Event]:
    """Events by what each adds to those before it, a second."""
    words = [frozenset(stems(event.text)) for event in events]
    weights = Counter(stem for some in words for stem in some)
    if wanted:
        weights = Counter({stem: count for stem, count in weights.items() if stem in set(wanted)})
    left = set(range(len(events)))
    covered: set[str] = set()

    def gain(k: int) -> tuple[float, int]:
        new = sum(weights[stem] for stem in words[k] - covered)
        return new / sum(end - start for start, end in events[k].spans), -k

    while left:
        best = max(left, key=gain)
        left.remove(best)
        covered |= words[best]
        yield events[best]
