"""The operator `tile`: divide a video into scenes by the vectors of its frames, without decoding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, Level, Operator, Row
from operators.embedding.tiling import boundaries, neighbour_similarities
from operators.embedding.vectors import unpacked

SCENE = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("depth", pa.float64()),  # depth of the boundary at its start; null for the first
    ]
)


@dataclass(frozen=True, kw_only=True)
class Tile(Operator):
    """Divides a video into scenes where neighbouring frames differ much more than the frames around them.

    Writes `scenes` (`SCENE`), which tile the video, and `similarities`, the cosine of each frame with the next. If
    `scenes` are among the parents of `dataset`, sections begin at scene boundaries.
    """

    name: ClassVar[str] = "tile"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "tile"
    reads: ClassVar[frozenset[str]] = frozenset({"frame_vectors", "duration_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"scenes", "similarities"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "scenes": pa.list_(SCENE),
        "similarities": pa.list_(pa.float32()),
    }

    threshold: Annotated[
        float, Field(description="a boundary is this many standard deviations above the mean depth; 0.5 in SceneTiling")
    ] = 0.5
    min_depth: Annotated[
        float,
        Field(ge=0, description="least depth of a boundary; 0: only the mean counts, as in SceneTiling"),
    ] = 0.0
    min_scene_s: Annotated[float, Field(ge=0, description="least duration of a scene in s")] = 2.0
    most: Annotated[int, Field(ge=1, description="maximum number of scenes; 15 in SceneTiling")] = 15

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, **self._tiled(row)}

    def _tiled(self, row: Row) -> Row:
        items = row["frame_vectors"] or []
        similarities = neighbour_similarities(unpacked([v["vector"] for v in items]))
        end_s = float(row["duration_s"])
        found = boundaries(
            [v["start_s"] for v in items],
            end_s,
            similarities,
            threshold=self.threshold,
            min_depth=self.min_depth,
            min_scene_s=self.min_scene_s,
            most=self.most,
        )
        starts: list[tuple[float, float | None]] = [(0.0, None), *found]
        ends = [*(time_s for time_s, _ in found), end_s]
        scenes = [{"start_s": a, "end_s": b, "depth": d} for (a, d), b in zip(starts, ends, strict=True)]
        return {"scenes": scenes, "similarities": similarities.tolist()}
