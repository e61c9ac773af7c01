"""Lists that these operators write: plain data with half-open spans, seconds from the first presented frame."""

from __future__ import annotations

import re

import pyarrow as pa

BLOCK = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),  # one line per line of speech: its second, a colon, the speaker, the words
        pa.field("words", pa.int32()),
        pa.field("lines", pa.int32()),
    ]
)

CAPTION = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("fields", pa.string()),  # JSON: the other fields of the entry
        pa.field("item", pa.int32()),  # index of the answer
        pa.field(
            "supported", pa.bool_()
        ),  # whether its numbers occur in the text that was asked about; null: not checked
    ]
)

ALIGNED = pa.struct(
    [
        *CAPTION,
        pa.field("original_start_s", pa.float64()),  # start before the shift
        pa.field("score", pa.float64()),  # cosine with the frames of its new span; null if there are none
        pa.field("alignable", pa.bool_()),
    ]
)

_NUMBER = re.compile(r"\d+(?:[.,/]\d+)*")


def numbers(text: str) -> frozenset[str]:
    """Return the numbers that are written as digits in a text."""
    return frozenset(_NUMBER.findall(text))
