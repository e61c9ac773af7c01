from __future__ import annotations

from operators.grid import Grid, Span
from operators.narrate.whole import coverage_of, integrity_of, owned_windows
from tests.support.rows import captioned

# 100 s: windows 0 to 11 in the segment of 60 s, 12 to 18 in that of 40 s; window 18 owns the last 10 s
GRID = Grid(100.0)


def test_all_there() -> None:
    both = [captioned("v", 0), captioned("v", 1)]
    assert coverage_of(GRID, both) == 1.0
    assert integrity_of(GRID, both, 2)


def test_each_invalid_window_costs_its_own_cell() -> None:
    both = [captioned("v", 0, invalid=(3,)), captioned("v", 1, invalid=(18,))]
    assert coverage_of(GRID, both) == 0.85  # 5 s, and the 10 s that the last one owns
    assert not integrity_of(GRID, both, 2)


def test_a_missing_segment_costs_its_own_length() -> None:
    assert coverage_of(GRID, [captioned("v", 1)]) == 0.4
    assert coverage_of(GRID, []) == 0.0
    assert not integrity_of(GRID, [captioned("v", 1)], 2)


def test_what_did_not_decode_is_not_covered_whoever_captions_it() -> None:
    both = [captioned("v", 0, missing=[Span(12.0, 14.0), Span(58.0, 60.0)]), captioned("v", 1)]
    assert coverage_of(GRID, both) == 0.96
    assert not integrity_of(GRID, both, 2)


def test_a_hole_under_an_invalid_window_counts_once() -> None:
    both = [captioned("v", 0, invalid=(2,), missing=[Span(10.0, 17.0)]), captioned("v", 1)]
    assert coverage_of(GRID, both) == 0.93


def test_damage_that_cost_no_picture_costs_integrity_alone() -> None:
    both = [captioned("v", 0, damaged=1), captioned("v", 1)]
    assert coverage_of(GRID, both) == 1.0
    assert not integrity_of(GRID, both, 2)


def test_a_span_owns_the_windows_whose_cells_start_in_it() -> None:
    windows = [w for s in (captioned("v", 1), captioned("v", 0)) for w in s["windows"]]
    assert [w["window_index"] for w in owned_windows(GRID, windows, Span(50.0, 75.0))] == [10, 11, 12, 13, 14]
    assert [w["window_index"] for w in owned_windows(GRID, windows, Span(90.0, 100.0))] == [18]
