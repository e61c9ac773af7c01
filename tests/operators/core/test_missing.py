"""What of a video no segment covers."""

from __future__ import annotations

from typing import Any

import pytest

from operators.core.grid import Span
from operators.core.missing import gaps


def segment(index: int, start_s: float, end_s: float) -> dict[str, Any]:
    return {"segment_index": index, "start_s": start_s, "end_s": end_s}


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([segment(0, 0, 10), segment(1, 10, 20)], []),
        ([segment(1, 10, 20)], [Span(0.0, 10)]),
        ([segment(0, 0, 10)], [Span(10, 20)]),
        ([segment(2, 15, 20), segment(0, 0, 5)], [Span(5, 15)]),
        ([{"text": "no segment"}, "a text"], []),
        ([], []),
        (None, []),
    ],
)
def test_gaps_are_what_no_segment_covers(segments: list[Any] | None, expected: list[Span]) -> None:
    assert gaps(segments, 20) == expected
