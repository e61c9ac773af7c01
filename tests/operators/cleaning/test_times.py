from __future__ import annotations

import pytest

from operators.cleaning.times import points_in
from tests.support.ordinary import ORDINARY

LATE = [
    "At 12:34 a man waves.",
    "A man waves at 12:34.",
    "(12:34) A man waves.",
    "A man waves (at 12:34).",
    "[12:34-12:40] A man waves.",
    "12:34 - A man waves.",
    "12:34: a man waves.",
    "A man waves @ 12:34.",
    "A man waves at 00:12:34.5.",
    "00:12:34,500 --> 00:12:40,000 A man waves.",
    "A man waves at 12m34s.",
    "At 754 s a man waves.",
    "At around 754 seconds, a man waves.",
    "From 750 s to 754 s a man waves.",
    "750.0s–754.0s: A man waves.",
    "A man waves 754 seconds into the video.",
    "At minute 12 a man waves.",
    "During minutes 12 to 13, a man waves.",
    "At second 754 a man waves.",
    "A man waves at the 12:34 mark.",
    "At the twelve-minute mark, a man waves.",
    "About 12 minutes and 34 seconds in, a man waves.",
    "A man waves at 12 min 34 s.",
    "At 12'34\" a man waves.",
    "At t = 754 s a man waves.",
    "Timestamp 754: a man waves.",
    "Between 12:30 and 12:40, the camera pans.",
    "By 12:34 the man has left.",
    "The video ends at 12:34.",
]


@pytest.mark.parametrize("text", LATE)
def test_a_time_of_the_video_is_found_in_any_format(text: str) -> None:
    assert max(point.at_s for point in points_in(text)) >= 720


@pytest.mark.parametrize("text", ORDINARY)
def test_times_of_day_scores_timers_and_amounts_are_none(text: str) -> None:
    assert all(point.at_s <= 60 for point in points_in(text))


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("At 1:07 the shot changes; from 12:30 to 1:02:03.5 it rains.", [67.0, 750.0, 3723.5]),
        ("From 3 s to 7.5 seconds the camera pans, until 9 sec.", [3.0, 7.5, 9.0]),
        ("The clock shows 10:45 pm; the score is 3:2, for 7 seconds.", []),
        ("A ratio of 16:9 and the year 1999.", []),
        ("At two minutes and five seconds, he turns.", [125.0]),
    ],
)
def test_how_late_it_is(text: str, times: list[float]) -> None:
    assert [point.at_s for point in points_in(text)] == times
