"""`scene_scores` and `long_takes`: which stretches of a segment are one take with movement in it, as LVD-2M chooses."""

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

CHANGE = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # of the earlier frame
        pa.field("end_s", pa.float64()),  # of the later one
        pa.field("content", pa.float32()),  # mean absolute difference of hue, saturation and value, 0 to 255
        pa.field("flow_px", pa.float32()),  # mean length of the optical flow, at `width_px`; null: not measured
    ]
)
TAKE = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("flow_px", pa.float64()),  # mean over its pairs; null: none was measured
        pa.field("kept", pa.bool_()),
        pa.field("why", pa.string()),  # it is not: short, still
    ]
)

_CELL_S = 1e-6


@dataclass(frozen=True, kw_only=True)
class SceneScores(Operator):
    """Compares frames of a segment: content of those `cuts_fps` apart, optical flow of neighbours.

    Writes `content_changes` and `flow_changes`. The content score is that of PySceneDetect's ContentDetector with
    equal weights: the mean of the absolute differences of hue, saturation and value. The optical flow is OpenCV's DIS
    at `width_px`; LVD-2M uses RAFT, at a size that its paper does not tell.
    """

    name: ClassVar[str] = "scene_scores"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"pictures", "start_s", "end_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"content_changes", "flow_changes"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "content_changes": pa.list_(CHANGE),
        "flow_changes": pa.list_(CHANGE),
    }

    cuts_fps: Annotated[float, Field(gt=0, description="frames a second that content is compared of")] = 0.5
    width_px: Annotated[int, Field(ge=32, le=1920, description="width to which frames are scaled for the flow")] = 256

    @contextmanager
    def open(self) -> Iterator[Apply]:
        import cv2

        cv2.setNumThreads(1)  # one actor, one core: the scheduler counts on it
        opencv: Any = cv2  # its stubs lack the DIS class
        dis = opencv.DISOpticalFlow_create(opencv.DISOPTICAL_FLOW_PRESET_FAST)

        def apply(row: Row) -> Row:
            frames = sorted(row["pictures"] or (), key=lambda p: float(p["time_s"]))
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

        def grey(picture: Row) -> Any:
            luma: Any = cv2.imdecode(np.frombuffer(picture["jpeg"], np.uint8), cv2.IMREAD_GRAYSCALE)
            height = max(16, round(luma.shape[0] * self.width_px / luma.shape[1]))
            return cv2.resize(luma, (self.width_px, height), interpolation=cv2.INTER_AREA)

        return float(np.linalg.norm(dis.calc(grey(a), grey(b), None), axis=-1).mean())


def _at(a: Row, b: Row) -> Row:
    return {"start_s": float(a["time_s"]), "end_s": float(b["time_s"])}


def _owned(row: Row, later: Row) -> bool:
    return bool(row["start_s"] <= later["time_s"] < row["end_s"])


def _on_grid(time_s: float, fps: float) -> bool:
    return abs(time_s * fps - round(time_s * fps)) < 1e-3


def _colours(picture: Row) -> Any:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(bytes(picture["jpeg"]))).convert("HSV"), np.int16)


def _content(a: Any, b: Any) -> float:
    """Hue is a circle: 254 and 1 are near."""
    steps = np.abs(a - b)
    steps[..., 0] = np.minimum(steps[..., 0], 256 - steps[..., 0])
    return float(steps.mean())


@dataclass(frozen=True, kw_only=True)
class LongTakes(Operator):
    """Cuts a segment where its content changes and says of each stretch whether it is a long take; writes `takes`.

    A take that is too short or too still stays in the list, with `kept` false and the reason, so that another bound
    can be tried. LVD-2M (the paper's text): content threshold 50 at 0.5 frames a second, which also finds fades of up
    to 2 s; takes of at least 10 s; a mean flow of at least 20 at 2 frames a second.
    """

    name: ClassVar[str] = "long_takes"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"content_changes", "flow_changes", "start_s", "end_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"takes"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"takes": pa.list_(TAKE)}

    content: Annotated[float, Field(gt=0, description="content score from which on there is a cut")] = 50.0
    min_s: Annotated[float, Field(ge=0, description="shortest take that is kept, in s")] = 10.0
    min_flow_px: Annotated[float, Field(ge=0, description="least mean optical flow of a take that is kept")] = 20.0

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "takes": list(self._takes(row))}

    def _takes(self, row: Row) -> Iterator[Row]:
        changes = sorted(row["content_changes"] or (), key=lambda c: float(c["end_s"]))
        # where in the two seconds it was is not known: neither side is one take there
        cuts = [c for c in changes if c["content"] >= self.content]
        starts = [float(row["start_s"]), *(float(c["end_s"]) for c in cuts)]
        ends = [*(float(c["start_s"]) for c in cuts), float(row["end_s"])]
        for start_s, end_s in zip(starts, ends, strict=True):
            if end_s - start_s < _CELL_S:
                continue
            flow = _mean(row["flow_changes"] or (), start_s, end_s)
            why = "short" if end_s - start_s < self.min_s else "still" if (flow or 0.0) < self.min_flow_px else None
            yield {"start_s": start_s, "end_s": end_s, "flow_px": flow, "kept": why is None, "why": why}


def _mean(changes: Sequence[Row], start_s: float, end_s: float) -> float | None:
    own = [c["flow_px"] for c in changes if start_s <= c["start_s"] and c["end_s"] <= end_s]
    return float(np.mean(own)) if own else None
