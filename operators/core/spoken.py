"""Spans of speech, and the gaps between spoken lines to which a window boundary can move.

All values are seconds from the first presented frame. All intervals are half-open.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

_SAME = 0.5  # a recognised line of which subtitles cover this share or more is dropped in their favour
_EPSILON_S = 1e-6

_Line = TypeVar("_Line")


def said_once(lines: Iterable[_Line], span: Callable[[_Line], tuple[float, float, bool]]) -> list[_Line]:
    """The lines without those recognised ones of which subtitles cover half or more.

    Subtitles, which a person wrote, take precedence over speech recognition.

    Args:
        span: returns start and end of a line in seconds, and whether it was recognised.
    """
    known = [(line, *span(line)) for line in lines]
    written = [(low, high) for _, low, high, recognised in known if not recognised]

    def covered(start_s: float, end_s: float) -> bool:
        over_s = sum(max(0.0, min(end_s, high) - max(start_s, low)) for low, high in written)
        return over_s >= _SAME * (end_s - start_s)

    return [line for line, low, high, recognised in known if not (recognised and covered(low, high))]


def talk_of(speech: Iterable[Mapping[str, Any]] | None) -> list[tuple[float, float]]:
    """The spans of the lines in the column `speech`, ascending, with overlapping spans merged.

    Lines that only touch are not merged, because a boundary between them cuts neither.
    """
    lines = said_once(speech or (), lambda x: (float(x["start_s"]), float(x["end_s"]), x["source"] == "recognised"))
    found: list[tuple[float, float]] = []
    for start_s, end_s in sorted((float(x["start_s"]), float(x["end_s"])) for x in lines):
        if found and start_s < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end_s))
        elif end_s > start_s:
            found.append((start_s, end_s))
    return found


def moved(time_s: float, talk: Sequence[tuple[float, float]], reach_s: float) -> float:
    """The time nearest to `time_s` that is not inside a spoken line; of two equally near times, the earlier.

    If there is none within `reach_s` seconds, `time_s` itself is returned, and the line is cut.

    Args:
        talk: from `talk_of`.
    """
    at = bisect_left(talk, (time_s,)) - 1  # the last span that starts before it
    if at < 0 or not talk[at][0] + _EPSILON_S < time_s < talk[at][1] - _EPSILON_S:
        return time_s
    near = [t for t in talk[at] if t >= 0 and abs(t - time_s) <= reach_s + _EPSILON_S]
    inner = [t for t in near if t > 0]  # at 0 nothing is parted: a boundary goes there only to cut no line
    return min(inner or near, key=lambda t: (abs(t - time_s), t), default=time_s)
