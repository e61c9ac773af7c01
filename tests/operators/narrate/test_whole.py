from __future__ import annotations

from operators.analysis.facts import Facts, Transition
from operators.core.base import Row
from operators.core.grid import Grid, Span
from operators.core.windows import Windows
from operators.narrate.whole import Cells, coverage_of, integrity_of, owned_windows
from tests.support.rows import captioned

# 100 s: windows 0 to 11 in the segment of 60 s, 12 to 18 in that of 40 s; window 18 owns the last 10 s
GRID = Grid(100.0)


def cells(captioned_: list[Row], *facts: Facts, rule: str = "grid") -> Cells:
    return Cells.of(Windows(grid=GRID, rule=rule), captioned_, facts or [None] * len(captioned_))  # type: ignore[arg-type]


def test_all_there() -> None:
    both = [captioned("v", 0), captioned("v", 1)]
    assert coverage_of(cells(both), both) == 1.0
    assert integrity_of(cells(both), both, 2)


def test_each_invalid_window_costs_its_own_cell() -> None:
    both = [captioned("v", 0, invalid=(3,)), captioned("v", 1, invalid=(18,))]
    assert coverage_of(cells(both), both) == 0.85  # 5 s, and the 10 s that the last one owns
    assert not integrity_of(cells(both), both, 2)


def test_a_missing_segment_costs_its_own_length() -> None:
    assert coverage_of(cells([captioned("v", 1)]), [captioned("v", 1)]) == 0.4
    assert coverage_of(cells([]), []) == 0.0
    assert not integrity_of(cells([captioned("v", 1)]), [captioned("v", 1)], 2)


def test_what_did_not_decode_is_not_covered_whoever_captions_it() -> None:
    both = [captioned("v", 0, missing=[Span(12.0, 14.0), Span(58.0, 60.0)]), captioned("v", 1)]
    assert coverage_of(cells(both), both) == 0.96
    assert not integrity_of(cells(both), both, 2)


def test_a_hole_under_an_invalid_window_counts_once() -> None:
    both = [captioned("v", 0, invalid=(2,), missing=[Span(10.0, 17.0)]), captioned("v", 1)]
    assert coverage_of(cells(both), both) == 0.93


def test_damage_that_cost_no_frame_costs_integrity_alone() -> None:
    both = [captioned("v", 0, damaged=1), captioned("v", 1)]
    assert coverage_of(cells(both), both) == 1.0
    assert not integrity_of(cells(both), both, 2)


def test_a_span_owns_the_windows_whose_cells_start_in_it() -> None:
    both = [captioned("v", 1), captioned("v", 0)]
    windows = [w for s in both for w in s["windows"]]
    assert [w["window_index"] for w in owned_windows(cells(both), windows, Span(50.0, 75.0))] == [10, 11, 12, 13, 14]
    assert [w["window_index"] for w in owned_windows(cells(both), windows, Span(90.0, 100.0))] == [18]


def test_where_windows_lie_by_shots_a_missing_segment_has_those_of_the_grid() -> None:
    row = captioned("v", 0)
    cut = Facts(start_s=0.0, end_s=60.0, transitions=(Transition(kind="cut", start_s=7.5, end_s=7.5),))
    found = cells([row], cut, rule="shots")
    assert found.own[0] == Span(0.0, 7.5)
    assert found.starts_s[:3] == [0.0, 7.5, 12.5]
    assert found.starts_s[-7:] == [60.0, 65.0, 70.0, 75.0, 80.0, 85.0, 90.0]
    whole = [{**row, "windows": [{"window_index": k, "valid": k != 7500} for k in found.own]}]
    assert coverage_of(found, whole) == 0.55
    assert not integrity_of(found, whole, 1)
