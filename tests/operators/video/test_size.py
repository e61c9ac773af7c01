from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.video.size import Size


@pytest.mark.parametrize(
    ("size", "of", "gives"),
    [
        (Size(short_side_px=336), (1920, 1080), (597, 336)),
        (Size(short_side_px=336), (320, 240), (320, 240)),  # never enlarged
        (Size(short_side_px=336, multiple_px=28), (1920, 1080), (588, 336)),
        (Size(short_side_px=1080, max_pixels=200_704, multiple_px=28), (1920, 1080), (588, 336)),
        (Size(short_side_px=336, multiple_px=28), (1000, 10), (1008, 28)),  # at least a patch
        (Size(short_side_px=336), (1080, 1920), (336, 597)),
    ],
)
def test_sizes(size: Size, of: tuple[int, int], gives: tuple[int, int]) -> None:
    assert size.of(*of) == gives


@given(
    width=st.integers(1, 8000),
    height=st.integers(1, 8000),
    short_side_px=st.integers(16, 2000),
    max_pixels=st.one_of(st.none(), st.integers(10_000, 4_000_000)),
    multiple_px=st.sampled_from([1, 2, 14, 28, 32]),
)
def test_a_size_keeps_its_promises(
    width: int, height: int, short_side_px: int, max_pixels: int | None, multiple_px: int
) -> None:
    found = Size(short_side_px=short_side_px, max_pixels=max_pixels, multiple_px=multiple_px).of(width, height)
    assert all(side % multiple_px == 0 and side >= multiple_px for side in found)
    assert min(found) <= max(short_side_px + multiple_px / 2, multiple_px)
    if max_pixels is not None and min(found) > multiple_px:
        assert found[0] * found[1] <= max_pixels
