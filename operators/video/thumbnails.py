"""The column `signals`: low-resolution thumbnails, for shots, motion, duplicates and stills.

Thumbnails are taken at a fixed rate, by default 8 per second, but cuts are located exactly. If two successive
thumbnails differ more than earlier ones did, the frames between them are compared as well, and the largest difference
between neighbouring frames is stored as a jump, with two frames before and after it, from which the amount of motion
can be estimated.
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

from operators.video.images import planes, square_size, turn_deg

THUMBNAIL_LONG_PX = 64  # enough for cuts, fades, camera moves and duplicates, at 2 KB a frame
THUMBNAIL_SHORT_PX = 16  # minimum, so that very wide frames still have rows to compare

_MUCH = 20.0  # grey levels from which a change is always examined: in fast scenes all differences are large
_JUMP = 3.0  # grey levels, mean over the frame: a change of slides makes 5, a coder's keyframe less than 1
_LEAP = 1.4  # minimum ratio to the changes of the last second: steady motion is not examined
_RECENT = 8
_HELD = 16  # frames kept between two thumbnails for comparison; a decoder has about as many buffers
_SLACK_S = 1e-6
_SAMPLES = (4, 2)  # samples of luma and of colour per thumbnail pixel, in each direction: a third of the full cost
_PLANAR = frozenset({"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p"})
_FULL_RANGE = 2  # of AVColorRange

Array = np.ndarray[Any, Any]


class _Frame:
    """A decoded frame whose thumbnail is computed on first use."""

    def __init__(self, time_s: float, frame: Any, shrink: Callable[[Any], Array]) -> None:
        self.time_s = time_s
        self._frame = frame
        self._shrink = shrink

    @cached_property
    def planes(self) -> Array:
        """Full-range luma and two colour planes: uint8, shape (3, height, width)."""
        frame, self._frame = self._frame, None  # a decoder has few buffers
        return self._shrink(frame)

    @property
    def luma(self) -> bytes:
        return bytes(self.planes[0].tobytes())


class Thumbnails:
    """Collects thumbnails on the grid j / `fps`: the first frame at or after each grid time, each frame once.

    `see` gets every frame. `see_sparse` gets the frames that others refer to, of which thumbnails are then taken, and
    asks for the frames between two of them only if they differ much (`operators.video.protocol.Sparse`).

    Luma is full range (0 black, 255 white) for all input formats. Each pixel is the mean of its area, or of 4x4 samples
    of two by two pixels in it.
    """

    def __init__(self, fps: float, aspect: Fraction) -> None:
        from av.video.reformatter import VideoReformatter

        self._scaler = VideoReformatter()
        self._fps = fps
        self._aspect = aspect
        self._due_s = -math.inf
        self._size: tuple[int, int] | None = None
        self._turn = 0
        self._last: _Frame | None = None
        self._between: deque[_Frame] = deque(maxlen=_HELD)
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._times_s: list[float] = []
        self._luma: list[bytes] = []
        self._jumps: list[dict[str, Any]] = []
        self._before_last: _Frame | None = None  # the frame before the last thumbnail's
        self._unfinished: dict[str, Any] | None = None  # a jump whose next frame has not come
        self._whole = True  # whether no frame was left out since the one before the last thumbnail's
        self._asked_s: float | None = None  # the thumbnail from which every frame was asked for

    @property
    def changes(self) -> int:
        """Number of jumps so far."""
        return len(self._jumps)

    @property
    def settled(self) -> bool:
        """Whether the next frame is not needed for the last jump."""
        return self._unfinished is None

    def see(self, time_s: float, frame: Any) -> None:
        """Process the next frame; to be called with every frame in order."""
        self.see_sparse(time_s, frame, reference=True, follows=True)

    def see_sparse(self, time_s: float, frame: Any, *, reference: bool, follows: bool) -> float | None:
        """Process the next frame of those that are decoded: `operators.video.protocol.Sparse`."""
        now = _Frame(time_s, frame, self._thumbnail)
        if self._last is not None and time_s <= self._last.time_s == self._asked_s:  # decoded again
            if time_s < self._asked_s:
                self._before_last = now
            self._between.clear()
            self._whole = True
            return None
        self._whole = self._whole and follows
        if self._unfinished is not None:
            if not self._whole and self._may_ask():
                return self._asked_s
            self._unfinished["later"] = now.luma
            self._unfinished = None
        if not reference or time_s < self._due_s - _SLACK_S:
            self._between.append(now)
            return None
        if self._last is not None:
            change = _difference(self._last, now)
            usual = median(self._recent) if self._recent else 0.0
            if change > _JUMP and (change > _LEAP * usual or change > _MUCH):
                if not self._whole and self._may_ask():
                    return self._asked_s
                self._note_jump(self._last, now)
            self._recent.append(change)
        self._due_s = (math.floor((time_s + _SLACK_S) * self._fps) + 1) / self._fps
        self._whole = follows  # the frame before this one, if it was decoded
        self._before_last = self._between[-1] if self._between else self._last
        self._between.clear()
        self._last = now
        self._times_s.append(time_s)
        self._luma.append(now.luma)
        return None

    def _may_ask(self) -> bool:
        """Ask for every frame from the last thumbnail's on; False if that was done before: some may be lost."""
        assert self._last is not None
        asked_s, self._asked_s = self._asked_s, self._last.time_s
        return asked_s != self._asked_s

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

    def _note_jump(self, last: _Frame, now: _Frame) -> None:
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
    """The same as `reformat` to full range, within about one grey level: uint8, shape (3, height, width)."""
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
    """Convert 8-bit limited-range luma (16 to 235) and colour (16 to 240) to full range (ITU-R BT.601, 2.5.3)."""
    level = np.arange(256)
    luma, colour = (level - 16) * 255 / 219, (level - 128) * 255 / 224 + 128
    return np.clip(luma + 0.5, 0, 255).astype(np.uint8), np.clip(colour + 0.5, 0, 255).astype(np.uint8)


def _difference(a: _Frame, b: _Frame) -> float:
    """Mean absolute difference in grey levels: of luma, or of colour if luma hardly changes."""
    return max(_luma_step(a, b), _colour_step(a, b))


def _luma_step(a: _Frame, b: _Frame) -> float:
    return _distance(a.planes[0], b.planes[0])


def _colour_step(a: _Frame, b: _Frame) -> float:
    return _distance(a.planes[1], b.planes[1]) + _distance(a.planes[2], b.planes[2])


def _distance(a: Array, b: Array) -> float:
    """Mean absolute difference."""
    import cv2

    total: float = cv2.norm(a, b, cv2.NORM_L1)
    return total / a.size


def luma_thumbnail(frame: Any, aspect: Fraction) -> Array:
    """One thumbnail in its stored form: uint8, shape (height, width), not rotated."""
    size = _thumbnail_size(frame, aspect)
    return np.asarray(frame.reformat(*size, "gray8", interpolation="AREA", threads=1).to_ndarray())


def _thumbnail_size(frame: Any, aspect: Fraction) -> tuple[int, int]:
    width, height = square_size(frame, aspect)
    scale = min(1.0, THUMBNAIL_LONG_PX / max(width, height))
    least = min(THUMBNAIL_SHORT_PX, width, height)
    return max(least, round(width * scale)), max(least, round(height * scale))
