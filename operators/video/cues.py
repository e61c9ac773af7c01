"""Parsing of subtitles: SubRip and WebVTT as tolerantly as players do, ASS by its format line.

All other formats (MicroDVD, MPL2, TMP, SAMI, TTML, …) are read by pysubs2. It is not used for the first three, because
it treats WebVTT comments and identifiers as speech, rejects times of 100 hours, and rejects a file for one invalid
colour of a style.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from operators.video.markup import Format, lines_of, plain_text
from operators.video.progress import PROGRESS
from operators.video.rolling import Timed, unrolled

_COLON = r"[ \t]{0,3}:[ \t]{0,3}"
_FRACTION = r"(?:[ \t]{0,3}[.,:][ \t]{0,3}(\d{1,9}))?"
_TIME = rf"(-?)[ \t]{{0,3}}(?:(\d{{1,6}}){_COLON})?(\d{{1,3}}){_COLON}(\d{{1,2}}){_FRACTION}"
_TIMING = re.compile(rf"\s{{0,20}}{_TIME}[ \t]{{0,20}}-{{1,3}}>[ \t]{{0,20}}{_TIME}(?![\d:])")
_TIMING_CHARACTERS = 200  # of a line, in which both times must stand
_ASS_TIME = re.compile(r"\s*(-?)\s*(\d{1,6}):(\d{1,2}):(\d{1,2})(?:[.,:](\d{1,9}))?\s*\Z")
_MAP = re.compile(r"X-TIMESTAMP-MAP[ \t]{0,9}=[ \t]{0,9}(.{1,200})")
_MPEG_HZ = 90_000
_MPEG_TURN_S = 2**33 / _MPEG_HZ  # after which the clock of MPEG-TS starts again
_STEP = 512  # cues after which the watchdog is told


@dataclass(frozen=True, slots=True)
class Cue:
    """One line of speech or text, without markup. Times are seconds on the clock of the file."""

    start_s: float
    end_s: float
    text: str


class NoSubtitles(ValueError):
    """A text is not one of a subtitle file; the message says why, in a few words."""


def read_cues(text: str, *, first_pts_s: float = 0.0, late_s: float = 0.0) -> list[Cue]:
    """All cues that contain words and end after they start, in file order; of rolling captions each line once.

    Args:
        text: text of the whole file.
        first_pts_s: first pts of the video in seconds, for WebVTT with times on the clock of an MPEG-TS stream.
        late_s: seconds from the start of playback, where times of subtitles count from, to the first frame.

    Raises:
        NoSubtitles: the format is not known.
    """
    text = re.sub(r"\r+\n|\r|\x85|\u2028", "\n", text.replace("\x00", "").replace("\ufeff", ""))
    cues = unrolled(list(_timed(text, first_pts_s, late_s)))
    return [Cue(max(0.0, start_s), end_s, " ".join(lines)) for start_s, end_s, lines in cues]


def _timed(text: str, first_pts_s: float, late_s: float) -> Iterator[Timed]:
    head = text[:4096].lstrip()
    if head.startswith("WEBVTT"):
        yield from _vtt(text, first_pts_s, late_s)
    elif re.search(r"^\[(script info|v4\+? styles|events)\]", head, re.IGNORECASE | re.MULTILINE):
        yield from _ass(text, late_s)
    else:
        cues = list(_srt(text, late_s))
        known = cues or any(_timing(line) for line in text.split("\n"))
        yield from cues if known else _others(text, late_s)


# -- SubRip ------------------------------------------------------------------------------------------------------------


def _srt(text: str, late_s: float) -> Iterator[Timed]:
    """Text runs up to the next line with times; the number of that cue, before it, is not part of it."""
    lines = text.split("\n")
    times = [(at, span) for at, line in enumerate(lines) if "-" in line and (span := _timing(line))]
    if not times:
        return
    number = _before_blank(lines, times[0][0])
    apart = number < times[0][0]  # empty lines stand between the number and the times of a cue
    numbered = number > 0 and _is_number(lines[number - 1])
    for index, (at, (start_s, end_s)) in enumerate(times):
        if index % _STEP == 0:
            PROGRESS.step()
        end = behind = times[index + 1][0] if index + 1 < len(times) else len(lines)
        if index + 1 < len(times) and numbered:
            behind = _before_blank(lines, end) if apart else end
            if behind - 1 > at and _is_number(lines[behind - 1]):
                end = behind - 1
        yield from _cue(start_s - late_s, end_s - late_s, "\n".join(lines[at + 1 : end]), "srt")


def _before_blank(lines: list[str], at: int) -> int:
    """Index behind the last line before `at` that is not blank."""
    while at > 0 and not lines[at - 1].strip():
        at -= 1
    return at


def _is_number(line: str) -> bool:
    return line.strip()[:12].isdigit() and len(line.strip()) < 12


# -- WebVTT ------------------------------------------------------------------------------------------------------------


def _vtt(text: str, first_pts_s: float, late_s: float) -> Iterator[Timed]:
    """Blocks between empty lines: a header, NOTE, STYLE and REGION, or a cue with or without identifier.

    A line of spaces does not end a block. Text behind an empty line is ignored, unless its cue has no other.
    """
    offset_s, base_s = -late_s, None
    wordless: tuple[float, float] | None = None  # the last cue, if it has no line yet
    for index, block in enumerate(re.split(r"\n{2,}", text.strip("\n"))):
        if index % _STEP == 0:
            PROGRESS.step()
        lines = block.split("\n")
        if lines[0].startswith("WEBVTT"):
            mapped = next((m for line in lines if (m := _mapped_s(line)) is not None), None)
            if mapped is not None:
                base_s = mapped if base_s is None else base_s
                # a video without that clock starts with the first header: later ones count from there
                on_clock = first_pts_s > 1
                offset_s = _nearest_turn(mapped - (first_pts_s if on_clock else base_s)) - (0 if on_clock else late_s)
        elif re.match(r"(NOTE|STYLE|REGION)\b", lines[0]) and not any(_timing(line) for line in lines[:2]):
            continue
        at = [number for number, line in enumerate(lines) if "-->" in line and _timing(line)]
        if not at and wordless and not _is_number(block) and not lines[0].startswith("WEBVTT"):
            yield from _cue(*wordless, block, "vtt")
        wordless = None
        for number, following in pairwise([*at, len(lines)]):
            span = _timing(lines[number])
            assert span is not None
            start_s, end_s = span[0] + offset_s, span[1] + offset_s
            own = lines[number + 1 : following]
            named = len(own) > 1 and own[-2] and not own[-2].strip()  # behind a line of spaces
            if following < len(lines) and own and (_is_number(own[-1]) or named):
                own.pop()  # number or name of the next cue, where the empty line between them is missing
            wordless = None if own else (start_s, end_s)
            yield from _cue(start_s, end_s, "\n".join(own), "vtt")


def _mapped_s(line: str) -> float | None:
    """Where 0 of the file's clock lies on that of MPEG-TS, by RFC 8216, 3.5; None without or with a broken header."""
    found = _MAP.match(line.strip())
    if found is None:
        return None
    parts = dict(part.strip().partition(":")[::2] for part in found[1].split(","))
    local = _TIMING.match(f"{parts.get('LOCAL', '').strip()} --> 9:00")
    ticks = parts.get("MPEGTS", "").strip()
    if local is None or not ticks.isdecimal() or len(ticks) > 12:
        return None
    return int(ticks) / _MPEG_HZ - _seconds(*local.groups()[:5])


