"""How one long video is shared out among processes.

Many videos need no sharing: one worker each has no overhead at all. A single long one is cut into parts, each of which
seeks by itself; that costs one opening and at most one group of pictures a part (measured: 1 to 6 % CPU at two parts),
so a part must be long enough to be worth it.
"""

from __future__ import annotations

from collections.abc import Sequence

LEAST_PART_S = 60.0
LEAST_PART_KEYFRAMES = 10


def part_count(duration_s: float, keyframe_interval_s: float | None, *, workers: int, videos: int = 1) -> int:
    """Into how many parts each of `videos` videos of `duration_s` is cut for `workers` processes; at least 1.

    Args:
        keyframe_interval_s: distance of its keyframes; None where it is not known, and the length alone decides.
    """
    least_s = max(LEAST_PART_S, LEAST_PART_KEYFRAMES * (keyframe_interval_s or 0.0))
    return max(1, min(workers // max(1, videos), int(duration_s / least_s)))


def split_times(times_s: Sequence[float], parts: int) -> list[list[float]]:
    """The times in order of time, in at most `parts` consecutive stretches of equal length in time; none is empty."""
    ordered = sorted(times_s)
    if not ordered:
        return []
    step_s = (ordered[-1] - ordered[0]) / parts
    found: list[list[float]] = []
    for k in range(parts):
        low, high = ordered[0] + k * step_s, ordered[0] + (k + 1) * step_s
        part = [t for t in ordered if low <= t < high or (k == parts - 1 and t >= high)]
        if part:
            found.append(part)
    return found
