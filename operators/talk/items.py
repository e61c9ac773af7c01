"""The lists that these operators write: plain data with half-open spans, seconds from the first presented picture."""

from __future__ import annotations

import re

import pyarrow as pa

BLOCK = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),  # a line for each line of speech: its second, a colon, who speaks, what is said
        pa.field("words", pa.int32()),
        pa.field("lines", pa.int32()),
    ]
)

CAPTION = pa.struct(
    [
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("fields", pa.string()),  # JSON: what else the answer says of it
        pa.field("item", pa.int32()),  # number of the answer that it is from
        pa.field("supported", pa.bool_()),  # whether each number in it stands in what was asked about; null: not asked
    ]
)

ALIGNED = pa.struct(
    [
        *CAPTION,
        pa.field("original_start_s", pa.float64()),  # before it was moved
        pa.field("score", pa.float64()),  # cosine with the frames of its new span; null: there are none
        pa.field("alignable", pa.bool_()),
    ]
)

_NUMBER = re.compile(r"\d+(?:[.,/]\d+)*")


def numbers(text: str) -> frozenset[str]:
    """The numbers that stand in a text as digits."""
    return frozenset(_NUMBER.findall(text))
