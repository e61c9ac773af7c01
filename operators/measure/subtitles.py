"""Subtitle lines of a video, as facts."""

from __future__ import annotations

import re

from operators.base import ItemError
from operators.measure.facts import Line
from operators.storage import open_binary


def read_lines(uri: str, start_s: float, end_s: float) -> tuple[Line, ...]:
    """The lines that stand in `[start_s, end_s)`, in order of time, with their own whole spans.

    Any format that pysubs2 reads (SubRip, WebVTT, ASS, MicroDVD with its frame rate in the file, …), from any place
    that fsspec opens. Mark-up is taken out, line breaks become spaces.

    Raises:
        ItemError: class `storage` where it cannot be read just now, `unreadable` where there is none or it is not one.
    """
    import pysubs2

    try:
        with open_binary(uri) as file:
            raw: bytes = file.read()
    except (FileNotFoundError, PermissionError, IsADirectoryError) as problem:
        raise ItemError("unreadable", f"subtitles {uri} cannot be read: {problem}") from problem
    except OSError as problem:
        raise ItemError("storage", f"subtitles {uri} cannot be read: {problem}") from problem
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")  # what old SubRip files are written in
    try:
        events = pysubs2.SSAFile.from_string(text).events
    except (pysubs2.Pysubs2Error, ValueError) as problem:
        raise ItemError("unreadable", f"{uri} is no subtitle file that pysubs2 knows: {problem}") from problem
    lines = []
    for event in events:
        words = re.sub(r"\s+", " ", event.plaintext).strip()
        begin, end = event.start / 1000, event.end / 1000
        if words and not event.is_comment and begin < end_s and end > start_s and end > begin:
            lines.append(Line(text=words, start_s=begin, end_s=end))
    return tuple(sorted(lines, key=lambda x: (x.start_s, x.end_s, x.text)))
