"""Limits on the values in a file's header, which can claim any duration or size; plans and memory must be bounded."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from operators.core.base import ItemError

MAX_DURATION_S = 7 * 86_400.0
"""The longest video that is accepted: 5,040 segments of two minutes. Longer recordings must be split."""

MAX_STILL_S = 3600.0
"""The longest time that one frame may stay on screen. A longer gap or still is cut out of the timeline and counted."""

MAX_PIXELS = 2**27  # 16K (15,360 x 8,640); a frame of it takes 200 MB
DEFAULT_FPS = 25  # of a bare bitstream that states none, as in FFmpeg
MAX_FPS = 1000  # high-speed cameras write 240 to 960
_MAX_START_S = 1e10  # Unix time is 2e9; a float of seconds still holds a microsecond here
_CLAIM_TIMES = 100  # an upload cut after 1 % is believed
_CLAIM_S = 3600.0  # and so is any cut file of an hour or less


def frame_rate(stream: Any, *, untimed: bool = False) -> Fraction | None:
    """Average frames a second, None where the container states none or one that no video has.

    Args:
        untimed: the stream is a bare bitstream, whose own statement counts; FFmpeg says 25 of all others.
    """
    rates = (stream.average_rate, stream.guessed_rate)
    for rate in (stream.codec_context.framerate, *rates) if untimed else rates:
        if rate and 1 / MAX_STILL_S <= rate <= MAX_FPS:
            return Fraction(rate)
    return None


def frame_rate_stated(stream: Any) -> bool:
    """Whether a bare bitstream states a frame rate that a video may have."""
    rate = stream.codec_context.framerate
    return bool(rate) and 1 / MAX_STILL_S <= rate <= MAX_FPS


def believed(claimed_s: float, there_s: float) -> bool:
    """Whether a header's duration is plausible for a file with `there_s` seconds, such as a truncated upload."""
    return claimed_s <= there_s + _CLAIM_S + _CLAIM_TIMES * there_s and claimed_s <= MAX_DURATION_S


def bound_decoder(context: Any) -> None:
    """Let the decoder refuse frames of more than `MAX_PIXELS` before it allocates one. Call before the first packet."""
    context.options = {**context.options, "max_pixels": str(MAX_PIXELS)}


def check_length(duration_s: float, first_pts_s: float = 0.0) -> str | None:
    """The problem with a duration or start in seconds, as the end of a sentence; None if there is none."""
    if not (math.isfinite(duration_s) and duration_s > 0):
        return f"its length of {duration_s} s is not a number above 0"
    if duration_s > MAX_DURATION_S:
        return (
            f"it claims a length of {duration_s:.6g} s; at most {MAX_DURATION_S:.0f} s "
            f"({MAX_DURATION_S / 86_400:.0f} days) are accepted: split it"
        )
    if not abs(first_pts_s) <= _MAX_START_S:
        return f"its clock starts at {first_pts_s:.6g} s; at most {_MAX_START_S:.0e} s are accepted"
    return None


def check_facts(uri: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Return `facts` if they can be planned.

    Raises:
        ItemError: class undecodable, if duration or start are out of range.
    """
    if wrong := check_length(facts["duration_s"], facts["first_pts_s"]):
        raise ItemError("undecodable", f"{uri}: {wrong}")
    return facts
