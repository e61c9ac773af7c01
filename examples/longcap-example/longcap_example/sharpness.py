"""How sharp each frame is: the variance of its Laplacian."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, Needs, Operator, Row


@dataclass(frozen=True, kw_only=True)
class Sharpness(Operator):
    """Measures the frames of a segment; writes `sharpness`, one value a frame, in grey levels squared."""

    name: ClassVar[str] = "sharpness"
    version: ClassVar[int] = 1  # increase it whenever equal frames would get other values
    pool: ClassVar[str] = "sharpness"  # actors of its own, sized by `pools.sharpness` of a config
    reads: ClassVar[frozenset[str]] = frozenset({"images"})
    writes: ClassVar[frozenset[str]] = frozenset({"sharpness"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "sharpness": pa.list_(pa.struct([("time_s", pa.float64()), ("value", pa.float32())]))
    }

    width_px: Annotated[int, Field(ge=16, description="width to which a frame is scaled first")] = 160

    def needs(self) -> Needs:
        return Needs(cpus=0.2)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        import cv2
        import numpy as np

        def value(jpeg: bytes) -> float:
            grey = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
            height = max(1, round(grey.shape[0] * self.width_px / grey.shape[1]))
            small = cv2.resize(grey, (self.width_px, height), interpolation=cv2.INTER_AREA)
            return round(float(cv2.Laplacian(small, cv2.CV_64F).var()), 1)

        def apply(row: Row) -> Row:
            frames = [{"time_s": p["time_s"], "value": value(bytes(p["jpeg"]))} for p in row["images"]]
            return {**row, "sharpness": frames}

        yield apply
