"""`stitch`: join pieces of a segment that continue to show the same content, by the vectors of their frames."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, ItemError, Operator, Row
from operators.embedding.vectors import unpacked
from operators.spans.edges import parted

EVENT = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("pieces", pa.int32()),  # number of joined pieces
        pa.field("distance", pa.float64()),  # the largest distance between start and end of one piece
        pa.field("kept", pa.bool_()),
        pa.field("why", pa.string()),  # reason if it is not kept: changes, short, edge, long
    ]
)


@dataclass(frozen=True, kw_only=True)
class Stitch(Operator):
    """Joins neighbouring spans of the list `of` whose ends look alike; writes `events`.

    The frames at 5 % and 95 % of each piece are compared by the distance of their unit-length vectors. A piece whose
    two frames differ by more than `drop` is listed with `kept` false. Neighbours are joined if the end of one
    and the start of the next differ by at most `join`. An event shorter than `min_s` has the reason "short", or "edge"
    if the edge of a segment parts it, so that the rest of it is in another segment. Rule and defaults:
    github.com/snap-research/Panda-70M, splitting/event_stitching.py, which uses ImageBind's vectors; other vectors
    need other distances.
    """

    name: ClassVar[str] = "stitch"
    version: ClassVar[int] = 2
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"frame_vectors", "start_s", "end_s", "duration_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"events"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"events": pa.list_(EVENT)}

    of: Annotated[str, Field(min_length=1, description="the list of pieces")] = "clips"
    drop: Annotated[float, Field(ge=0, le=2, description="largest distance within a kept piece")] = 1.0
    join: Annotated[float, Field(ge=0, le=2, description="largest distance of joined neighbours")] = 0.6
    edge: Annotated[float, Field(ge=0, lt=0.5, description="distance of the two frames from its ends, as a share")] = (
        0.05
    )
    min_s: Annotated[float, Field(ge=0, description="least duration of a kept event, in s")] = 2.0
    max_s: Annotated[float, Field(gt=0, description="largest duration of a kept event, in s")] = 1200.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", type(self).reads | {self.of})

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "events": self._events(row)}

    def _events(self, row: Row) -> list[Row]:
        frames = sorted(row["frame_vectors"] or (), key=lambda f: float(f["start_s"]))
        pieces = sorted(row[self.of] or (), key=lambda p: float(p["start_s"]))
        if pieces and not frames:
            raise ItemError("undecodable", "none of its frames has a vector")
        vectors = unpacked([bytes(f["vector"]) for f in frames])
        starts = [float(f["start_s"]) for f in frames]

        def seen(time_s: float) -> np.ndarray:
            found: np.ndarray = vectors[max(0, bisect_right(starts, time_s + 1e-6) - 1)]
            return found

        events: list[Row] = []
        tail: np.ndarray | None = None  # vector at the end of the last event, if the next piece may continue it
        for piece in pieces:
            low, high = float(piece["start_s"]), float(piece["end_s"])
            first, last = (seen(low + share * (high - low)) for share in (self.edge, 1 - self.edge))
            distance = float(np.linalg.norm(first - last))
            event = {"start_s": low, "end_s": high, "pieces": 1, "distance": distance, "kept": True, "why": None}
            if distance > self.drop:
                events.append({**event, "kept": False, "why": "changes"})
                tail = None
                continue
            beside = bool(events) and abs(events[-1]["end_s"] - low) < 1e-3
            if tail is not None and beside and float(np.linalg.norm(tail - first)) <= self.join:
                before = events[-1]
                before["end_s"], before["pieces"] = high, before["pieces"] + 1
                before["distance"] = max(before["distance"], distance)
            else:
                events.append(event)
            tail = last
        return [self._bounded(event, row) for event in events]

    def _bounded(self, event: Row, row: Row) -> Row:
        length_s = event["end_s"] - event["start_s"]
        short = "edge" if parted(row, event["start_s"], event["end_s"]) else "short"
        why = event["why"] or (short if length_s < self.min_s else "long" if length_s > self.max_s else None)
        return {**event, "kept": why is None, "why": why}
