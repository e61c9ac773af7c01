"""From a decoded frame to what a row carries: an upright JPEG of the wanted size, and small luma thumbnails."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import numpy as np

from operators.base import ItemError

THUMBNAIL_LONG_PX = 64  # enough for cuts, fades, camera moves and duplicates, at 2 KB a picture
THUMBNAIL_SHORT_PX = 16  # at least, so that a banner still has rows to compare
_QUALITIES = (90, 80, 70, 60, 50, 40, 30)  # below 30 blocks of JPEG are more visible than the picture


def turn_deg(frame: Any) -> int:
    """By how many degrees clockwise (0, 90, 180, 270) `frame` must be turned to stand upright.

    `av.VideoFrame.rotation` is FFmpeg's `av_display_rotation_get`: counter-clockwise.
    """
    return int(round(-frame.rotation / 90) % 4 * 90)


def shown_size(frame: Any, aspect: Fraction) -> tuple[int, int]:
    """Width and height in pixels as a player shows `frame`: square pixels, upright.

    Args:
        aspect: width of a stored pixel over its height, 1 for all but anamorphic video.
    """
    width, height = _square(frame, aspect)
    return (height, width) if turn_deg(frame) in (90, 270) else (width, height)


def to_jpeg(frame: Any, *, aspect: Fraction, short_side_px: int, quality: int) -> bytes:
    """`frame` as an RGB JPEG, upright, its short side at most `short_side_px`; never enlarged."""
    from PIL import Image

    width, height = _square(frame, aspect)
    scale = min(1.0, short_side_px / min(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # AREA averages all pixels that fall into one: no aliasing, and cheaper here than bicubic (2 against 5 ms for 1080p)
    pixels = frame.reformat(*size, "rgb24", interpolation="AREA", threads=1).to_ndarray()
    return _encode(Image.fromarray(_upright(pixels, frame)), quality)


def fit(jpegs: list[bytes], budget_bytes: int, quality: int) -> list[bytes]:
    """`jpegs`, written again at ever lower quality until all together fit `budget_bytes`.

    Raises:
        ItemError: undecodable: they do not fit at the lowest quality that is worth captioning.
    """
    from PIL import Image

    found = jpegs
    for lower in (q for q in _QUALITIES if q < quality):
        if sum(map(len, found)) <= budget_bytes:
            return found
        found = [_encode(Image.open(io.BytesIO(jpeg)), lower) for jpeg in jpegs]
    if sum(map(len, found)) > budget_bytes:
        raise ItemError(
            "undecodable",
            f"{len(jpegs)} pictures take {sum(map(len, found)) / 2**20:.1f} MiB even at JPEG quality {_QUALITIES[-1]}, "
            f"and a row has room for {max(0, budget_bytes) / 2**20:.1f} MiB: lower fps, short_side_px or segment_s",
        )
    return found


class Thumbnails:
    """Gathers small luma pictures on the grid j / `fps`: the first picture at or after each grid time, none twice.

    Luma is full range (0 black, 255 white) whatever the format of the input; each pixel is the mean of its area.
    """

    def __init__(self, fps: float, aspect: Fraction) -> None:
        self._fps = fps
        self._aspect = aspect
        self._due_s = -np.inf
        self._size: tuple[int, int] | None = None
        self._turn = 0
        self._times_s: list[float] = []
        self._luma: list[bytes] = []

    def see(self, time_s: float, frame: Any) -> None:
        """Called with every picture in order; keeps those that are due."""
        slack_s = 1e-6
        if time_s < self._due_s - slack_s:
            return
        self._due_s = (np.floor((time_s + slack_s) * self._fps) + 1) / self._fps
        if self._size is None:
            self._size, self._turn = _thumbnail_size(frame, self._aspect), turn_deg(frame)
        luma = frame.reformat(*self._size, "gray8", interpolation="AREA", threads=1).to_ndarray()
        self._times_s.append(time_s)
        self._luma.append(np.rot90(luma, -self._turn // 90).tobytes())

    def result(self) -> dict[str, Any]:
        """The column `signals`, in the shape `operators.rows.SIGNALS`."""
        width, height = self._size or (0, 0)
        if self._turn in (90, 270):
            width, height = height, width
        return {"times_s": self._times_s, "height_px": height, "width_px": width, "luma": b"".join(self._luma)}


def _square(frame: Any, aspect: Fraction) -> tuple[int, int]:
    """Width and height with square pixels: anamorphic video is stretched as players do."""
    return max(1, round(frame.width * aspect)), int(frame.height)


def _thumbnail_size(frame: Any, aspect: Fraction) -> tuple[int, int]:
    width, height = _square(frame, aspect)
    scale = min(1.0, THUMBNAIL_LONG_PX / max(width, height))
    least = min(THUMBNAIL_SHORT_PX, width, height)
    return max(least, round(width * scale)), max(least, round(height * scale))


def _upright(pixels: np.ndarray[Any, Any], frame: Any) -> np.ndarray[Any, Any]:
    turn = turn_deg(frame)
    return np.ascontiguousarray(np.rot90(pixels, -turn // 90)) if turn else pixels


def _encode(image: Any, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
