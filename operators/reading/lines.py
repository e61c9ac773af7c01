"""Lines of text on screen over time: one item for a line that stays, moves, or runs through the frame.

A line that is read in neighbouring frames is one item. It is the same line where the text is nearly the same and it
stands in the same place, or has moved as a scrolling line moves; or where a ticker shows the next part of it. Of its
readings the one that most frames agree on counts. Texts with other numbers or words are other items, however similar
they are (`operators.reading.same`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Any

from operators.analysis.text import ReadLine
from operators.reading.rolls import time_rolls
from operators.reading.same import alike, parted, relation
from operators.reading.track import ASPECT, Track, height, middle

_ALIKE = 0.75  # share of equal letters from which on two readings are of one line
_SURE = 0.9  # likewise where it has moved
_PLACE = 0.6  # of a line's height that its middle may move between frames and stand in the same place
_FAR = 0.6  # of the frame that a scrolling line may move between two frames
_SEAM_S = 1e-3
_TICKER_LETTERS = 6  # that two parts of a ticker must share
_FEW_LETTERS = 3  # likewise while it enters, and of its end alone
_CUT = 2  # letters at either end of a part that may be misread
_CREEP = 0.005  # of the frame: less is no motion of a ticker
_EDGE = 0.03  # of the frame: what stands nearer to its side may go on outside
_FLAT = 2  # heights that what a ticker was read in is wide at least
_LOW = 0.66  # a subtitle's middle is below this share of the height
_CENTRED = 0.12  # share of the width that a subtitle's middle may stand off the centre
_SUBTITLE_S = 12.0  # longest that one stays


def follow(
    frames: Iterable[tuple[float, float, Sequence[ReadLine]]], *, aspect: float = ASPECT
) -> list[dict[str, Any]]:
    """The items of consecutive frames, in order of time.

    Args:
        frames: (start_s, end_s, lines) of each frame, in order of time. A line that is not read in one frame and is in
            the frames beside it is one item, as readers miss one now and then.
        aspect: width of a frame divided by its height.
    """
    open_: list[tuple[Track, int]] = []  # with frames since it was last read
    done: list[Track] = []
    spans: list[tuple[float, float]] = []
    for start_s, end_s, lines in frames:
        left = list(range(len(lines)))
        pairs = sorted(
            ((_fit(track, lines[k], missed), n, k) for n, (track, missed) in enumerate(open_) for k in left),
            key=lambda pair: (-pair[0], pair[1], pair[2]),
        )
        taken: set[int] = set()
        for fit, n, k in pairs:
            if fit > 0 and n not in taken and k in left:
                _extend(open_[n][0], lines[k], len(spans), end_s)
                taken.add(n)
                left.remove(k)
        going = [(track, 0 if n in taken else missed + 1) for n, (track, missed) in enumerate(open_)]
        done += [track for track, missed in going if missed > 1]
        open_ = [pair for pair in going if pair[1] <= 1]
        open_ += [(Track(start_s, end_s, [lines[k]], [len(spans)], aspect=aspect), 0) for k in left]
        spans.append((start_s, end_s))
    found = [one for track in [*done, *(track for track, _ in open_)] for one in parted(track, spans)]
    tracks = sorted(time_rolls(found, spans), key=_order)
    subtitles = _subtitles(tracks)
    roles = ("scrolling" if t.scrolls else "subtitle" if id(t) in subtitles else "painted" for t in tracks)
    return [track.item(role) for track, role in zip(tracks, roles, strict=True)]


def joined(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items of neighbouring segments, which may overlap, as those of one stretch: a line at a seam is one again."""
    made: list[dict[str, Any]] = []
    for item in sorted(items, key=lambda i: (i["start_s"], i["top"], i["left"], i["text"])):
        ones = [m for m in reversed(made) if m["end_s"] >= item["start_s"] - _SEAM_S and _same(m, item)]
        before = next((m for m in ones if m["text"] == item["text"]), ones[0] if ones else None)
        if before is None:
            made.append(dict(item))
            continue
        better = item if item["frames"] > before["frames"] else before
        rate = item["frames"] / max(_SEAM_S, item["end_s"] - item["start_s"])
        fresh = round(rate * max(0.0, item["end_s"] - max(before["end_s"], item["start_s"])))
        before |= {
            "end_s": max(before["end_s"], item["end_s"]),
            "text": _both(before, item) or better["text"],
            "role": before["role"] if before["role"] != "painted" else item["role"],
            "confidence": better["confidence"],
            **{name: min(before[name], item[name]) for name in ("left", "top")},
            **{name: max(before[name], item[name]) for name in ("right", "bottom")},
            "frames": before["frames"] + fresh,
        }
    return [m for m in made if not any(_misread(m, other) for other in made)]


