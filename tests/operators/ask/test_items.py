"""Items: which frames belong to one."""

from __future__ import annotations

import pytest

from operators.ask.items import frames_of
from operators.core.grid import Span
from operators.engines.base import FrameImage


def image(time_s: float, until_s: float | None = None) -> FrameImage:
    return FrameImage(time_s=time_s, pts_s=time_s, jpeg=b"", until_s=until_s)


@pytest.mark.parametrize(
    ("images", "span", "expected"),
    [
        ([image(9.0), image(10.0), image(11.0)], Span(10.375, 10.542), []),  # what is seen at 10 s may be another shot
        ([image(10.0, 12.0)], Span(10.375, 10.542), [10.0]),
        ([image(0.0, 10.2)], Span(10.2, 10.9), []),  # a grid of the clip before
        ([image(9.0), image(10.0)], Span(10.0, 10.0), [10.0]),
        ([image(9.0), image(10.0)], Span(10.4, 10.4), [10.0]),
        ([image(9.0, 10.0)], Span(10.4, 10.4), []),
        ([image(float(k)) for k in range(10)], Span(0.0, 9.0), [1.0, 4.0, 7.0]),
        ([], Span(0.0, 9.0), []),
    ],
)
def test_an_item_gets_no_frame_of_what_was_before_it(
    images: list[FrameImage], span: Span, expected: list[float]
) -> None:
    assert [p.time_s for p in frames_of(images, span, 3)] == expected
