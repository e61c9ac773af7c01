"""The captions of one video, with a display in notebooks."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from operators.core.base import ItemError, Row
from pipeline.monitoring.progress import clock
from pipeline.output.annotations import opening_of
from pipeline.output.filmstrip import Filmstrip, Still, spread
from pipeline.output.notebook import shown, strip_html
from pipeline.terminal.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

_STRIP_FRAMES = 8
_STRIP_LIMIT_S = 20.0
_FRAME_PX = 240


class NoCaption(UsageError):
    """A known video has no long caption; the message says why."""


class Frames(list[Still]):
    """Frames of a video, ordered by time; a notebook shows them side by side."""

    def _repr_html_(self) -> str:
        return str(strip_html(self))


class Captions:
    """The captions of one video, read from the output on first use.

    Args:
        video: its row of `rows.VIDEO`.
        row: its row of `rows.LONG_CAPTION`; None if it has no long caption.
        segments: returns its rows of `rows.CAPTIONED_SEGMENT`.
        why_not: video id -> the reason why it has no long caption.
    """

    def __init__(
        self, video: Row, row: Row | None, segments: Callable[[], list[Row]], why_not: Callable[[str], str]
    ) -> None:
        self._video, self._row = video, row
        self._read, self._why_not = segments, why_not

    @property
    def video_id(self) -> str:
        return str(self._video["video_id"])

    @property
    def uri(self) -> str:
        return str(self._video["uri"])

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.uri.rsplit("/", 1)[-1]

    @property
    def duration_s(self) -> float | None:
        """Seconds from the first presented frame to the end of the last; None if the video could not be probed."""
        found: float | None = self._video["duration_s"]
        return found

    @property
    def row(self) -> Row:
        """The row of the dataset, a mapping.

        Raises:
            NoCaption: the video has no long caption; the message says why.
        """
        if self._row is None:
            raise NoCaption(f"{self.uri} has no long caption: {self._why_not(self.video_id)}")
        return self._row

    @property
    def caption(self) -> str:
        """The long caption; raises like `row`."""
        return str(self.row["caption"])

    @property
    def sections(self) -> pd.DataFrame:
        """The sections, one per row: `start_s`, `end_s`, `topic`, `text`, `windows` (cited); raises like `row`."""
        import pandas as pd

        columns = ["start_s", "end_s", "topic", "text", "windows"]
        return pd.DataFrame([{name: s[name] for name in columns} for s in self.row["sections"]], columns=columns)

    @property
    def segments(self) -> pd.DataFrame:
        """The captions of frames and windows; see `Output.segments`."""
        import pandas as pd

        return pd.DataFrame(caption_rows(self._segments))

    def frames(self, count: int | None = None, *, short_side_px: int = _FRAME_PX) -> Frames:
        """Decode the captioned frames again.

        Args:
            count: number of frames, evenly spaced; None: all captioned frames, or one per 10 s if there are none.
            short_side_px: short side of the frames, which are never enlarged.

        Raises:
            ItemError: the video cannot be read, or has changed since it was captioned.
        """
        times = sorted({frame["time_s"] for segment in self._segments for frame in segment["frames"]})
        length = self.duration_s or 0.0
        if not times:
            times = spread(length, count or max(1, round(length / 10)))
        if count is not None and count < len(times):
            times = [times[int((k + 0.5) * len(times) / count)] for k in range(count)]
        with Filmstrip(short_side_px=short_side_px) as film:
            return Frames(film.at(self._video, times))

    @cached_property
    def _segments(self) -> list[Row]:
        return self._read()

    @cached_property
    def _strip(self) -> Markup:
        try:
            with Filmstrip(time_limit_s=_STRIP_LIMIT_S) as film:
                return strip_html(film.at(self._video, spread(self.duration_s or 0.0, _STRIP_FRAMES)))
        except ItemError as error:
            return strip_html((), f"no frames: {error.message}")

    def __repr__(self) -> str:
        words = f"{self._row['words']} words" if self._row else "no long caption"
        length = clock(self.duration_s) if self.duration_s is not None else "unknown length"
        return f"<longcap captions of {self.name}: {length}, {words}>"

    def _repr_html_(self) -> str:
        head = Markup("<p><b>{}</b> · {}</p>").format(shown(self.name), repr(self).rpartition(": ")[2].rstrip(">"))
        if self._row is None:
            return str(head + Markup("<p>{}</p>").format(shown(self._why_not(self.video_id))))
        parts = [
            Markup("<p><b>{} to {}</b>{}<br>{}</p>").format(
                clock(s["start_s"]), clock(s["end_s"]), f" · {s['topic']}" if s["topic"] else "", shown(s["text"])
            )
            for s in self.row["sections"]
        ]
        opening = Markup("<p>{}</p>").format(shown(opening_of(self.row)))
        return str(head + self._strip + opening + Markup("").join(parts))


def caption_rows(segments: Sequence[Row]) -> list[Row]:
    """Return frame and window captions of segments as flat rows by time, a window before its frames."""
    found = [row for segment in segments for row in _flat(segment)]
    return sorted(found, key=lambda row: (row["start_s"], row["level"] == "frame"))


def _flat(segment: Row) -> Iterator[Row]:
    def row(one: Row, level: str, **values: Any) -> Row:
        same = ("text", "valid", "problem", "attempts")
        made = {"level": level, "segment_index": segment["segment_index"], **values, **{n: one[n] for n in same}}
        return made | {"fields": one.get("fields"), "prompt_hash": one["prompt_hash"], "sampling": one["sampling"]}

    for w in segment["windows"]:
        span = {"start_s": w["start_s"], "end_s": w["end_s"], "pts_s": w["pts_s"]}
        yield row(w, "window", window_index=w["window_index"], **span)
    for f in segment["frames"]:
        yield row(f, "frame", window_index=None, start_s=f["time_s"], end_s=None, pts_s=[f["pts_s"]])


class Comparison:
    """Two long captions of one video side by side, with differing words marked. See `compare`."""

    def __init__(self, first: Captions, second: Captions) -> None:
        self.first, self.second = first, second
        self._words = (first.caption.split(), second.caption.split())
        matcher = difflib.SequenceMatcher(a=self._words[0], b=self._words[1], autojunk=False)
        self._steps = matcher.get_opcodes()

    @property
    def similarity(self) -> float:
        """Share of words that both have in the same order: 2 x common / (words of both), 0 to 1."""
        common = sum(b - a for step, a, b, _, _ in self._steps if step == "equal")
        return 2 * common / max(1, len(self._words[0]) + len(self._words[1]))

    def __repr__(self) -> str:
        lengths = " and ".join(f"{len(words)} words" for words in self._words)
        return f"<longcap comparison of {self.first.name}: {lengths}, {self.similarity:.0%} the same>"

    def _repr_html_(self) -> str:
        cells = [
            Markup('<td style="text-align:left;vertical-align:top;width:50%;white-space:normal">{}</td>').format(side)
            for side in (self._marked(0, "del"), self._marked(1, "ins"))
        ]
        head = Markup("<p><b>{}</b> · {:.0%} of the words are the same</p>").format(
            shown(self.first.name), self.similarity
        )
        return str(head + Markup("<table><tr>{}{}</tr></table>").format(*cells))

    def _marked(self, side: int, tag: str) -> Markup:
        """Render one caption; words that the other lacks are in `del` or `ins`, which screen readers announce."""
        pieces = []
        for step, *spans in self._steps:
            words = self._words[side][spans[2 * side] : spans[2 * side + 1]]
            text = shown(" ".join(words))
            if words:
                pieces.append(text if step == "equal" else Markup("<{0}>{1}</{0}>").format(tag, text))
        return Markup(" ").join(pieces)


def compare(first: Captions, second: Captions) -> Comparison:
    """Compare two long captions of one video side by side, made by two configs, recipes or models.

    Raises:
        UsageError: the names of the videos differ, or one has no long caption.
    """
    if (first.video_id, first.name) != (second.video_id, second.name) and first.name != second.name:
        raise UsageError(f"{first.name} and {second.name} are two videos; compare needs two captions of one video")
    return Comparison(first, second)
