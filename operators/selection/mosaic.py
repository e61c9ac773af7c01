"""`mosaic`: tile several frames of a span into one image, for models that accept one image."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from operators.core.base import Apply, Operator, Row

_GAP_PX = 4
_QUALITY = 90


@dataclass(frozen=True, kw_only=True)
class Mosaic(Operator):
    """Replaces the frames of each span in the list `of` by one image of `tiles` frames, evenly spaced, in rows.

    A span with fewer frames has fewer tiles; a span without frames has no image. Later steps see only these images,
    each at the start of its span. LVD-2M shows a clip of up to 30 s as a grid of 6 frames (text of the paper).
    """

    name: ClassVar[str] = "mosaic"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"images"})
    writes: ClassVar[frozenset[str]] = frozenset({"images"})
    passing: ClassVar[frozenset[str]] = frozenset({"images"})

    of: Annotated[str, Field(min_length=1, description="the list of spans")] = "clips"
    tiles: Annotated[int, Field(ge=1, le=64, description="frames in one image")] = 6
    columns: Annotated[int, Field(ge=1, le=16, description="frames in a row of the image")] = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", type(self).reads | {self.of})

    @contextmanager
    def open(self) -> Iterator[Apply]:
        def apply(row: Row) -> Row:
            images = sorted(row["images"] or (), key=lambda p: float(p["time_s"]))
            made = (self._tiled(images, span) for span in row[self.of] or ())
            return {**row, "images": [image for image in made if image]}

        yield apply

    def _tiled(self, images: Sequence[Row], span: Row) -> Row | None:
        own = [p for p in images if span["start_s"] <= p["time_s"] < span["end_s"]]
        if not own:
            return None
        if len(own) > self.tiles:
            own = [own[int((k + 0.5) * len(own) / self.tiles)] for k in range(self.tiles)]
        first = own[0]
        return {
            "time_s": float(span["start_s"]),
            "pts_s": first["pts_s"],
            "until_s": float(span["end_s"]),
            "jpeg": tiled([bytes(p["jpeg"]) for p in own], self.columns),
        }


def tiled(jpegs: Sequence[bytes], columns: int) -> bytes:
    """Tile JPEGs of equal size, `columns` per row, from left to right and top to bottom; gaps are white."""
    from PIL import Image

    images: list[Any] = [Image.open(io.BytesIO(jpeg)).convert("RGB") for jpeg in jpegs]
    width, height = images[0].size
    across = min(columns, len(images))
    down = math.ceil(len(images) / columns)
    size = (across * (width + _GAP_PX) - _GAP_PX, down * (height + _GAP_PX) - _GAP_PX)
    grid = Image.new("RGB", size, "white")
    for k, image in enumerate(images):
        at = (k % columns * (width + _GAP_PX), k // columns * (height + _GAP_PX))
        grid.paste(image.resize((width, height)) if image.size != (width, height) else image, at)
    file = io.BytesIO()
    grid.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
