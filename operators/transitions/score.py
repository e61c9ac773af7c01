"""`transition_score`: measure how similar neighbouring thumbnails are, as in Koala-36M's transition detector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from operators.analysis.signals import read_signals
from operators.core.base import Apply, Operator, Row

SCORE = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # time of the earlier thumbnail
        pa.field("end_s", pa.float64()),  # time of the later thumbnail
        pa.field("histogram", pa.float32()),  # correlation of their histograms, -1 to 1
        pa.field("edges", pa.float32()),  # structural similarity of their edges over their luma, -1 to 1
    ]
)

BEFORE_S = 1.0
"""Pairs in this time before a segment are scored with it, since gradual transitions depend on earlier scores."""

_SIDE_PX = 128
_EDGES = (100, 200)  # Canny's thresholds
_WINDOW = (7, 7)  # window of SSIM, uniform; Wang et al., "Image quality assessment", 2004, with K1 0.01 and K2 0.03
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

Luma = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class TransitionScore(Operator):
    """Compares each thumbnail of a segment and of a second before it with the previous one; writes `transition_scores`.

    The two measures are those of Koala-36M's transition detector (github.com/KwaiVGI/Koala-36M,
    trainsition_detect/VideoTransitionAnalyzer.py): correlation of 254-bin histograms over grey levels 1 to 255, and
    SSIM at 128 x 128 of the maximum of luma and Canny(100, 200). Koala-36M uses every frame, in colour, at 256 x 256;
    this operator uses the luma thumbnails of the shared decoding, `decode.signals_fps` per second.
    """

    name: ClassVar[str] = "transition_score"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"signals", "start_s", "end_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"transition_scores"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"transition_scores": pa.list_(SCORE)}

    @contextmanager
    def open(self) -> Iterator[Apply]:
        import cv2

        cv2.setNumThreads(1)  # the scheduler assumes one core per actor
        yield lambda row: {**row, "transition_scores": list(_scores(row))}


def _scores(row: Row) -> Iterator[Row]:
    thumbs = read_signals(row["signals"])
    before: tuple[Any, Any] | None = None
    before_s = 0.0
    for time_s, luma in zip(thumbs.times_s, thumbs.luma, strict=True) if thumbs is not None else ():
        if time_s >= row["end_s"]:
            break
        now = (histogram(luma), edges(luma))
        if before is not None and time_s >= row["start_s"] - BEFORE_S:
            yield {
                "start_s": before_s,
                "end_s": float(time_s),
                "histogram": correlation(before[0], now[0]),
                "edges": ssim(before[1], now[1]),
            }
        before, before_s = now, float(time_s)


def histogram(luma: Luma) -> Any:
    """Return 254 bins over grey levels 1 to 255; black is excluded, since letterboxes are equal in all shots."""
    import cv2

    return cv2.calcHist([luma], [0], None, [254], [1, 255])


def correlation(a: Any, b: Any) -> float:
    """Return the Pearson correlation of two histograms; 1 if both are empty or flat."""
    import cv2

    if not a.any() or not b.any():
        return float(a.any() == b.any())
    return float(cv2.compareHist(a, b, cv2.HISTCMP_CORREL))


def edges(luma: Luma) -> npt.NDArray[np.float32]:
    """Return the maximum of luma and its edges (255), 128 x 128."""
    import cv2

    square = cv2.resize(luma, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_LINEAR)
    return np.maximum(square, cv2.Canny(square, *_EDGES)).astype(np.float32)


def ssim(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Return the mean structural similarity of two frames of grey levels 0 to 255; 1 for equal frames."""
    import cv2

    mean_a, mean_b = cv2.blur(a, _WINDOW), cv2.blur(b, _WINDOW)
    var_a = cv2.blur(a * a, _WINDOW) - mean_a**2
    var_b = cv2.blur(b * b, _WINDOW) - mean_b**2
    both = cv2.blur(a * b, _WINDOW) - mean_a * mean_b
    top = (2 * mean_a * mean_b + _C1) * (2 * both + _C2)
    return float((top / ((mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2))).mean())
