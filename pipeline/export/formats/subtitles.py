"""Captions as subtitles: WebVTT for browsers, SubRip for players and editors. One file per video."""

from __future__ import annotations

import html.entities
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pipeline.export.base import Export, Media, Part, Problem, Row, Sample, Shard, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.plan import STATE

_TIME = r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})"
_VTT_CUE = re.compile(rf"^{_TIME}[ \t]+-->[ \t]+{_TIME}(?:[ \t].*)?$")
# a character reference of HTML, which WebVTT allows all of; what else begins with & or < has to be a tag
_REFERENCE = re.compile(r"&(?:(?P<name>[A-Za-z][A-Za-z0-9]*;)|#[0-9]+;|#[xX][0-9A-Fa-f]+;)?")
_NO_TAG = re.compile(r"<(?!/?(?:c|i|b|u|v|ruby|rt|lang|\d)\b)")
_SRT_TIME = r"(\d{2,}):([0-5]\d):([0-5]\d),(\d{3})"
_SRT_CUE = re.compile(rf"^{_SRT_TIME}[ \t]*-->[ \t]*{_SRT_TIME}(?:[ \t].*)?$")  # coordinates may follow


@dataclass(frozen=True, kw_only=True)
class PerVideo(Export):
    """One text file per video.

    Class attributes:
        suffix: suffix of the files.
    """

    units: ClassVar[tuple[Unit, ...]] = ("video",)
    spans: ClassVar[tuple[Any, ...]] = ("text",)
    media: ClassVar[tuple[Media, ...]] = ("path",)
    needs_files: ClassVar[bool] = False
    suffix: ClassVar[str] = ""

    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        return [shard.folder.write(f"{s.split}/{s.key}{self.suffix}", row) for s, row in rows]

    def check(self, folder: Folder) -> Iterator[Problem]:
        files = [path for path in folder.files() if path.endswith(self.suffix) and not path.startswith(f"{STATE}/")]
        if not files:
            yield Problem(folder.uri, f"there is no file *{self.suffix}")
        for path in files:
            try:
                text = (folder.read(path) or b"").decode()
            except UnicodeDecodeError:
                yield Problem(path, "it is not UTF-8")
                continue
            yield from (Problem(where, why) for where, why in self.text_faults(path, text))

    def text_faults(self, path: str, text: str) -> Iterator[tuple[str, str]]:
        """Yield position and reason of each problem in the text of a file."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class _Cues(PerVideo):
    """Cues in order of time.

    Args:
        events: what a cue shows: "sentence" (if a section has sentences with times), "section" or "window".
    """

    needs_windows: ClassVar[bool] = True

    events: Literal["section", "window"] = "section"

    def cues(self, sample: Sample) -> list[Part]:
        """Return what is shown, in order; a cue lasts at least a millisecond."""
        parts = sample.windows if self.events == "window" else sample.parts
        kept = [p for p in parts if p.text and round(p.end_s * 1000) > round(p.start_s * 1000)]
        if not kept:
            raise Unfit(f"it has no {self.events} with a text and a length")
        return sorted(kept, key=lambda p: (p.start_s, -p.end_s))


@dataclass(frozen=True, kw_only=True)
class WebVTT(_Cues):
    """Subtitles for browsers: `SPLIT/NAME.vtt`."""

    suffix: ClassVar[str] = ".vtt"

    def rows(self, sample: Sample) -> Sequence[Row]:
        blocks = ["WEBVTT"]
        for part in self.cues(sample):
            times = f"{clock(part.start_s, '.')} --> {clock(part.end_s, '.')}"
            blocks.append(f"{times}\n{html.escape(one_block(part.text), quote=False)}")
        return ["\n\n".join(blocks) + "\n"]

    def text_faults(self, path: str, text: str) -> Iterator[tuple[str, str]]:
        lines = text.removeprefix("\ufeff").splitlines()
        if not lines or not re.match(r"^WEBVTT(?:[ \t]|$)", lines[0]):
            yield f"{path}:1", "its first line is not WEBVTT; browsers show nothing"
            return
        count = 0
        last = -1.0
        for number, block in _blocks(lines):
            if number == 1 or block[0].startswith(("NOTE", "STYLE", "REGION")):
                continue
            where = f"{path}:{number}"
            at = 0 if "-->" in block[0] else 1
            found = _VTT_CUE.match(block[at]) if at < len(block) else None
            if found is None:
                yield where, "it is not a cue: it has no line of times such as 00:00:01.000 --> 00:00:02.500"
                continue
            count += 1
            start, end = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
            if end <= start:
                yield where, f"its cue ends at {end:g}, not after its start at {start:g}; parsers drop it"
            if start < last:
                yield where, "its cue starts before the previous one"
            last = start
            said = block[at + 1 :]
            if not any(line.strip() for line in said):
                yield where, "its cue has no text"
            if any("-->" in line for line in said):
                yield where, "the text of its cue contains -->"
            if any(_NO_TAG.search(line) or not _escaped(line) for line in said):
                yield where, "the text of its cue contains & or < that is not escaped"
        if not count:
            yield path, "it has no cue"


@dataclass(frozen=True, kw_only=True)
class SubRip(_Cues):
    """Subtitles for players and editors: `SPLIT/NAME.srt`."""

    suffix: ClassVar[str] = ".srt"

    def rows(self, sample: Sample) -> Sequence[Row]:
        blocks = [
            f"{k}\n{clock(p.start_s, ',')} --> {clock(p.end_s, ',')}\n{one_block(p.text)}"
            for k, p in enumerate(self.cues(sample), 1)
        ]
        return ["\n\n".join(blocks) + "\n"]

    def text_faults(self, path: str, text: str) -> Iterator[tuple[str, str]]:
        count = 0
        for number, block in _blocks(text.removeprefix("\ufeff").splitlines()):
            where = f"{path}:{number}"
            count += 1
            found = _SRT_CUE.match(block[1]) if len(block) > 1 else None
            if found is None or not block[0].strip().isdecimal():
                yield where, "it is not a subtitle: a number and a line such as 00:00:01,000 --> 00:00:02,500"
                continue
            if int(block[0]) != count:
                yield where, f"its number is {block[0].strip()}, not {count}"
            if _seconds(found.groups()[4:]) <= _seconds(found.groups()[:4]):
                yield where, "it does not end after it starts"
            if not any(line.strip() for line in block[2:]):
                yield where, "it has no text"
        if not count:
            yield path, "it has no subtitle"


def _escaped(text: str) -> bool:
    """Whether every & of a text begins a character reference."""
    return all(m[0] != "&" and (m["name"] or "lt;") in html.entities.html5 for m in _REFERENCE.finditer(text))


def clock(seconds: float, point: str) -> str:
    """Format seconds as `HH:MM:SS.mmm`, with `point` before the milliseconds."""
    ms = round(max(0.0, seconds) * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}{point}{ms % 1000:03d}"


def one_block(text: str) -> str:
    """Return a text without blank lines, which would end a cue, and without an arrow."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip()).replace("-->", "→")


def _blocks(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield blocks of lines between blank lines, with the number of the first line."""
    block: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, ms = (int(p or 0) for p in parts)
    return hours * 3600 + minutes * 60 + seconds + ms / 1000
