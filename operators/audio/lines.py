"""What is said in a video, as plain data: lines with their times, their words and where they come from.

All times are seconds from the first presented picture, all spans half-open.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import pyarrow as pa

Source = Literal["recognised", "beside", "embedded"]
"""Where a line comes from: a recogniser, the subtitle file beside the video, or a subtitle stream in it."""

WORD = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("confidence", pa.float64()),  # 0 to 1; null where the engine does not say
    ]
)

LINE = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("words", pa.list_(WORD)),  # null where the engine has no times of words, and for subtitles
        pa.field("confidence", pa.float64()),  # 0 to 1; null where the engine does not say
        pa.field("language", pa.string()),  # ISO 639-1 where it is known
        pa.field("source", pa.string()),  # one of `Source`
        pa.field("origin", pa.string()),  # the recogniser and its model, the file's name, or the stream's number
        pa.field("speaker", pa.string()),  # S1, S2, … in the order in which they first speak; null: not told apart
        pa.field("speaker_name", pa.string()),  # where a language model found it in what is said
    ]
)

SPAN = pa.struct([pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64())])

TRACK = pa.struct(  # an audio stream of the file
    [
        pa.field("track", pa.int32()),  # 0 for the first audio stream
        pa.field("language", pa.string()),  # as the file has it, ISO 639-1 where it is one; null: not said
        pa.field("title", pa.string()),
        pa.field("codec", pa.string()),
        pa.field("rate_hz", pa.int32()),
        pa.field("channels", pa.int32()),
        pa.field("role", pa.string()),  # default, commentary, described, …: what the file says it is for; null: nothing
    ]
)

AUDIO = pa.struct(
    [
        pa.field("status", pa.string()),  # "decoded", "no audio", or "not decoded: " and why
        pa.field("track", pa.int32()),  # the one that was listened to
        pa.field("chosen", pa.string()),  # why that one
        pa.field("tracks", pa.list_(TRACK)),
        pa.field("spans", pa.list_(SPAN)),  # where the track has sound, be it silent; between them it has nothing
        pa.field("damaged_packets", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line; confidence 0 to 1, None where the engine does not say."""

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
        """As a value of `LINE`."""
        return {**asdict(self), "words": None if self.words is None else [asdict(w) for w in self.words]}

    @staticmethod
    def of(row: dict[str, Any]) -> SpeechLine:
        """The line in a value of `LINE`."""
        words = row.get("words")
        return SpeechLine(**{**row, "words": None if words is None else tuple(Word(**w) for w in words)})
