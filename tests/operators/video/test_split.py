from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.video.split import part_count, split_times


@pytest.mark.parametrize(
    ("duration_s", "interval_s", "workers", "videos", "parts"),
    [
        (7200.0, 5.0, 8, 1, 8),
        (7200.0, 5.0, 8, 100, 1),  # many videos: one worker each
        (7200.0, 5.0, 8, 3, 2),
        (130.0, 5.0, 8, 1, 2),  # no part under a minute
        (130.0, 10.0, 8, 1, 1),  # nor under ten groups of pictures
        (59.0, None, 8, 1, 1),
    ],
)
def test_parts(duration_s: float, interval_s: float | None, workers: int, videos: int, parts: int) -> None:
    assert part_count(duration_s, interval_s, workers=workers, videos=videos) == parts


@given(st.lists(st.floats(0, 1e5), max_size=60), st.integers(1, 9))
def test_all_times_are_in_one_part_each_in_order(times_s: list[float], parts: int) -> None:
    found = split_times(times_s, parts)
    assert [t for part in found for t in part] == sorted(times_s)
    assert len(found) <= parts and all(found)
