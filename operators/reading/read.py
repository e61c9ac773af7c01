"""The operator `read`: the text on screen of a segment, as lines with spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from operators.analysis.text import INSTALL, PACKAGE, LineReader, ReadLine
from operators.core.base import Apply, ItemError, Needs, Operator, Row
from operators.core.shown import frame_spans
from operators.engines.base import EngineRefused
from operators.reading.lines import follow
from operators.reading.track import ASPECT, ITEM

_SIDE = 96  # of the small frames in which it is seen that nothing has changed
_SAME = 1.5  # grey levels, mean of any cell of them, below which it has not


@dataclass(frozen=True, kw_only=True)
class Read(Operator):
    """Reads the frames of a segment; writes `screen_text` (`operators.reading.track.ITEM`), in order of time.

    It reads all that is decoded with a segment, so that windows that reach over its ends have all of their text: a line
    at a seam stands in two rows, and `operators.reading.lines.joined` makes it one again. A frame that looks as the one
    before is not read again.
    """

    name: ClassVar[str] = "read"
    version: ClassVar[int] = 4
    pool: ClassVar[str] = "read"
    reads: ClassVar[frozenset[str]] = frozenset({"images", "decode_start_s", "decode_end_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"screen_text"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"screen_text": pa.list_(ITEM)}

    min_confidence: Annotated[
        float, Field(ge=0, le=1, description="lines that the reader is less sure of are left out; below 0.8 it guesses")
    ] = 0.8

    def needs(self) -> Needs:
        return Needs(cpus=1.0)

    def check(self) -> None:
        if find_spec(PACKAGE) is None:
            raise ValueError(f"the step read needs the package {PACKAGE}; {INSTALL}")

    @contextmanager
    def open(self) -> Iterator[Apply]:
        try:
            self.check()
        except ValueError as error:
            raise EngineRefused(str(error)) from error
        reader = LineReader()
        yield lambda row: {**row, "screen_text": self._items(row, reader)}

    def _items(self, row: Row, reader: LineReader) -> list[dict[str, Any]]:
        import cv2

        found: list[tuple[float, float, Sequence[ReadLine]]] = []
        before: Any = None
        aspect = ASPECT
        for image, start_s, end_s in frame_spans(row["images"] or (), row["decode_start_s"], row["decode_end_s"]):
            pixels = cv2.imdecode(np.frombuffer(image["jpeg"], np.uint8), cv2.IMREAD_COLOR)
            if pixels is None:
                raise ItemError("internal", f"a frame of {len(image['jpeg'])} bytes is no JPEG")
            aspect = pixels.shape[1] / pixels.shape[0]
            small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
            same = before is not None and float(np.abs(small - before).max()) < _SAME
            lines = found[-1][2] if same else reader.lines(pixels, min_confidence=self.min_confidence)
            before = before if same else small
            found.append((start_s, end_s, lines))
        return follow(found, aspect=aspect)
