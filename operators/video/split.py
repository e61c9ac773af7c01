"""Division of a long video among processes.

Many videos are distributed as a whole, without overhead. A single long video is divided into parts, each of which is
opened and seeked separately. This costs one opening and at most one group of pictures per part (measured: 1 to 6 % CPU
for two parts), so parts must be sufficiently long.
"""

from __future__ import annotations

from collections.abc import Sequence

LEAST_PART_S = 60.0
LEAST_PART_KEYFRAMES = 10


def part_count(duration_s: float, keyframe_interval_s: float | None, *, workers: int, videos: int = 1) -> int:
    """The number of parts, at least 1, for each of `videos` videos of `duration_s` seconds on `workers` processes.

    Args:
        keyframe_interval_s: distance of keyframes in seconds; None if unknown, and only the duration is used.
    """
    least_s = max(LEAST_PART_S, LEAST_PART_KEYFRAMES * (keyframe_interval_s or 0.0))
    return max(1, min(workers // max(1, videos), int(duration_s / least_s)))


def split_times(times_s: Sequence[float], parts: int) -> list[list[float]]:
    """Divide the times, sorted, into at most `parts` consecutive groups of equal duration; no group is empty."""
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
