"""The speech of a video as plain data: lines with their times, words and source.

All times are seconds from the first presented frame; all spans are half-open.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import pyarrow as pa

Source = Literal["recognised", "beside", "embedded"]
"""Source of a line: a recogniser, the subtitle file next to the video, or a subtitle stream in the video."""

WORD = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("confidence", pa.float64()),  # 0 to 1; null if the engine reports none
    ]
)

LINE = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("words", pa.list_(WORD)),  # null if the engine has no word times, and for subtitles
        pa.field("confidence", pa.float64()),  # 0 to 1; null if the engine reports none
        pa.field("language", pa.string()),  # ISO 639-1 if known
        pa.field("source", pa.string()),  # one of `Source`
        pa.field("origin", pa.string()),  # the recogniser and its model, the file's name, or the stream's number
        pa.field("speaker", pa.string()),  # S1, S2, … in the order of their first line; null: not distinguished
        pa.field("speaker_name", pa.string()),  # if a language model found it in the speech
    ]
)

SPAN = pa.struct([pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64())])

TRACK = pa.struct(  # an audio stream of the file
    [
        pa.field("track", pa.int32()),  # 0 for the first audio stream
        pa.field("language", pa.string()),  # as in the file, ISO 639-1 if it is valid; null: not given
        pa.field("title", pa.string()),
        pa.field("codec", pa.string()),
        pa.field("rate_hz", pa.int32()),
        pa.field("channels", pa.int32()),
        pa.field("role", pa.string()),  # default, commentary, described, …: the role given in the file; null: none
    ]
)

AUDIO = pa.struct(
    [
        pa.field("status", pa.string()),  # "decoded", "no audio", or "not decoded: " and the reason
        pa.field("track", pa.int32()),  # the track that was used
        pa.field("chosen", pa.string()),  # why this track was chosen
        pa.field("tracks", pa.list_(TRACK)),
        pa.field("spans", pa.list_(SPAN)),  # where the track has samples, silent or not
        pa.field("damaged_packets", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line; confidence is 0 to 1, or None if the engine reports none."""

    start_s: float
    end_s: float
    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechLine:
    """One line of speech; see `LINE`."""

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...] | None = None
    confidence: float | None = None
    language: str | None = None
    source: Source = "recognised"
    origin: str = ""
    speaker: str | None = None
    speaker_name: str | None = None

    def row(self) -> dict[str, Any]:
        """Return the line as a value of `LINE`."""
        return {**asdict(self), "words": None if self.words is None else [asdict(w) for w in self.words]}

    @staticmethod
    def of(row: dict[str, Any]) -> SpeechLine:
        """Build a line from a value of `LINE`."""
        words = row.get("words")
        return SpeechLine(**{**row, "words": None if words is None else tuple(Word(**w) for w in words)})
