"""Job of the decoding process: read one text subtitle stream of a file; bitmap subtitles are ignored."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from operators.core.base import ItemError
from operators.language.identify import language_code
from operators.video.markup import plain_text
from operators.video.packets import demux_known
from operators.video.parts import Part, load_parts
from operators.video.progress import PROGRESS
from operators.video.source import Source
from operators.video.version import unchanged

MOST_LINES = 100_000
MOST_CHARACTERS = 10_000  # limit of a line
_ASS_FIELDS = 8  # before the text in FFmpeg's output: ReadOrder, Layer, Style, Name, three margins, Effect
_LONGEST_S = 30.0  # duration of a last line without an end

Lines = list[tuple[float, float, str, str | None, str]]
"""List of (start_s, end_s, text, language, origin)."""


def read_embedded(
    *,
    uri: str,
    version: str | None,
    first_pts_s: float,
    duration_s: float,
    parts: str | None,
    languages: Sequence[str] = (),
) -> Lines:
    """Return the lines of one text subtitle stream, on the video's clock.

    A file often has the same text in several languages. The stream is the first one that has lines: those in
    `languages` first, then the default one; those that are forced or a commentary last.

    Args:
        languages: preferred languages, best first.

    Raises:
        ItemError: the input cannot be read, or its version has changed.
    """
    found: Lines = []
    places = load_parts(parts) or (Part(0.0, duration_s, first_pts_s, duration_s),)
    with unchanged(uri, version), Source(uri) as source:
        for _, some in groupby(places, key=lambda p: (p.span, p.lead_bytes, p.format)):
            group = list(some)
            source.show(group[0].span, lead_bytes=group[0].lead_bytes, format=group[0].format)
            try:
                container = source.open()
            except ItemError as error:
                if error.failure_class == "undecodable" and parts:
                    continue
                raise
            for number in _in_order(container, languages):
                if lines := _of_stream(source, number, group):
                    found += lines
                    break
            source.check()
    return sorted((x for x in found if x[0] < duration_s), key=lambda x: (x[0], x[1], x[4], x[2]))


def _in_order(container: Any, languages: Sequence[str]) -> list[int]:
    """Return the numbers of the subtitle streams that can be decoded, the one to read first."""
    from av.stream import Disposition

    wanted = [language_code(name) or name for name in languages]
    aside = Disposition.forced | Disposition.comment

    def rank(number: int) -> tuple[bool, int, bool, int]:
        stream = container.streams.subtitles[number]
        language = _language(stream)
        at = wanted.index(language) if language in wanted else len(wanted)
        return bool(stream.disposition & aside), at, not stream.disposition & Disposition.default, number

    streams = enumerate(container.streams.subtitles)
    return sorted((number for number, stream in streams if stream.codec_context is not None), key=rank)


def _language(stream: Any) -> str | None:
    said = (stream.metadata.get("language") or "").strip()
    return None if said in ("", "und", "mul") else language_code(said) or said


def _of_stream(source: Source, number: int, parts: list[Part]) -> Lines:
    import av
    from av.stream import Discard

    container = source.open()  # one pass per stream: there are few, with small packets
    stream = container.streams.subtitles[number]
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    language = _language(stream)
    found: Lines = []
    try:
        for packet in demux_known(container, stream):
            PROGRESS.step()
            if packet.pts is None or len(found) >= MOST_LINES:
                continue
            text = _text(packet)
            place = _place(float(packet.pts * packet.time_base), parts)
            if text and place is not None:
                length_s = float((packet.duration or 0) * packet.time_base) or _LONGEST_S
                found.append((max(0.0, place), place + length_s, text, language, f"stream {stream.index}"))
    except av.FFmpegError:
        source.check()  # lines before the damage are kept
    return [x for x in found if x[1] > x[0]]


def _text(packet: Any) -> str:
    import av

    try:
        rects = packet.decode()
    except (av.FFmpegError, UnicodeDecodeError):
        return ""
    lines: list[str] = []
    for rect in rects:
        for one in getattr(rect, "rects", [rect]):
            raw = getattr(one, "ass", None) or getattr(one, "text", None)
            if raw:
                text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
                lines.append(text.split(",", _ASS_FIELDS)[-1] if getattr(one, "ass", None) else text)
    return " ".join(plain_text("\n".join(lines), "ass").split())[:MOST_CHARACTERS]


def _place(pts_s: float, parts: list[Part]) -> float | None:
    for part in parts:
        inside_s = pts_s - part.first_pts_s
        if -_LONGEST_S < inside_s < part.length_s:
            return part.start_s + inside_s
    return None
