"""`scene_scores` and `long_takes`: find long takes with movement in a segment, with the rules of LVD-2M."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, Operator, Row
from operators.spans.edges import parted

CHANGE = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # time of the earlier frame
        pa.field("end_s", pa.float64()),  # time of the later frame
        pa.field("content", pa.float32()),  # mean absolute difference of hue, saturation and value, 0 to 255
        pa.field("flow_px", pa.float32()),  # mean length of the optical flow, at `width_px`; null: not measured
    ]
)
TAKE = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("flow_px", pa.float64()),  # mean over its pairs of frames; null if none was measured
        pa.field("kept", pa.bool_()),
        pa.field("why", pa.string()),  # reason if it is not kept: short, still
    ]
)

_CELL_S = 1e-6


@dataclass(frozen=True, kw_only=True)
class SceneScores(Operator):
    """Compares frames of a segment: content for frames `cuts_fps` apart, optical flow for neighbours.

    Writes `content_changes` and `flow_changes`. The content score is the one of PySceneDetect's ContentDetector with
    equal weights: the mean of the absolute differences of hue, saturation and value. The optical flow is OpenCV's DIS
    at `width_px`; LVD-2M uses RAFT, at a size that its paper does not give.
    """

    name: ClassVar[str] = "scene_scores"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"images", "start_s", "end_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"content_changes", "flow_changes"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "content_changes": pa.list_(CHANGE),
        "flow_changes": pa.list_(CHANGE),
    }

    cuts_fps: Annotated[float, Field(gt=0, description="frames per second for the content score")] = 0.5
    width_px: Annotated[int, Field(ge=32, le=1920, description="width to which frames are scaled for the flow")] = 256

    @contextmanager
    def open(self) -> Iterator[Apply]:
        import cv2

        cv2.setNumThreads(1)  # the scheduler assumes one core per actor
        opencv: Any = cv2  # its stubs lack the DIS class
        dis = opencv.DISOpticalFlow_create(opencv.DISOPTICAL_FLOW_PRESET_FAST)

        def apply(row: Row) -> Row:
            frames = sorted(row["images"] or (), key=lambda p: float(p["time_s"]))
            sparse = [p for p in frames if _on_grid(float(p["time_s"]), self.cuts_fps)]
            content = [
                {**_at(a, b), "content": _content(_colours(a), _colours(b)), "flow_px": None}
                for a, b in pairwise(sparse)
                if _owned(row, b)
            ]
            flow = [
                {**_at(a, b), "content": None, "flow_px": self._flow(a, b, dis)}
                for a, b in pairwise(frames)
                if _owned(row, b)
            ]
            return {**row, "content_changes": content, "flow_changes": flow}

        yield apply

    def _flow(self, a: Row, b: Row, dis: Any) -> float:
        import cv2

        def grey(image: Row) -> Any:
            luma: Any = cv2.imdecode(np.frombuffer(image["jpeg"], np.uint8), cv2.IMREAD_GRAYSCALE)
            height = max(16, round(luma.shape[0] * self.width_px / luma.shape[1]))
            return cv2.resize(luma, (self.width_px, height), interpolation=cv2.INTER_AREA)

        return float(np.linalg.norm(dis.calc(grey(a), grey(b), None), axis=-1).mean())


def _at(a: Row, b: Row) -> Row:
    return {"start_s": float(a["time_s"]), "end_s": float(b["time_s"])}


def _owned(row: Row, later: Row) -> bool:
    return bool(row["start_s"] <= later["time_s"] < row["end_s"])


def _on_grid(time_s: float, fps: float) -> bool:
    return abs(time_s * fps - round(time_s * fps)) < 1e-3


def _colours(image: Row) -> Any:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(bytes(image["jpeg"]))).convert("HSV"), np.int16)


def _content(a: Any, b: Any) -> float:
    """Return the content score. Hue is circular: 254 and 1 are close."""
    steps = np.abs(a - b)
    steps[..., 0] = np.minimum(steps[..., 0], 256 - steps[..., 0])
    return float(steps.mean())


@dataclass(frozen=True, kw_only=True)
class LongTakes(Operator):
    """Cuts a segment where its content changes and marks the parts that are long takes; writes `takes`.

    A take that is too short or too still is listed with `kept` false and the reason, so that other bounds can be
    tried. A part that touches the edge of a segment inside the video is never too short, because it may continue in
    the next segment: `join_spans` with `min_s` joins the parts and drops those that stay short. LVD-2M (text of the
    paper): content threshold 50 at 0.5 frames per second, which also finds fades of up to 2 s; takes of at least 10 s;
    a mean flow of at least 20 at 2 frames per second.
    """

    name: ClassVar[str] = "long_takes"
    version: ClassVar[int] = 2
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"content_changes", "flow_changes", "start_s", "end_s", "duration_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"takes"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"takes": pa.list_(TAKE)}

    content: Annotated[float, Field(gt=0, description="least content score of a cut")] = 50.0
    min_s: Annotated[float, Field(ge=0, description="least duration of a kept take, in s")] = 10.0
    min_flow_px: Annotated[float, Field(ge=0, description="least mean optical flow of a kept take")] = 20.0

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "takes": list(self._takes(row))}

    def _takes(self, row: Row) -> Iterator[Row]:
        changes = sorted(row["content_changes"] or (), key=lambda c: float(c["end_s"]))
        # the position of the cut between the two frames is unknown: no take includes that time
        cuts = [c for c in changes if c["content"] >= self.content]
        starts = [float(row["start_s"]), *(float(c["end_s"]) for c in cuts)]
        ends = [*(float(c["start_s"]) for c in cuts), float(row["end_s"])]
        for start_s, end_s in zip(starts, ends, strict=True):
            if end_s - start_s < _CELL_S:
                continue
            flow = _mean(row["flow_changes"] or (), start_s, end_s)
            short = end_s - start_s < self.min_s and not parted(row, start_s, end_s)
            why = "short" if short else "still" if (flow or 0.0) < self.min_flow_px else None
            yield {"start_s": start_s, "end_s": end_s, "flow_px": flow, "kept": why is None, "why": why}


def _mean(changes: Sequence[Row], start_s: float, end_s: float) -> float | None:
    own = [c["flow_px"] for c in changes if start_s <= c["start_s"] and c["end_s"] <= end_s]
    return float(np.mean(own)) if own else None
