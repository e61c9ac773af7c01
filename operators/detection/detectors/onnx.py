"""Detectors exported to ONNX, by path: the YOLO family and any model that returns boxes, labels and scores."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from operators.detection.detectors.base import (
    DetectorSpec,
    Found,
    RunningDetector,
    check_files,
    names_in,
    weights_digest,
)
from operators.engines.base import EngineRefused

_LEAST = 0.05  # lower scores are ignored
_OVERLAP = 0.5  # IoU of two boxes of one label at which the one with the lower score is removed
_GREY = 114  # margin colour with which the YOLO family is trained


@dataclass(frozen=True, kw_only=True)
class Onnx(DetectorSpec):
    """A model with one frame as input, RGB from 0 to 1; boxes are in pixels of the input.

    Its output is `(1, 4 + classes, n)`, centres, sizes and a score per class (YOLOv8 to YOLO11); or `(1, n, 6)`,
    corners, score and class; or three outputs named boxes, labels and scores.
    """

    version: ClassVar[int] = 1

    kind: Literal["onnx"] = "onnx"
    weights: Annotated[str, Field(min_length=1, description="path of the .onnx file, the same on every machine")]
    labels: Annotated[
        str | None,
        Field(description="file of class names, one per line, the first for class 0; null: the model's metadata"),
    ] = None
    side_px: Annotated[int, Field(ge=32, description="side of the square input, if the model does not fix it")] = 640

    @property
    def model_id(self) -> str:
        return f"onnx {Path(self.weights).name}"

    def identity_extra(self) -> dict[str, Any]:
        return {**super().identity_extra(), "weights_digest": weights_digest(self.weights)}

    def check(self, *, elsewhere: bool = False) -> None:
        if find_spec("onnxruntime") is None and not elsewhere:
            raise ValueError("detector onnx needs onnxruntime; pip install 'longcap[grounding]'")
        if not elsewhere:
            check_files("detector onnx", self.weights, self.labels)

    @contextmanager
    def open(self) -> Iterator[RunningDetector]:
        try:
            self.check()
            running = _Running(self)
        except Exception as error:  # onnxruntime has many exceptions for broken files
            line = " ".join(str(error).split())[:300]
            raise EngineRefused(f"detector onnx: {self.weights} does not load: {line}") from error
        yield running


class _Running(RunningDetector):
    def __init__(self, spec: Onnx) -> None:
        from operators.embedding.sentences import session

        self._session = session(Path(spec.weights).expanduser())
        (node, *_) = self._session.get_inputs()
        self._input = node.name
        height, width = node.shape[2:4]
        self._size = tuple(side if isinstance(side, int) else spec.side_px for side in (height, width))
        self._outputs = [out.name for out in self._session.get_outputs()]
        stored = self._session.get_modelmeta().custom_metadata_map.get("names", "")
        named = ast.literal_eval(stored) if stored else {}
        named = dict(enumerate(named)) if isinstance(named, list) else named
        self._names = dict(enumerate(names_in(spec.labels))) if spec.labels is not None else named
        if not self._names:
            raise ValueError("its metadata has no class names: set labels to a file of them")

    def detect(self, frame: Any) -> Sequence[Found]:
        import cv2

        tall, wide = self._size
        height, width = frame.shape[:2]
        scale = min(tall / height, wide / width)
        size = (round(width * scale), round(height * scale))
        canvas = np.full((tall, wide, 3), _GREY, np.uint8)
        top, left = (tall - size[1]) // 2, (wide - size[0]) // 2
        canvas[top : top + size[1], left : left + size[0]] = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        tensor = canvas.transpose(2, 0, 1)[None].astype(np.float32) / 255
        values = dict(zip(self._outputs, self._session.run(None, {self._input: tensor}), strict=True))
        boxes, labels, scores = read_outputs(values)
        found = []
        for k in suppressed(boxes, labels, scores):
            a, b, c, d = boxes[k]
            xs = [min(1.0, max(0.0, float(x - left) / scale / width)) for x in (a, c)]
            ys = [min(1.0, max(0.0, float(y - top) / scale / height)) for y in (b, d)]
            name = self._names.get(int(labels[k]))
            if name is not None:
                found.append(Found(str(name), float(scores[k]), (xs[0], ys[0], xs[1], ys[1])))
        return found


def read_outputs(values: dict[str, Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return boxes (left, top, right, bottom), labels and scores from any of the supported outputs.

    Raises:
        ValueError: the output has none of the supported shapes.
    """
    if {"boxes", "labels", "scores"} <= values.keys():
        boxes, labels, scores = (np.asarray(values[name]) for name in ("boxes", "labels", "scores"))
        return boxes.reshape(-1, 4), labels.reshape(-1), scores.reshape(-1)
    (first, *_) = values.values()
    raw = np.asarray(first)
    if raw.ndim != 3:
        raise ValueError(f"the model's output has the shape {raw.shape}; known are (1, 4 + classes, n) and (1, n, 6)")
    table = raw[0]
    if table.shape[1] == 6:
        return table[:, :4], table[:, 5].astype(int), table[:, 4]
    table = table.T
    x, y, w, h = (table[:, k] for k in range(4))
    boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
    return boxes, table[:, 4:].argmax(1), table[:, 4:].max(1)


def suppressed(boxes: NDArray[Any], labels: NDArray[Any], scores: NDArray[Any]) -> list[int]:
    """Return the indices of the boxes after non-maximum suppression per label."""
    kept: list[int] = []
    for k in np.argsort(-scores, kind="stable").tolist():
        if scores[k] < _LEAST:
            break
        if all(labels[j] != labels[k] or overlap(boxes[j], boxes[k]) < _OVERLAP for j in kept):
            kept.append(k)
    return kept


def overlap(one: Any, other: Any) -> float:
    """Return the intersection over union of two boxes."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or tall <= 0:
        return 0.0
    both = float(wide * tall)
    return both / float((one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - both)
