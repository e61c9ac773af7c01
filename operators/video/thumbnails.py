"""Small pictures of everything that passes, for shots, motion, duplicates and stills: the column `signals`.

Few pictures are looked at (8 a second do) and yet a cut is placed exactly: where two thumbnails differ by more than
those before them did, the pictures between them are looked at as well, and the largest step from one picture to the
next is kept as a *jump*, with two pictures of each side: from them can be told how much moves anyway.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from functools import cache, cached_property
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np

from operators.video.pictures import planes, square_size, turn_deg

THUMBNAIL_LONG_PX = 64  # enough for cuts, fades, camera moves and duplicates, at 2 KB a picture
THUMBNAIL_SHORT_PX = 16  # at least, so that a banner still has rows to compare

_MUCH = 20.0  # a change that is looked at in any case: in a fight every step is large, and so is a cut
_JUMP = 3.0  # grey levels, mean over the picture: a change of slides makes 5, a coder's key picture less than 1
_LEAP = 1.4  # times what the last second did: in steady motion there is nothing to look for
_RECENT = 8
_HELD = 16  # pictures between two thumbnails that are kept for a closer look; a decoder has about so many buffers
_SLACK_S = 1e-6
_SAMPLES = (4, 2)  # of luma and of colour, across and down, for each pixel of a thumbnail: a third of all pixels' cost
_PLANAR = frozenset({"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p"})
_FULL_RANGE = 2  # of AVColorRange

Array = np.ndarray[Any, Any]


class _Picture:
    """A picture that passes by; its thumbnail is made when it is asked for, once."""

    def __init__(self, time_s: float, frame: Any, shrink: Callable[[Any], Array]) -> None:
        self.time_s = time_s
        self._frame = frame
        self._shrink = shrink

    @cached_property
    def planes(self) -> Array:
        """(3, height, width) uint8: full-range luma and two of colour."""
        frame, self._frame = self._frame, None  # a decoder has few buffers
        return self._shrink(frame)

    @property
    def luma(self) -> bytes:
        return bytes(self.planes[0].tobytes())


class Thumbnails:
    """Gathers thumbnails on the grid j / `fps`: the first picture at or after each grid time, none twice.

    Luma is full range (0 black, 255 white) whatever the format of the input; each pixel is the mean of its area, or of
    4x4 samples of two by two pixels in it.
    """

    def __init__(self, fps: float, aspect: Fraction) -> None:
        from av.video.reformatter import VideoReformatter

        self._scaler = VideoReformatter()
        self._fps = fps
        self._aspect = aspect
        self._due_s = -math.inf
        self._size: tuple[int, int] | None = None
        self._turn = 0
        self._last: _Picture | None = None
        self._between: deque[_Picture] = deque(maxlen=_HELD)
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._times_s: list[float] = []
        self._luma: list[bytes] = []
        self._jumps: list[dict[str, Any]] = []
        self._before_last: _Picture | None = None  # the picture before the last thumbnail's
        self._unfinished: dict[str, Any] | None = None  # a jump whose next picture has not come

    def see(self, time_s: float, frame: Any) -> None:
        """Called with every picture in order; keeps those that are due."""
        now = _Picture(time_s, frame, self._thumbnail)
        if self._unfinished is not None:
            self._unfinished["later"] = now.luma
            self._unfinished = None
        if time_s < self._due_s - _SLACK_S:
            self._between.append(now)
            return
        self._due_s = (math.floor((time_s + _SLACK_S) * self._fps) + 1) / self._fps
        if self._last is not None:
            change = _difference(self._last, now)
            usual = median(self._recent) if self._recent else 0.0
            if change > _JUMP and (change > _LEAP * usual or change > _MUCH):
                self._note_jump(self._last, now)
            self._recent.append(change)
        self._before_last = self._between[-1] if self._between else self._last
        self._between.clear()
        self._last = now
        self._times_s.append(time_s)
        self._luma.append(now.luma)

    def result(self) -> dict[str, Any]:
        """The column `signals`, in the shape `operators.core.structs.SIGNALS`."""
        height, width = self._last.planes.shape[1:] if self._last is not None else (0, 0)
        luma = b"".join(self._luma)
        return {
            "times_s": self._times_s,
            "height_px": height,
            "width_px": width,
            "luma": luma,
            "jumps": self._jumps,
            "cuts_s": None,
        }

    def _note_jump(self, last: _Picture, now: _Picture) -> None:
        passed = [last, *self._between, now]
        steps = [_difference(a, b) for a, b in pairwise(passed)]
        at = int(np.argmax(steps))
        before, after = passed[at], passed[at + 1]
        earlier = passed[at - 1] if at else self._before_last
        later = passed[at + 2] if at + 2 < len(passed) else None
        self._jumps.append(
            {
                "time_s": after.time_s,
                "step": _luma_step(before, after),
                "colour_step": _colour_step(before, after),
                "beside": max((step for k, step in enumerate(steps) if k != at), default=0.0),
                "earlier": earlier.luma if earlier else None,
                "before": before.luma,
                "after": after.luma,
                "later": later.luma if later else None,
            }
        )
        self._unfinished = self._jumps[-1] if later is None else None

    def _thumbnail(self, frame: Any) -> Array:
        if self._size is None:
            self._size, self._turn = _thumbnail_size(frame, self._aspect), turn_deg(frame)
        width, height = self._size
        least = min(frame.width / width, frame.height / height)
        if frame.format.name in _PLANAR and least >= _SAMPLES[0]:
            found = _sampled(frame, self._size)
        else:  # one conversion for both: luma alone costs no less
            small = self._scaler.reformat(frame, width, height, "yuvj444p", interpolation="AREA", threads=1)
            found = small.to_ndarray()
        return np.rot90(found, -self._turn // 90, axes=(1, 2)) if self._turn else found


def _sampled(frame: Any, size: tuple[int, int]) -> Array:
    """As `reformat` to full range does it, within a grey level or so: (3, height, width) uint8."""
    import cv2

    out = np.empty((3, size[1], size[0]), np.uint8)
    for k, pixels in enumerate(planes(frame)):
        samples = _SAMPLES[min(k, 1)]
        some = cv2.resize(pixels, (size[0] * samples, size[1] * samples), interpolation=cv2.INTER_LINEAR)
        out[k] = cv2.resize(some, size, interpolation=cv2.INTER_AREA)
    if frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj"):
        return out
    luma, colour = _full_range()
    for plane, level in zip(out, (luma, colour, colour), strict=True):
        cv2.LUT(plane, level, dst=plane)
    return out


@cache
def _full_range() -> tuple[Array, Array]:
    """What 8-bit limited-range luma (16 to 235) and colour (16 to 240) are in full range (ITU-R BT.601, 2.5.3)."""
    level = np.arange(256)
    luma, colour = (level - 16) * 255 / 219, (level - 128) * 255 / 224 + 128
    return np.clip(luma + 0.5, 0, 255).astype(np.uint8), np.clip(colour + 0.5, 0, 255).astype(np.uint8)


def _difference(a: _Picture, b: _Picture) -> float:
    """Mean absolute difference in grey levels: of luma, or of colour where luma stays."""
    return max(_luma_step(a, b), _colour_step(a, b))


def _luma_step(a: _Picture, b: _Picture) -> float:
    return _distance(a.planes[0], b.planes[0])


def _colour_step(a: _Picture, b: _Picture) -> float:
    return _distance(a.planes[1], b.planes[1]) + _distance(a.planes[2], b.planes[2])


def _distance(a: Array, b: Array) -> float:
    """Mean absolute difference."""
    import cv2

    total: float = cv2.norm(a, b, cv2.NORM_L1)
    return total / a.size


def luma_thumbnail(frame: Any, aspect: Fraction) -> Array:
    """One thumbnail as it is stored, (height, width) uint8, not turned."""
    size = _thumbnail_size(frame, aspect)
    return np.asarray(frame.reformat(*size, "gray8", interpolation="AREA", threads=1).to_ndarray())


def _thumbnail_size(frame: Any, aspect: Fraction) -> tuple[int, int]:
    width, height = square_size(frame, aspect)
    scale = min(1.0, THUMBNAIL_LONG_PX / max(width, height))
    least = min(THUMBNAIL_SHORT_PX, width, height)
    return max(least, round(width * scale)), max(least, round(height * scale))