def _misread(item: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether an item was read once, at the end of a segment, where another says that its line has another text."""
    if item["frames"] > 1 or other["frames"] < 2 or "scrolling" in (item["role"], other["role"]):
        return False
    during = other["start_s"] <= item["start_s"] + _SEAM_S and item["end_s"] <= other["end_s"] + _SEAM_S
    there = _near(item, other) and max(item["left"], other["left"]) < min(item["right"], other["right"])
    return during and there and alike(item["text"], other["text"]) >= _ALIKE


def _same(before: dict[str, Any], item: dict[str, Any]) -> bool:
    same = alike(before["text"], item["text"])
    if "scrolling" in (before["role"], item["role"]):
        sure = same >= _SURE and not _differ(before, item)
        return sure or (_near(before, item) and _both(before, item) is not None)
    return same >= _ALIKE and _near(before, item) and not _differ(before, item)


def _differ(before: dict[str, Any], item: dict[str, Any]) -> bool:
    """Whether two items say something else; one that was read once and lacks words is misread."""
    how = relation(before["text"], item["text"])
    return (
        how != "same" and not (how == "less" and item["frames"] == 1) and not (how == "more" and before["frames"] == 1)
    )


def _both(before: dict[str, Any], item: dict[str, Any]) -> str | None:
    """The text of a ticker that goes on after a seam; None: it is none."""
    if before["role"] != "scrolling" or before["text"] == item["text"] or not (_flat(before) and _flat(item)):
        return None
    for rightwards in (False, True):
        more = stitched(before["text"], item["text"], rightwards=rightwards)
        if more is not None and more[1]:
            return more[0]
    return None


def _flat(item: dict[str, Any]) -> bool:
    """Whether the box around all of its places is that of a line: of one that rolls it is high."""
    return bool((item["right"] - item["left"]) * ASPECT > _FLAT * (item["bottom"] - item["top"]))


def _fit(track: Track, line: ReadLine, missed: int) -> float:
    """How well a reading goes on a track; 0: not at all. Another text in its place goes on it the least of all.

    The same words elsewhere are more surely the line than similar words in its place: a roll may move by just so much
    that another line stands where this one stood.
    """
    last = track.last
    same = alike(last.text, line.text)
    tall = max(height(last), height(line))
    across, down = abs(middle(line)[0] - middle(last)[0]), abs(middle(line)[1] - middle(last)[1])
    near = down <= _PLACE * tall and (abs(line.left - last.left) * track.aspect <= 2 * tall or across < 0.03)
    if _ALIKE <= same < 1 and relation(last.text, line.text) != "same":
        return same / 2 if near else 0.1 if down <= _PLACE * tall and _run_on(track, line) else 0.0
    if near and same >= _ALIKE:
        return 5.0 if same == 1 else 2 + same
    if missed:
        return 1 + same if same >= _ALIKE and _goes_on(track, line, missed) else 0.0
    if same >= _SURE and max(across, down) <= _FAR:
        return (4.0 if same == 1 else 1 + same) - max(across, down)
    return 0.1 if down <= _PLACE * tall and _run_on(track, line) else 0.0


def _goes_on(track: Track, line: ReadLine, missed: int) -> bool:
    """Whether a line stands where a track, which was not read in some frames, has moved on to."""
    if len(track.readings) < 2:
        return False
    ways = (missed + 1) / (track.frames[-1] - track.frames[-2])
    (x, y), (a, b), (c, d) = (middle(reading) for reading in (*track.readings[-2:], line))
    tall = max(height(track.last), height(line))
    return max(abs(d - b - ways * (b - y)), abs(c - a - ways * (a - x)) * track.aspect) <= _PLACE * tall


def stitched(before: str, after: str, *, rightwards: bool = False) -> tuple[str, int] | None:
    """Two parts of a ticker as one text, and how many letters had left the frame.

    None: `after` does not go on where `before` ended. A letter that is misread in one of them does not part them.

    Args:
        rightwards: it moves to the right, so that its end comes first; else to the left.
    """
    if rightwards:
        mirrored = stitched(before[::-1], after[::-1])
        return None if mirrored is None else (mirrored[0][::-1], mirrored[1])
    tail = before[-len(after) :]
    if _FEW_LETTERS <= len(after) < len(before) and alike(tail.casefold(), after.casefold()) >= _SURE:  # the last of it
        return before, len(before) - len(after)
    match = SequenceMatcher(None, before, after, autojunk=False).find_longest_match()
    gone = match.a - match.b
    least = max(_TICKER_LETTERS, min(len(before), len(after)) // 3) if gone else _FEW_LETTERS
    if match.size < least or gone < 0:
        return None
    end = match.a + match.size
    starts = match.b <= _CUT or alike(before[gone : match.a], after[: match.b]) >= _ALIKE
    rest = before[end:]
    ends = len(rest) <= _CUT or alike(rest, after[match.b + match.size :][: len(rest)]) >= _ALIKE
    return (before[: match.a] + after[match.b :], gone) if starts and ends else None


def _extend(track: Track, line: ReadLine, frame: int, end_s: float) -> None:
    if (more := _run_on(track, line)) is not None:
        track.whole, gone = more
        track.ran = track.ran or gone > _CUT
    track.readings.append(line)
    track.frames.append(frame)
    track.end_s = end_s


def _run_on(track: Track, line: ReadLine) -> tuple[str, int] | None:
    """As `stitched`, of a line that goes on as a ticker, leaving or entering the frame at a side; None: it does not."""
    last, before = track.last, track.whole or track.last.text
    leftwards = last.right > 1 - _EDGE or line.left < _EDGE
    more = stitched(before, line.text) if leftwards else None
    if more is not None and (more[0] != before or line.right < last.right - _CREEP):
        return more
    if last.left < _EDGE or line.right > 1 - _EDGE:
        more = stitched(before, line.text, rightwards=True)
        if more is not None and (more[0] != before or line.left > last.left + _CREEP):
            return more
    return None


def _subtitles(tracks: Sequence[Track]) -> set[int]:
    """Ids of those that stand where subtitles do: low, centred, short, and one after another in one place."""
    some = [
        t
        for t in tracks
        if not t.scrolls
        and middle(t.last)[1] > _LOW
        and abs(middle(t.last)[0] - 0.5) <= _CENTRED
        and t.end_s - t.start_s <= _SUBTITLE_S
    ]
    found: set[int] = set()
    for one in some:
        for other in some:
            apart = one.end_s <= other.start_s + _SEAM_S or other.end_s <= one.start_s + _SEAM_S
            level = abs(middle(one.last)[1] - middle(other.last)[1]) <= height(one.last)
            if apart and level and alike(one.text, other.text) < _ALIKE:
                found |= {id(one), id(other)}
    return found


def _near(a: dict[str, Any], b: dict[str, Any]) -> bool:
    height = max(a["bottom"] - a["top"], b["bottom"] - b["top"])
    return bool(abs(a["top"] + a["bottom"] - b["top"] - b["bottom"]) / 2 <= _PLACE * height)


def _order(track: Track) -> tuple[float, float, float, str]:
    first = track.readings[0]
    return track.start_s, first.top, first.left, track.text
