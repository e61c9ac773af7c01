"""Where somebody speaks, and the gaps that a boundary can move to."""

from __future__ import annotations

from typing import Any

from operators.core.spoken import moved, talk_of


def line(start_s: float, end_s: float, source: str = "recognised") -> dict[str, Any]:
    return {"start_s": start_s, "end_s": end_s, "source": source}


def test_lines_that_overlap_are_one_and_those_that_touch_are_two() -> None:
    assert talk_of([line(4.0, 6.0), line(1.0, 3.0), line(3.0, 4.5), line(8.0, 8.0)]) == [(1.0, 3.0), (3.0, 6.0)]
    assert talk_of(None) == []


def test_subtitles_stand_for_the_line_that_they_cover() -> None:
    written = [line(1.0, 4.0, "beside"), line(4.0, 7.0, "beside")]
    assert talk_of([line(0.5, 7.5), *written]) == [(1.0, 4.0), (4.0, 7.0)]
    assert talk_of([line(0.5, 30.0), *written]) == [(0.5, 30.0)]


def test_a_boundary_moves_to_the_nearest_gap_within_reach() -> None:
    talk = [(0.0, 3.0), (10.0, 14.0), (14.0, 24.0)]
    assert [moved(t, talk, 4.0) for t in (5.0, 10.0, 11.0, 12.0, 13.5, 14.0)] == [5.0, 10.0, 10.0, 10.0, 14.0, 14.0]
    assert moved(18.5, talk, 4.0) == 18.5, "4.5 s on either side: it stays, and the line is cut"
    assert moved(1.0, talk, 4.0) == 3.0, "nothing can be parted at 0"
    assert moved(2.0, [(0.0, 7.0)], 4.0) == 0.0, "but the line is not cut where its end is too far"