def _nearest_turn(offset_s: float) -> float:
    return offset_s - round(offset_s / _MPEG_TURN_S) * _MPEG_TURN_S


# -- ASS ---------------------------------------------------------------------------------------------------------------


def _ass(text: str, late_s: float) -> Iterator[Timed]:
    """Dialogue of the section Events, its fields as the line `Format:` orders them; comments are left out."""
    fields = ["layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"]
    events = False
    for index, line in enumerate(text.split("\n")):
        if index % _STEP == 0:
            PROGRESS.step()
        kind, _, rest = line.strip().partition(":")
        if kind.startswith("["):
            events = kind.lower().startswith("[events]")
        elif events and kind.lower() == "format":
            named = [name.strip().lower() for name in rest.split(",")]
            if named[-1] == "text" and {"start", "end"} <= {*named}:
                fields = named
        elif kind.lower() == "dialogue":
            values = dict(zip(fields, rest.split(",", len(fields) - 1), strict=False))
            start, end = (_ASS_TIME.match(values.get(name, "")) for name in ("start", "end"))
            if start and end:
                start_s, end_s = _seconds(*start.groups()) - late_s, _seconds(*end.groups()) - late_s
                yield from _cue(start_s, end_s, values.get("text", ""), "ass")


# -- what else there is ------------------------------------------------------------------------------------------------


def _others(text: str, late_s: float) -> Iterator[Timed]:
    import pysubs2

    try:
        events = pysubs2.SSAFile.from_string(text).events
    except pysubs2.exceptions.UnknownFPSError:
        raise NoSubtitles("it counts in frames and does not say how many there are a second") from None
    except Exception as problem:  # it raises what its parsers meet
        if isinstance(problem, MemoryError):
            raise
        raise NoSubtitles("it is no subtitle format that is known") from None
    for index, event in enumerate(events):
        if index % _STEP == 0:
            PROGRESS.step()
        if not event.is_comment:
            yield from _cue(event.start / 1000 - late_s, event.end / 1000 - late_s, event.text, "ass")


# -- times -------------------------------------------------------------------------------------------------------------


def _timing(line: str) -> tuple[float, float] | None:
    """Start and end of a line such as `00:00:01,000 --> 00:00:02.5 align:left`; None where it is no such line."""
    found = _TIMING.match(line[:_TIMING_CHARACTERS]) if ">" in line else None
    if found is None:
        return None
    return _seconds(*found.groups()[:5]), _seconds(*found.groups()[5:])


def _seconds(sign: str, hours: str | None, minutes: str, seconds: str, fraction: str | None) -> float:
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    value = whole + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)
    return -value if sign else value


def _cue(start_s: float, end_s: float, text: str, form: Format) -> Iterator[Timed]:
    if end_s > start_s and end_s > 0 and (words := plain_text(text, form)):
        yield start_s, end_s, lines_of(text, words, form)
