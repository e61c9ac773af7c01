"""Select the speech in a span: the words said in it, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from operators.analysis.pieces import Line
from operators.audio.lines import SpeechLine, Word
from operators.core.spoken import said_once
from operators.core.text import clock, quotation

_LEAST_S = 0.5  # seconds of a line without word times that must be in a span, or half of a shorter line


@dataclass(frozen=True)
class Heard:
    """The speech of a video or of a part of it.

    Attributes:
        lines: ordered by time. Recognised lines that subtitles cover are removed.
    """

    lines: tuple[SpeechLine, ...]

    @staticmethod
    def of(column: Sequence[dict[str, Any]] | None) -> Heard | None:
        """Build from the value of a column `speech`; None if it is null."""
        return None if column is None else Heard(_once([SpeechLine.of(row) for row in column]))

    def within(self, start_s: float, end_s: float) -> Heard:
        """Return the speech in `[start_s, end_s)`.

        A line with word times contributes the words whose middle is in the span. A line without word times is included
        completely if half a second of it, or half of the line, is in the span: a line that overlaps a window by 0.09 s
        was not said in it.
        """
        return Heard(tuple(cut for line in self.lines if (cut := _cut(line, start_s, end_s)) is not None))

    def measured(self) -> tuple[Line, ...]:
        """Return the lines in the form that `Facts` holds."""
        return tuple(Line(start_s=line.start_s, end_s=line.end_s, text=line.text) for line in self.lines)

    def texts(self) -> list[str]:
        """Return one text per line for a prompt: the quoted line with its time and source."""
        return [
            f"{clock(line.start_s)} to {clock(line.end_s)}, {_KIND[line.source]}: {quotation(line.text)}"
            for line in self.lines
        ]


_KIND = {"recognised": "heard", "beside": "subtitle", "embedded": "subtitle"}


def _cut(line: SpeechLine, start_s: float, end_s: float) -> SpeechLine | None:
    if line.end_s <= start_s or line.start_s >= end_s:
        return None
    if line.words:
        if start_s <= line.start_s and line.end_s <= end_s:
            return line
        own = tuple(w for w in line.words if start_s <= (w.start_s + w.end_s) / 2 < end_s)
        if not own:
            return None
        text = line.text if len(own) == len(line.words) else _part(line, own)
        return replace(
            line, words=own, text=text, start_s=max(start_s, own[0].start_s), end_s=min(end_s, own[-1].end_s)
        )
    low, high = max(start_s, line.start_s), min(end_s, line.end_s)
    enough = high - low >= min(_LEAST_S, (line.end_s - line.start_s) / 2) - 1e-6
    return replace(line, start_s=low, end_s=high) if enough else None


def _part(line: SpeechLine, own: tuple[Word, ...]) -> str:
    """Return the text of some neighbouring words as the line has it: not every script has spaces between words."""
    at, begin, end = 0, None, 0
    for word in line.words or ():
        place = line.text.find(word.text.strip(), at)
        if place < 0:
            return " ".join(w.text for w in own)
        at = place + len(word.text.strip())
        if word in own:
            begin, end = place if begin is None else begin, at
    return line.text[begin:end].strip()


def _once(lines: Iterable[SpeechLine]) -> tuple[SpeechLine, ...]:
    """Return the lines ordered by time, without recognised lines that subtitles cover."""
    ordered = sorted(lines, key=lambda x: (x.start_s, x.end_s, x.text))
    return tuple(said_once(ordered, lambda x: (x.start_s, x.end_s, x.source == "recognised")))
