"""Which frames of a decoded row stand in a span, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from operators.core.base import Row


def frame_spans(pictures: Sequence[Row], start_s: float, end_s: float) -> list[tuple[Row, float, float]]:
    """The frames that stand in `[start_s, end_s)`, each with its part of it, in order of time.

    A frame stands until `until_s` where it says so, else until the next. One that was taken before the span and is
    still shown stands in it. A frame that is repeated is one.
    """
    ordered = sorted(pictures, key=lambda p: p["time_s"])
    found: list[tuple[Row, float, float]] = []
    for picture, following in pairwise([*ordered, {"time_s": end_s}]):
        until_s = picture.get("until_s")
        low = max(start_s, float(picture["time_s"]))
        high = min(end_s, float(following["time_s"] if until_s is None else until_s))
        if high - low <= 1e-6:
            continue
        if found and found[-1][0]["pts_s"] == picture["pts_s"] and low - found[-1][2] < 1e-6:
            found[-1] = (found[-1][0], found[-1][1], high)
        else:
            found.append((picture, low, high))
    return found
