"""The operator `chapter_lines`: parse the chapters in a video's description with the rules of VidChapters-7M."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, Level, Operator, Row

CHAPTER = pa.struct(
    [pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64()), pa.field("title", pa.string())]
)

_TIME = re.compile(r"(?<![\d:.])(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)(?![\d:])")
_AROUND = " \t-–—:|.,;•*()[]>»"  # characters between a time and a title


@dataclass(frozen=True, kw_only=True)
class ChapterLines(Operator):
    """Parses the description in the video's own metadata (a column of the manifest); writes `chapters` and
    `chapters_problem`, the reason if there are none.
    """

    name: ClassVar[str] = "chapter_lines"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "talk"
    reads: ClassVar[frozenset[str]] = frozenset({"metadata", "duration_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"chapters", "chapters_problem"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"chapters": pa.list_(CHAPTER), "chapters_problem": pa.string()}

    description: Annotated[str, Field(description="metadata key of the description")] = "description"

    @contextmanager
    def open(self) -> Iterator[Apply]:
        def apply(row: Row) -> Row:
            found = json.loads(row["metadata"] or "{}").get(self.description)
            if not isinstance(found, str) or not found.strip():
                return {**row, "chapters": [], "chapters_problem": f"the metadata has no {self.description}"}
            chapters, problem = parse_chapters(found, float(row["duration_s"]))
            return {**row, "chapters": chapters, "chapters_problem": problem}

        yield apply


def parse_chapters(text: str, duration_s: float) -> tuple[list[dict[str, Any]], str | None]:
    """Return the chapters in a description, or none and the reason.

    The rules are VidChapters-7M's: a line with a time is a chapter, and the rest of the line is its title; there are
    at least two, their times increase strictly, and not all titles are a single character. A chapter lasts until the
    next one, the last until the end. Added here: no chapter begins after the end of the video.
    """
    found: list[tuple[float, str]] = []
    for line in text.splitlines():
        at = _TIME.search(line)
        if at is None:
            continue
        hours, minutes, seconds = (int(x or 0) for x in at.groups())
        title = f"{line[: at.start()].strip(_AROUND)} {line[at.end() :].strip(_AROUND)}".strip()
        found.append((hours * 3600.0 + minutes * 60.0 + seconds, title))
    if len(found) < 2:
        return [], f"{len(found)} line{'' if len(found) == 1 else 's'} with a time; chapters need two"
    starts = [start for start, _ in found]
    if any(b <= a for a, b in pairwise(starts)):
        return [], "the times do not increase"
    if starts[-1] >= duration_s:
        return [], f"a chapter begins at {starts[-1]:g} s, and the video lasts {duration_s:g} s"
    if all(len(title) <= 1 for _, title in found):
        return [], "no chapter has a title"
    ends = [*starts[1:], duration_s]
    return [{"start_s": a, "end_s": b, "title": t} for (a, t), b in zip(found, ends, strict=True)], None
