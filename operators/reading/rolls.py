"""Lines that roll up or down: the speed of the roll, and when half of each line crosses an edge of the frame.

A line that an edge cuts is seldom read, so that the first and the last frame in which a line was read can be more than
a step from when half of it came and went. All lines of a roll move at one speed, which their places in neighbouring
frames say. From that speed and the place of a line follows when its middle crosses the edge.

Places are shares of the frame's height from its top, speeds shares a second, positive downwards.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from operators.analysis.text import ReadLine
from operators.reading.track import Track, height

_NEAR = 1.0  # heights: a line whose middle is nearer to an edge may be too cut, or too near to it, to be read
_STILL = 0.1  # heights a second: less is no motion, as boxes tremble
_SMOOTH_S = 1.0  # s around a frame over which speeds are gathered, because boxes tremble from frame to frame
_STRAY = 0.25  # share by which a line's way may differ from the roll's
_MOVES = 0.3  # heights that it must have moved for that


def time_rolls(tracks: Sequence[Track], spans: Sequence[tuple[float, float]]) -> list[Track]:
    """Set `rolls` of the tracks that move with a roll, and the spans of those that come or go at an edge.

    Args:
        spans: (start_s, end_s) of each frame, in order of time.

    Returns:
        The tracks without those that are a line cut by an edge, misread.
    """
    speeds = Speeds(tracks, spans)
    for track in tracks:
        came_s, went_s = _came_s(track, speeds, spans), _went_s(track, speeds, spans)
        if _goes_along(track, speeds, spans, came_s, went_s):
            track.rolls = True
            first_s, last_s = spans[track.frames[0]][0], spans[track.frames[-1]][0]
            if came_s is not None:
                track.start_s = max(spans[0][0], min(came_s, first_s))
            if went_s is not None and went_s > last_s:
                track.end_s = min(spans[-1][1], went_s)
    rolling = [track for track in tracks if track.rolls]
    return [t for t in tracks if len(t.readings) > 1 or not any(_is_cut(t, other, speeds, spans) for other in rolling)]


def _is_cut(one: Track, rolling: Track, speeds: Speeds, spans: Sequence[tuple[float, float]]) -> bool:
    """Whether what was read once is a rolling line that an edge cuts, in the frame before or after its readings."""
    frame, line = one.frames[0], one.last
    if frame == rolling.frames[0] - 1:
        near, at, speed = rolling.readings[0], frame + 1, speeds.before(frame + 1)
    elif frame == rolling.frames[-1] + 1:
        near, at, speed = rolling.last, frame - 1, speeds.after(frame - 1)
    else:
        return False
    down, tall = speed * (spans[frame][0] - spans[at][0]), height(near)
    top, bottom = near.top + down, near.bottom + down
    at_edge = min(top + bottom, 2 - top - bottom) / 2 < _NEAR * tall
    beside = near.left - tall <= line.left and line.right <= near.right + tall
    return at_edge and beside and min(line.bottom, bottom) - max(line.top, top) >= height(line) / 2


class Speeds:
    """The speed of the roll between frames, the median of its lines': 0 where there is none.

    Where no line is in both frames, the speed is that on the other side of the frame that is asked about. One line that
    was read twice does not make a roll: it may be another line of the same words. Two that move alike do.
    """

    def __init__(self, tracks: Sequence[Track], spans: Sequence[tuple[float, float]]) -> None:
        found: dict[int, list[tuple[float, bool]]] = {}
        for track in tracks:
            for k, way, seconds in _ways(track, spans) if track.goes_down_or_up else ():
                found.setdefault(k, []).append((way / seconds, len(track.readings) > 2))
        starts_s = [start_s for start_s, _ in spans]
        self._from: dict[int, float] = {}
        for frame, at_s in enumerate(starts_s):
            around = range(bisect_right(starts_s, at_s - _SMOOTH_S / 2), bisect_left(starts_s, at_s + _SMOOTH_S / 2))
            near = [own for k in around for own in found.get(k, ())]
            speed = median(speed for speed, _ in near) if near else 0.0
            alike = [sure for own, sure in near if abs(own - speed) <= _STRAY * abs(speed)]
            if any(alike) or len(alike) > 1:
                self._from[frame] = speed

    def before(self, frame: int) -> float:
        """Between the frame before this one and this one."""
        return self._from.get(frame - 1, self._from.get(frame, 0.0))

    def after(self, frame: int) -> float:
        """Between this frame and the next one."""
        return self._from.get(frame, self._from.get(frame - 1, 0.0))


def _ways(track: Track, spans: Sequence[tuple[float, float]]) -> Iterator[tuple[int, float, float]]:
    """Number of a frame, how far down the line moved from it to the next one, and in how many seconds.

    An edge of the frame holds the side of a box that it cuts, so that the side that moved farther counts.
    """
    for (k, line), (after, moved) in pairwise(zip(track.frames, track.readings, strict=True)):
        if after == k + 1 and spans[after][0] > spans[k][0]:
            way = max(moved.top - line.top, moved.bottom - line.bottom, key=abs)
            yield k, way, spans[after][0] - spans[k][0]


def _goes_along(
    track: Track, speeds: Speeds, spans: Sequence[tuple[float, float]], came_s: float | None, went_s: float | None
) -> bool:
    """Whether a line moves as the roll does, or, where it was read once, stands between its coming and its going."""
    if len(track.readings) > 1:
        ways = [(way, speeds.after(k) * seconds) for k, way, seconds in _ways(track, spans)]
        own, its = sum(way for way, _ in ways), sum(way for _, way in ways)
        return abs(its) >= _MOVES * _tall(track) and abs(own - its) <= _STRAY * abs(its)
    enters = came_s is not None or track.frames[0] == 0
    leaves = went_s is not None or track.frames[-1] == len(spans) - 1
    return enters and leaves and not (came_s is None and went_s is None)


def _came_s(track: Track, speeds: Speeds, spans: Sequence[tuple[float, float]]) -> float | None:
    """When the middle of a line came over an edge; None: it did not, or there is no roll."""
    first = track.frames[0]
    speed = speeds.before(first)
    if not first:
        return None
    return _crossed_s(track.readings[0], _tall(track), speed, spans[first][0], spans[first - 1][0])


def _went_s(track: Track, speeds: Speeds, spans: Sequence[tuple[float, float]]) -> float | None:
    """When the middle of a line goes over an edge: it comes over it with time reversed."""
    last = track.frames[-1]
    speed = speeds.after(last)
    crossed_s = _crossed_s(track.last, _tall(track), -speed, -spans[last][0], -spans[last][1])
    return None if crossed_s is None else -crossed_s


def _crossed_s(line: ReadLine, tall: float, speed: float, at_s: float, before_s: float) -> float | None:
    """When the middle of a line crossed the edge that it comes from, at a speed.

    Args:
        line: its place at `at_s`, its first.
        tall: its height where no edge cuts it.
        before_s: an earlier time at which it was not read. None is returned if it was deep in the frame then,
            or does not move.
    """
    deep = 1 - line.top - tall / 2 if speed < 0 else line.bottom - tall / 2  # from the edge; its far side is not cut
    if abs(speed) < _STILL * tall or deep - abs(speed) * (at_s - before_s) >= _NEAR * tall:
        return None
    return at_s - deep / abs(speed)


def _tall(track: Track) -> float:
    return max(map(height, track.readings))
