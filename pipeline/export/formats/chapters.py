"""Chapters: lines that YouTube reads in a description, and metadata files that ffmpeg muxes into a video."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.export.base import Part, Row, Sample, Unfit
from pipeline.export.formats.activitynet import title_of
from pipeline.export.formats.subtitles import PerVideo

_LEAST, _SHORTEST_S = 3, 10.0  # YouTube's rules: after one violation it shows no chapter
_DESCRIPTION_BYTES = 5000  # of a video's description, which may not contain < and > (YouTube Data API, `videos`)
_SHORT_TITLE = 20  # characters; below, chapters are merged instead
_SIGNS = str.maketrans("<>", "‹›")
_LINE = re.compile(r"^(?:(\d+):)?(\d{1,2}):([0-5]\d) (\S.*)$")


@dataclass(frozen=True, kw_only=True)
class YouTube(PerVideo):
    """Chapters of YouTube, `SPLIT/NAME.chapters.txt`: lines such as `1:05 The harbour`.

    The first chapter starts at 0:00, and sections shorter than 10 s are merged with the one before. A video with fewer
    than three chapters is left out, since YouTube would show none. A description has at most 5,000 bytes: titles of
    long videos are shortened to as little as 20 characters, then the shortest chapters are merged with the one before.
    `<` and `>` are replaced, since YouTube accepts neither.

    Args:
        title: maximum characters of a title; YouTube shortens longer ones.
    """

    version: ClassVar[int] = 2
    suffix: ClassVar[str] = ".chapters.txt"

    title: Annotated[int, Field(ge=10, le=100)] = 60

    def rows(self, sample: Sample) -> Sequence[Row]:
        chapters = joined([p for p in sample.parts if p.text], sample.duration_s)
        if len(chapters) < _LEAST:
            raise Unfit(f"it has {len(chapters)} chapters of at least 10 s; YouTube needs {_LEAST}")
        return [self._fitted(chapters, sample.duration_s)]

    def _fitted(self, chapters: list[Part], duration_s: float) -> str:
        """Return the lines of chapters, with shorter titles or fewer chapters if a description cannot hold them."""
        most = self.title
        while len((text := _lines(chapters, most)).encode()) > _DESCRIPTION_BYTES:
            if most > _SHORT_TITLE:
                most -= 1
                continue
            ends = [*(p.start_s for p in chapters[1:]), duration_s]
            shortest = min(range(len(chapters)), key=lambda k: ends[k] - chapters[k].start_s)
            del chapters[max(1, shortest)]  # the first one starts at 0:00, so the second one is merged with it
        return text

    def text_faults(self, path: str, text: str) -> Iterator[tuple[str, str]]:
        if (size := len(text.encode())) > _DESCRIPTION_BYTES:
            yield path, f"it has {size:,} bytes; YouTube accepts {_DESCRIPTION_BYTES:,} in a description"
        times: list[int] = []
        for number, line in enumerate(text.splitlines(), 1):
            found = _LINE.match(line)
            if found is None:
                yield f"{path}:{number}", f"{line!r:.60} is not a line such as 1:05 Title"
                continue
            times.append(int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3]))
            if len(found[4]) > 100:
                yield f"{path}:{number}", "its title is longer than 100 characters"
            if "<" in line or ">" in line:
                yield f"{path}:{number}", "it contains < or >, which YouTube does not accept in a description"
        if times and times[0] != 0:
            yield path, "its first chapter does not start at 0:00"
        if len(times) < _LEAST:
            yield path, f"it has {len(times)} chapters; YouTube needs {_LEAST}"
        for one, other in pairwise(times):
            if other - one < _SHORTEST_S:
                yield (
                    path,
                    f"the chapter at {_clock(one)} is shorter than 10 s or not in order; YouTube then shows none",
                )


@dataclass(frozen=True, kw_only=True)
class FFMetadata(PerVideo):
    """`SPLIT/NAME.ffmeta`, for `ffmpeg -i VIDEO -i NAME.ffmeta -map_metadata 1 -map_chapters 1 -codec copy OUT.mp4`."""

    suffix: ClassVar[str] = ".ffmeta"

    def rows(self, sample: Sample) -> Sequence[Row]:
        parts = [p for p in sample.parts if p.text]
        if not parts:
            raise Unfit("it has no section with a text")
        lines = [";FFMETADATA1"]
        for part, end_s in zip(parts, [*(p.start_s for p in parts[1:]), sample.duration_s], strict=True):
            start, end = round(part.start_s * 1000), round(min(part.end_s, end_s) * 1000)
            if end > start:
                lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={start}", f"END={end}"]
                lines.append(f"title={_escaped(title_of(part))}")
        return ["\n".join(lines) + "\n"]

    def text_faults(self, path: str, text: str) -> Iterator[tuple[str, str]]:
        lines = text.splitlines()
        if not lines or lines[0] != ";FFMETADATA1":
            yield f"{path}:1", "its first line is not ;FFMETADATA1; ffmpeg does not recognise the file"
            return
        blocks = text.split("[CHAPTER]\n")[1:]
        if not blocks:
            yield path, "it has no [CHAPTER]"
        last = 0
        for k, block in enumerate(blocks):
            found = dict(line.split("=", 1) for line in block.splitlines() if re.match(r"^(START|END|title)=", line))
            start, end = found.get("START", ""), found.get("END", "")
            if not (start.isdecimal() and end.isdecimal() and int(start) < int(end)):
                yield path, f"chapter {k} has no START before its END"
            elif int(start) < last:
                yield path, f"chapter {k} starts before the previous one ends"
            else:
                last = int(end)
            if not found.get("title"):
                yield path, f"chapter {k} has no title"


def joined(parts: Sequence[Part], duration_s: float) -> list[Part]:
    """Merge sections into chapters of at least 10 s, the first of which starts at 0."""
    found: list[Part] = []
    for part in sorted(parts, key=lambda p: p.start_s):
        start_s = 0.0 if not found else float(int(part.start_s))
        if found and start_s - found[-1].start_s < _SHORTEST_S:
            continue
        found.append(replace(part, start_s=start_s))
    if len(found) > 1 and duration_s - found[-1].start_s < _SHORTEST_S:
        found.pop()
    return found


def _lines(chapters: Sequence[Part], most: int) -> str:
    return "".join(f"{_clock(p.start_s)} {title_of(p, most).translate(_SIGNS)}\n" for p in chapters)


def _clock(seconds: float) -> str:
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}"


def _escaped(text: str) -> str:
    return re.sub(r"([=;#\\])", r"\\\1", text)
