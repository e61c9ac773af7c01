"""Lines of text on screen over time: one item for a line that stays, moves, or runs through the picture.

A line that is read in neighbouring frames is one item. It is the same line where the text is nearly the same and it
stands in the same place, or has moved as a scrolling line moves; or where a ticker shows the next part of it. Of its
readings the one that most frames agree on counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

import pyarrow as pa

from operators.analysis.text import ReadLine

ITEM = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # on screen in [start_s, end_s), to the step of the frames
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("role", pa.string()),  # painted, scrolling, subtitle
        pa.field("confidence", pa.float64()),  # 0 to 1, of the reading that was kept
        pa.field("left", pa.float64()),  # of the box around all of its places, as shares of width and height
        pa.field("top", pa.float64()),
        pa.field("right", pa.float64()),
        pa.field("bottom", pa.float64()),
        pa.field("frames", pa.int32()),  # in which it was read
    ]
)

_ALIKE = 0.75  # share of equal letters from which on two readings are of one line
_SURE = 0.9  # likewise where it has moved
_PLACE = 0.6  # of a line's height that its middle may move between frames and stand in the same place
_FAR = 0.6  # of the picture that a scrolling line may move between two frames
_SEAM_S = 1e-3
_TICKER_LETTERS = 6  # that two parts of a ticker must share
_CUT = 2  # letters at either end of a part that may be misread
_EDGE = 0.03  # of the picture: what stands nearer to its side may go on outside
_MOVED = 1.5  # heights that a line moves in all, from which on it scrolls
_LOW = 0.66  # a subtitle's middle is below this share of the height
_CENTRED = 0.12  # share of the width that a subtitle's middle may stand off the centre
_SUBTITLE_S = 12.0  # longest that one stays


@dataclass
class Track:
    """A line while it is followed."""

    start_s: float
    end_s: float
    readings: list[ReadLine] = field(default_factory=list)
    whole: str = ""  # of a line that enters or leaves at a side: all of it so far
    ran: bool = False  # its beginning has left the picture

    @property
    def last(self) -> ReadLine:
        return self.readings[-1]

    @property
    def text(self) -> str:
        """The reading that most frames agree on; of equal ones the most confident. Of a ticker all that went by."""
        if self.whole and self.scrolls:
            return self.whole
        counts = Counter(line.text for line in self.readings)
        best: dict[str, float] = {}
        for line in self.readings:
            best[line.text] = max(best.get(line.text, 0.0), line.confidence)
        return max(counts, key=lambda text: (counts[text], best[text], text))

    @property
    def scrolls(self) -> bool:
        """Whether it moved on through the picture, rather than trembled."""
        first, last = self.readings[0], self.last
        down, right = _middle(last)[1] - _middle(first)[1], last.left - first.left
        return self.ran or max(abs(down), abs(right) * _ASPECT) > _MOVED * _height(first)

    def item(self, role: str) -> dict[str, Any]:
        """As `ITEM`."""
        text = self.text
        same = [line for line in self.readings if line.text == text]
        return {
            "start_s": self.start_s,
            "end_s": self.end_s,
            "text": text,
            "role": role,
            "confidence": max(line.confidence for line in same or self.readings),
            "left": min(line.left for line in self.readings),
            "top": min(line.top for line in self.readings),
            "right": max(line.right for line in self.readings),
            "bottom": max(line.bottom for line in self.readings),
            "frames": len(self.readings),
        }


_ASPECT = 16 / 9  # widths are shares of a width, heights of a height


def follow(frames: Iterable[tuple[float, float, Sequence[ReadLine]]]) -> list[dict[str, Any]]:
    """The items of consecutive frames, in order of time.

    Args:
        frames: (start_s, end_s, lines) of each frame, in order of time. A line that is not read in one frame and is in
            the frames beside it is one item, as readers miss one now and then.
    """
    open_: list[tuple[Track, int]] = []  # with frames since it was last read
    done: list[Track] = []
    for start_s, end_s, lines in frames:
        left = list(range(len(lines)))
        pairs = sorted(
            ((_fit(track, lines[k], missed), n, k) for n, (track, missed) in enumerate(open_) for k in left),
            key=lambda pair: (-pair[0], pair[1], pair[2]),
        )
        taken: set[int] = set()
        for fit, n, k in pairs:
            if fit > 0 and n not in taken and k in left:
                _extend(open_[n][0], lines[k], end_s)
                taken.add(n)
                left.remove(k)
        going = [(track, 0 if n in taken else missed + 1) for n, (track, missed) in enumerate(open_)]
        done += [track for track, missed in going if missed > 1]
        open_ = [pair for pair in going if pair[1] <= 1]
        open_ += [(Track(start_s, end_s, [lines[k]]), 0) for k in left]
    tracks = sorted([*done, *(track for track, _ in open_)], key=_order)
    subtitles = _subtitles(tracks)
    roles = ("scrolling" if t.scrolls else "subtitle" if id(t) in subtitles else "painted" for t in tracks)
    return [track.item(role) for track, role in zip(tracks, roles, strict=True)]


def joined(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items of neighbouring segments, which may overlap, as those of one stretch: a line at a seam is one again."""
    made: list[dict[str, Any]] = []
    for item in sorted(items, key=lambda i: (i["start_s"], i["top"], i["left"], i["text"])):
        before = next((m for m in reversed(made) if m["end_s"] >= item["start_s"] - _SEAM_S and _same(m, item)), None)
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
    return made


