"""The frames of a decoded row that are on screen in a span, and how long each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from operators.core.base import Row


def frame_spans(images: Sequence[Row], start_s: float, end_s: float) -> list[tuple[Row, float, float]]:
    """The frames on screen in `[start_s, end_s)`, in order of time, each with its start and end in that span.

    A frame is on screen until its `until_s`, or until the next frame if that is null. A frame from before the span that
    is still on screen is included. Repetitions of a frame are merged.
    """
    ordered = sorted(images, key=lambda p: p["time_s"])
    found: list[tuple[Row, float, float]] = []
    for image, following in pairwise([*ordered, {"time_s": end_s}]):
        until_s = image.get("until_s")
        low = max(start_s, float(image["time_s"]))
        high = min(end_s, float(following["time_s"] if until_s is None else until_s))
        if high - low <= 1e-6:
            continue
        if found and found[-1][0]["pts_s"] == image["pts_s"] and low - found[-1][2] < 1e-6:
            found[-1] = (found[-1][0], found[-1][1], high)
        else:
            found.append((image, low, high))
    return found
