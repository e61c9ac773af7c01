"""The protocol that every decoding back end speaks, and their names.

It speaks in seconds. What comes back carries its own time and length from the container: nobody counts frames, because
`stream.frames` is 0 or wrong in half of all formats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple, Protocol, get_args

Backend = Literal["pyav", "pyav-sequential", "decord", "torchcodec", "ffmpeg"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)

LAST_RESORTS: tuple[Backend, ...] = ("pyav-sequential", "ffmpeg")
"""Where a segment goes that took the wanted back end down twice: ever slower, ever further from this process."""


PART_BLIND: tuple[Backend, ...] = ("decord", "torchcodec")
"""These open whole files only; a video in parts is decoded by `pyav` instead."""


class Sample(NamedTuple):
    """One picture: the target in seconds from the first presented picture, the picture's own pts and length in the
    container's seconds, and the decoded `av.VideoFrame`."""

    time_s: float
    pts_s: float
    duration_s: float
    frame: Any


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Wants every picture of `[start_s, end_s)` in order, in the same pass: `see(time_s, frame)`."""

    start_s: float
    end_s: float
    see: Callable[[float, Any], None]


class Decoder(Protocol):
    """One input opened by one back end, good for one request.

    A target's picture is the first one at or after it (minus half a tick of the time base), if that comes before the
    next grid time; else, in a gap of a variable frame rate, the picture that is on screen at the target. What damage
    took away is missing: the picture before it is not stretched over the hole.

    Attributes:
        missing: targets without a picture, once `sample` is exhausted.
        ended_s: where the last picture ended, when the input ended before the targets did; else None.
    """

    missing: list[float]
    ended_s: float | None

    @property
    def aspect(self) -> Fraction:
        """Width of a stored pixel over its height."""

    @property
    def pictures_decoded(self) -> int:
        """Pictures that came out of the decoder, kept or not."""

    def damaged_packets(self, start_s: float, end_s: float) -> int:
        """How many packets of `[start_s, end_s)` were refused or marked as corrupt, as far as the back end tells."""

    def sample(self, times_s: Sequence[float], *, step_s: float, watch: Watch | None = None) -> Iterator[Sample]:
        """The pictures of `times_s`, in order of time except for the few that a second pass finds.

        Args:
            times_s: targets, seconds from the first presented picture, any order.
            step_s: distance of the grid that they lie on; how late a picture may come before the one before it counts.
            watch: sees every picture of its span; then nothing is dropped or skipped inside it.
        """

    def close(self) -> None:
        """Let go of the input; safe to call twice."""