def _same(before: dict[str, Any], item: dict[str, Any]) -> bool:
    scrolling = "scrolling" in (before["role"], item["role"])
    if alike(before["text"], item["text"]) >= _ALIKE:
        return scrolling or _near(before, item)
    return scrolling and _near(before, item) and _both(before, item) is not None


def _both(before: dict[str, Any], item: dict[str, Any]) -> str | None:
    """The text of a ticker that goes on after a seam; None: it is none."""
    if before["role"] != "scrolling" or before["text"] == item["text"]:
        return None
    more = stitched(before["text"], item["text"])
    return more[0] if more is not None and more[1] else None


def alike(one: str, other: str) -> float:
    """Share of letters that two readings have in common, in order; spaces do not count."""
    a, b = "".join(one.split()), "".join(other.split())
    return 1.0 if a == b else SequenceMatcher(None, a, b, autojunk=False).ratio()


def _fit(track: Track, line: ReadLine, missed: int) -> float:
    """How well a reading goes on a track; 0: not at all."""
    last = track.last
    same = alike(last.text, line.text)
    height = max(_height(last), _height(line))
    across, down = abs(_middle(line)[0] - _middle(last)[0]), abs(_middle(line)[1] - _middle(last)[1])
    near = down <= _PLACE * height and (abs(line.left - last.left) * _ASPECT <= 2 * height or across < 0.03)
    if near and same >= _ALIKE:
        return 3 + same
    if missed:
        return 0.0
    if same >= _SURE and max(across, down) <= _FAR:
        return 2 + same - max(across, down)
    if down <= _PLACE * height and _runs(last, line) and stitched(track.whole or last.text, line.text):
        return 1.0
    return 0.0


def stitched(before: str, after: str) -> tuple[str, int] | None:
    """Two parts of a ticker that moves to the left as one text, and how many letters had left the picture.

    None: `after` does not go on where `before` ended. A letter that is misread in one of them does not part them.
    """
    match = SequenceMatcher(None, before, after, autojunk=False).find_longest_match()
    gone = match.a - match.b
    least = (
        max(_TICKER_LETTERS, min(len(before), len(after)) // 3) if gone else 3
    )  # a line that enters has few at first
    if match.size < least or gone < 0:
        return None
    end = match.a + match.size
    starts = match.b <= _CUT or alike(before[gone : match.a], after[: match.b]) >= _ALIKE
    rest = before[end:]
    ends = len(rest) <= _CUT or alike(rest, after[match.b + match.size :][: len(rest)]) >= _ALIKE
    return (before[: match.a] + after[match.b :], gone) if starts and ends else None


def _extend(track: Track, line: ReadLine, end_s: float) -> None:
    if _runs(track.last, line) and (more := stitched(track.whole or track.last.text, line.text)) is not None:
        track.whole, gone = more
        track.ran = track.ran or gone > _CUT
    track.readings.append(line)
    track.end_s = end_s


def _runs(last: ReadLine, line: ReadLine) -> bool:
    """Whether a line may be a ticker: it leaves or enters the picture at a side."""
    return last.right > 1 - _EDGE or line.left < _EDGE


def _subtitles(tracks: Sequence[Track]) -> set[int]:
    """Ids of those that stand where subtitles do: low, centred, short, and one after another in one place."""
    some = [
        t
        for t in tracks
        if not t.scrolls
        and _middle(t.last)[1] > _LOW
        and abs(_middle(t.last)[0] - 0.5) <= _CENTRED
        and t.end_s - t.start_s <= _SUBTITLE_S
    ]
    found: set[int] = set()
    for one in some:
        for other in some:
            apart = one.end_s <= other.start_s + _SEAM_S or other.end_s <= one.start_s + _SEAM_S
            level = abs(_middle(one.last)[1] - _middle(other.last)[1]) <= _height(one.last)
            if apart and level and alike(one.text, other.text) < _ALIKE:
                found |= {id(one), id(other)}
    return found


def _near(a: dict[str, Any], b: dict[str, Any]) -> bool:
    height = max(a["bottom"] - a["top"], b["bottom"] - b["top"])
    return bool(abs(a["top"] + a["bottom"] - b["top"] - b["bottom"]) / 2 <= _PLACE * height)


def _middle(line: ReadLine) -> tuple[float, float]:
    return (line.left + line.right) / 2, (line.top + line.bottom) / 2


def _height(line: ReadLine) -> float:
    return max(1e-6, line.bottom - line.top)


def _order(track: Track) -> tuple[float, float, float, str]:
    first = track.readings[0]
    return track.start_s, first.top, first.left, track.text
