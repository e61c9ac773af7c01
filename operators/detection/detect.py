"""The operator `detect`: find objects in the frames of a segment, as evidence with spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.analysis.efficientnet import rgb
from operators.core.base import Apply, Needs, Operator, Row
from operators.core.shown import frame_spans
from operators.detection.detectors.base import Found, RunningDetector
from operators.detection.detectors.efficientnet import EfficientNet
from operators.detection.detectors.registry import AnyDetector
from operators.detection.lines import lines_of

ITEM = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),  # counts, positions and relations of objects
        pa.field("confidence", pa.float64()),  # mean score, 0 to 1
    ]
)

BOX = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # its frame represents [start_s, end_s)
        pa.field("end_s", pa.float64()),
        pa.field("label", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("left", pa.float64()),  # shares of width and height; null: the whole frame
        pa.field("top", pa.float64()),
        pa.field("right", pa.float64()),
        pa.field("bottom", pa.float64()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Detect(Operator):
    """Writes `objects` (`ITEM`), lines of evidence; `boxes` (`BOX`), the detections in each frame; and `detector`.

    It processes all frames that are decoded with a segment, as `read` does.
    """

    name: ClassVar[str] = "detect"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "detect"
    reads: ClassVar[frozenset[str]] = frozenset({"images", "decode_start_s", "decode_end_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"objects", "boxes", "detector"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "objects": pa.list_(ITEM),
        "boxes": pa.list_(BOX),
        "detector": pa.string(),
    }

    detector: Annotated[AnyDetector, Field(description="the detector: efficientnet, torchvision or onnx")] = field(
        default_factory=EfficientNet
    )
    min_score: Annotated[float, Field(gt=0, le=1, description="detections with a lower score are dropped")] = 0.5

    def needs(self) -> Needs:
        return Needs(cpus=1.0, gpus=self.detector.gpus)

    def check(self) -> None:
        self.detector.check()

    @contextmanager
    def open(self) -> Iterator[Apply]:
        with self.detector.open() as running:
            yield lambda row: {**row, **self._found(row, running)}

    def _found(self, row: Row, running: RunningDetector) -> Row:
        frames: list[tuple[float, float, list[Found]]] = []
        for image, start_s, end_s in frame_spans(row["images"] or (), row["decode_start_s"], row["decode_end_s"]):
            seen = [thing for thing in running.detect(rgb(image["jpeg"])) if thing.score >= self.min_score]
            frames.append((start_s, end_s, seen))
        boxes = [
            {"start_s": start_s, "end_s": end_s, "label": thing.label, "score": thing.score}
            | dict(zip(("left", "top", "right", "bottom"), thing.box or (None,) * 4, strict=True))
            for start_s, end_s, seen in frames
            for thing in seen
        ]
        return {"objects": lines_of(frames), "boxes": boxes, "detector": self.detector.model_id}
