"""The protocol of decoding back ends, and their names.

All times are seconds. Each frame carries its own time and duration from the container. Times are never derived from
frame counts, because `stream.frames` is 0 or wrong in half of all formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple, Protocol, get_args

Backend = Literal["pyav", "pyav-sequential", "decord", "torchcodec", "ffmpeg"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)

LAST_RESORTS: tuple[Backend, ...] = ("pyav-sequential", "ffmpeg")
"""Fallbacks for a segment on which the configured back end failed twice: each slower and better isolated."""


PART_BLIND: tuple[Backend, ...] = ("decord", "torchcodec")
"""Back ends that open whole files only; `pyav` decodes videos with several parts instead."""


class Sample(NamedTuple):
    """One frame: the target in seconds from the first presented frame, the frame's pts and duration in seconds of the
    container, and the decoded `av.VideoFrame`."""

    time_s: float
    pts_s: float
    duration_s: float
    frame: Any


class Sparse(Protocol):
    """Gets the frames of a span of which some may be left out.

    Attributes:
        changes: number of changes so far around which every frame was needed.
        settled: whether no frame in particular is needed next.
    """

    @property
    def changes(self) -> int: ...

    @property
    def settled(self) -> bool: ...

    def see_sparse(self, time_s: float, frame: Any, *, reference: bool, follows: bool) -> float | None:
        """Process the next frame.

        Args:
            time_s: its time in seconds from the first presented frame.
            frame: the decoded `av.VideoFrame`.
            reference: whether other frames may refer to it.
            follows: whether no frame was left out since the frame before.

        Returns:
            None; or the time of an earlier frame: it, the frame before it and all frames from there on are needed, in
            order. What came after it is forgotten.
        """


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What gets the frames of `[start_s, end_s)`, in order, in the same pass.

    Attributes:
        see: called with the time and the frame, of every frame.
        sparse: if given and the back end knows which frames are references, it gets those instead, and others only
            where it needs them. Videos in parts do not use it.
    """

    start_s: float
    end_s: float
    see: Callable[[float, Any], None]
    sparse: Sparse | None = None


class Decoder(Protocol):
    """One input opened by one back end, for one request.

    The frame of a target is the first one at or after it (minus half a tick of the time base) if that is before the
    next grid time. Otherwise, in a gap of a variable frame rate, it is the frame on screen at the target. Frames lost
    to
    damage are missing: the previous frame is not used in their place.

    Attributes:
        missing: targets without a frame, once `sample` is exhausted.
        ended_s: end of the last frame in seconds if the input ended before the last target; else None.
    """

    missing: list[float]
    ended_s: float | None

    @property
    def aspect(self) -> Fraction:
        """Width of a stored pixel over its height."""

    @property
    def frames_decoded(self) -> int:
        """Number of frames that the decoder returned, including discarded ones."""

    def damaged_packets(self, start_s: float, end_s: float) -> int:
        """Number of packets in `[start_s, end_s)` rejected or marked as corrupt, if the back end reports them."""

    def sample(self, times_s: Sequence[float], *, step_s: float, watch: Watch | None = None) -> Iterator[Sample]:
        """Yield the frames of `times_s`, in order of time except for a few that need a second pass.

        Args:
            times_s: targets in seconds from the first presented frame, in any order.
            step_s: grid distance of the targets in seconds; a frame that is later than this is not used for a target.
            watch: gets every frame of its span, in which no frame is dropped or skipped unless it is `sparse`.
        """

    def close(self) -> None:
        """Close the input. Safe to call twice."""
