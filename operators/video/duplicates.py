"""Detection of near-duplicates: frames that hardly differ from the last kept one and need no caption of their own."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from operators.core.base import ItemError
from operators.video.thumbnails import THUMBNAIL_LONG_PX, luma_thumbnail

_BLOCK = 8  # SSIM's windows, side by side instead of sliding
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # the paper's constants


def structural_similarity(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    """Mean SSIM (Wang et al. 2004) of two luma frames of one shape, uint8, over blocks of 8x8; 1 where equal.

    Returns:
        -1 to 1; a change of a title moves it by a few hundredths, another shot to below a half.
    """
    x, y = (_blocks(frame) for frame in (a, b))
    mean_x, mean_y = x.mean(axis=1), y.mean(axis=1)
    var_x, var_y = x.var(axis=1), y.var(axis=1)
    covariance = ((x - mean_x[:, None]) * (y - mean_y[:, None])).mean(axis=1)
    same = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    return float((same / ((mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2))).mean())


class Novelty:
    """Decides for frames, in order of time, whether each differs from the last new one.

    Args:
        similarity: SSIM from which a frame is a near-duplicate.

    Attributes:
        last_s: time of the last new frame; minus infinity before the first.
    """

    def __init__(self, similarity: float) -> None:
        self._similarity = similarity
        self._last: np.ndarray[Any, Any] | None = None
        self.last_s = -math.inf

    def is_new(self, frame: Any, aspect: Fraction, *, time_s: float, anew: bool = False) -> bool:
        """Whether to keep `frame`; with `anew` it is always kept."""
        small = luma_thumbnail(frame, aspect)
        if (
            not anew
            and time_s > self.last_s
            and self._last is not None
            and self._last.shape == small.shape
            and structural_similarity(self._last, small) >= self._similarity
        ):
            return False
        self._last, self.last_s = small, time_s
        return True


def jpeg_thumbnail(jpeg: bytes) -> np.ndarray[Any, Any]:
    """The luma of a JPEG as small as the decoder's thumbnails are, (height, width) uint8.

    Raises:
        ItemError: class `internal`, the bytes are no JPEG.
    """
    import cv2

    luma = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_4)
    if luma is None:
        raise ItemError("internal", f"a frame of {len(jpeg)} bytes is no JPEG")
    height, width = luma.shape
    scale = min(1.0, THUMBNAIL_LONG_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA))


def _blocks(frame: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """All whole blocks of a frame, (n, pixels of a block), float64; a smaller frame is one block."""
    height, width = frame.shape
    rows, columns = min(_BLOCK, height), min(_BLOCK, width)
    cut = frame[: height - height % rows, : width - width % columns].astype(np.float64)
    return cut.reshape(height // rows, rows, width // columns, columns).swapaxes(1, 2).reshape(-1, rows * columns)
