"""The low-resolution luma thumbnails of a segment, as an array."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.core.base import ItemError

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

FROZEN = 0.25  # mean luma difference, of 255: compression noise of a repeated frame


@dataclass(frozen=True)
class Jump:
    """The largest step between two thumbnails that differ much; see `operators.core.structs.JUMP`.

    Attributes:
        time_s: time of the first frame after it.
        step, colour_step, beside: grey levels.
        before, after: luma of the frames on both sides, uint8, shape (height_px, width_px).
        earlier, later: luma of the frames next to those; None if there is none.
    """

    time_s: float
    step: float
    colour_step: float
    beside: float
    before: npt.NDArray[np.uint8]
    after: npt.NDArray[np.uint8]
    earlier: npt.NDArray[np.uint8] | None
    later: npt.NDArray[np.uint8] | None

    @property
    def sides(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        return self.before, self.after


@dataclass(frozen=True)
class Thumbs:
    """Thumbnails ordered by time.

    Attributes:
        times_s: float64, shape (n,), increasing.
        luma: uint8, shape (n, height_px, width_px).
        jumps: ordered by time.
        cuts_s: known hard cuts, in order; None if they were not determined.
    """

    times_s: npt.NDArray[np.float64]
    luma: npt.NDArray[np.uint8]
    jumps: tuple[Jump, ...] = ()
    cuts_s: tuple[float, ...] | None = None

    def between(self, start_s: float, end_s: float) -> Thumbs:
        """Return the thumbnails of `[start_s, end_s)`, and the jumps between them."""
        keep = (self.times_s >= start_s) & (self.times_s < end_s)
        first = self.times_s[keep][0] if keep.any() else end_s
        return Thumbs(
            self.times_s[keep],
            self.luma[keep],
            tuple(j for j in self.jumps if first < j.time_s < end_s),
            None if self.cuts_s is None else tuple(c for c in self.cuts_s if first < c < end_s),
        )

    def __len__(self) -> int:
        return len(self.times_s)

    @property
    def interval_s(self) -> float:
        """Median distance of two thumbnails, seconds; 0 for a single one."""
        return float(np.median(np.diff(self.times_s))) if len(self) > 1 else 0.0

    @property
    def end_s(self) -> float:
        """Assumed end of the last thumbnail's frame, seconds."""
        return float(self.times_s[-1]) + self.interval_s


def read_signals(signals: dict[str, Any] | None) -> Thumbs | None:
    """Return the `signals` column of a row (`operators.core.structs.SIGNALS`) as arrays; None if it is null or empty.

    Raises:
        ItemError: class `internal`, the number of bytes does not match the shape in the row.
    """
    if signals is None or not len(signals["times_s"]):
        return None
    times = np.asarray(signals["times_s"], np.float64)
    shape = (len(times), int(signals["height_px"]), int(signals["width_px"]))
    raw = np.frombuffer(signals["luma"], np.uint8)
    if raw.size != shape[0] * shape[1] * shape[2]:
        raise ItemError(
            "internal",
            f"signals hold {raw.size} bytes of luma; {shape[0]} thumbnails of {shape[2]}x{shape[1]} need "
            f"{shape[0] * shape[1] * shape[2]}",
        )
    order = np.argsort(times, kind="stable")

    def frame(data: Any) -> npt.NDArray[np.uint8]:
        return np.frombuffer(data, np.uint8).reshape(shape[1:])

    jumps = [
        Jump(
            time_s=float(j["time_s"]),
            step=float(j["step"]),
            colour_step=float(j["colour_step"]),
            beside=float(j["beside"]),
            before=frame(j["before"]),
            after=frame(j["after"]),
            earlier=frame(j["earlier"]) if j["earlier"] is not None else None,
            later=frame(j["later"]) if j["later"] is not None else None,
        )
        for j in signals["jumps"] or ()
    ]
    cuts = signals.get("cuts_s")
    return Thumbs(
        times[order],
        raw.reshape(shape)[order],
        tuple(sorted(jumps, key=lambda j: j.time_s)),
        None if cuts is None else tuple(float(c) for c in cuts),
    )


def quantile_reaches(values: npt.NDArray[Any], share: float, limit: float) -> bool:
    """Return whether the quantile `share` of at least one value, as `np.quantile` interpolates it, is at least `limit`.

    Counting decides it nearly always; sorting takes ten times as long.
    """
    below = int(np.count_nonzero(values < limit))
    at = math.floor(share * (values.size - 1))  # the quantile is between this value and the next, in order
    if below <= at or below >= at + 2:
        return below <= at
    return float(np.quantile(values, share)) >= limit


@lru_cache(maxsize=8)
def pixel_grid(height: int, width: int, step: int) -> tuple[FloatArray, FloatArray]:
    """Return x and y of every `step`-th pixel of a frame; shared, so do not write to them."""
    down, across = np.mgrid[0:height:step, 0:width:step].astype(np.float32)
    return across, down
