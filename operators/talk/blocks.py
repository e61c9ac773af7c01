"""The operator `blocks`: divide speech into blocks that fit into a prompt. Lines are never cut and keep their times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.audio.heard import Heard
from operators.audio.lines import SpeechLine
from operators.core.base import Apply, Level, Operator, Row
from operators.core.text import quotation
from operators.language.words import count_words
from operators.talk.items import BLOCK

_LONGEST_ESCAPE = 10  # characters that stand for one, as in \U0010ffff


@dataclass(frozen=True, kw_only=True)
class Blocks(Operator):
    """Writes `blocks` (`operators.talk.items.BLOCK`).

    In scripts without spaces, two characters count as one word.
    With `words`, a block has whole lines up to this number of words; a longer line is a block. With `seconds`, the
    blocks tile the video: each ends in the pause nearest to its target end, never inside a line.
    """

    name: ClassVar[str] = "blocks"
    version: ClassVar[int] = 2  # 2: words of scripts without spaces, quoted lines
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "talk"
    reads: ClassVar[frozenset[str]] = frozenset({"speech", "duration_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"blocks"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"blocks": pa.list_(BLOCK)}

    words: Annotated[int, Field(ge=1, description="maximum number of words of a block; 200 in HowToCaption")] = 200
    seconds: Annotated[
        float | None, Field(gt=0, description="target duration of blocks that tile the video, in s; null: by words")
    ] = None

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "blocks": self._blocks(row)}

    def _blocks(self, row: Row) -> list[Row]:
        heard = Heard.of(row["speech"])
        lines = heard.lines if heard is not None else ()
        if self.seconds is None:
            return [_block(some, some[0].start_s, max(x.end_s for x in some)) for some in self._by_words(lines)]
        edges = speech_edges(float(row["duration_s"]), lines, self.seconds)
        return [_block([x for x in lines if a <= x.start_s < b], a, b) for a, b in pairwise(edges)]

    def _by_words(self, lines: Sequence[SpeechLine]) -> Iterator[list[SpeechLine]]:
        block: list[SpeechLine] = []
        for line in lines:
            if block and sum(_count(x) for x in (*block, line)) > self.words:
                yield block
                block = []
            block.append(line)
        if block:
            yield block


def speech_edges(duration_s: float, lines: Sequence[SpeechLine], wanted_s: float) -> list[float]:
    """Return the edges of spans of about `wanted_s` that tile the video and never cut a line, from 0 to the end.

    Each edge is the point in a pause between lines that is nearest to its target. If there is no pause before the
    next target, the edge is omitted.
    """
    pauses = _pauses(duration_s, lines)
    count = max(1, round(duration_s / wanted_s))
    length_s = duration_s / count
    edges = [0.0]
    for k in range(1, count):
        wanted = k * length_s
        near = [min(max(wanted, a), b) for a, b in pauses]
        near = [t for t in near if abs(t - wanted) <= length_s / 2 and edges[-1] + length_s / 4 <= t < duration_s]
        if near:
            edges.append(min(near, key=lambda t: (abs(t - wanted), t)))
    return [*edges, duration_s]


def _pauses(duration_s: float, lines: Sequence[SpeechLine]) -> list[tuple[float, float]]:
    """Return the spans without speech; a pause between two adjacent lines has length 0."""
    found: list[tuple[float, float]] = []
    at = 0.0
    for line in sorted(lines, key=lambda x: x.start_s):
        if line.start_s >= at:
            found.append((at, line.start_s))
        at = max(at, line.end_s)
    return [*found, (at, duration_s)] if at <= duration_s else found


def _block(lines: Sequence[SpeechLine], start_s: float, end_s: float) -> Row:
    return {
        "start_s": start_s,
        "end_s": end_s,
        "text": "\n".join(_line_text(line) for line in lines),
        "words": sum(_count(line) for line in lines),
        "lines": len(lines),
    }


def _line_text(line: SpeechLine) -> str:
    who = line.speaker_name or line.speaker
    quoted = quotation(line.text, most=len(line.text) * _LONGEST_ESCAPE)  # whole
    return f"{line.start_s:.0f}: {f'{quotation(who)[1:-1]}: ' if who else ''}{quoted}"


def _count(line: Any) -> int:
    return count_words(line.text)
