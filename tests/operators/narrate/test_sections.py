from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.core.grid import Grid
from operators.narrate.sections import plan_sections, plan_sections_by_shots


@settings(deadline=None)
@given(
    st.floats(0.5, 2000.0),
    st.sampled_from([(10.0, 5.0), (10.0, 10.0), (8.0, 2.0)]),
    st.floats(10.0, 600.0),
    st.lists(st.floats(0.0, 2000.0), max_size=30),
)
def test_sections_tile_the_video_in_whole_cells(
    duration_s: float, window: tuple[float, float], section_s: float, cuts_s: list[float]
) -> None:
    grid = Grid(duration_s, *window)
    sections = plan_sections(grid, cuts_s, section_s)
    assert sections[0].start_s == 0.0
    assert sections[-1].end_s == duration_s
    for before, after in itertools.pairwise(sections):
        assert before.end_s == after.start_s
        assert before.seconds > 0
        assert (after.start_s / grid.stride_s).is_integer()
    assert len(sections) <= max(1, round(duration_s / section_s))


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 600.0), max_size=30))
def test_sections_are_about_as_long_as_wanted(cuts_s: list[float]) -> None:
    sections = plan_sections(Grid(600.0), cuts_s, 60.0)
    assert len(sections) == 10
    assert all(30.0 - 5.0 <= s.seconds <= 90.0 + 5.0 for s in sections)


def test_without_cuts_sections_are_equal() -> None:
    assert [s.start_s for s in plan_sections(Grid(245.0), [], 60.0)] == [0.0, 60.0, 120.0, 180.0]


def test_a_boundary_moves_to_the_cut_that_is_near_and_not_to_one_that_is_far() -> None:
    # 48 cells, four sections of twelve: each boundary may move by three cells
    grid = Grid(245.0)
    assert [s.start_s for s in plan_sections(grid, [71.0], 60.0)] == [0.0, 70.0, 120.0, 180.0]
    assert [s.start_s for s in plan_sections(grid, [109.0, 50.0], 60.0)] == [0.0, 50.0, 110.0, 180.0]
    assert [s.start_s for s in plan_sections(grid, [30.0, 90.0], 60.0)] == [0.0, 60.0, 120.0, 180.0]


def test_the_order_of_cuts_does_not_matter() -> None:
    cuts = [51.0, 109.0, 171.0]
    assert plan_sections(Grid(245.0), cuts, 60.0) == plan_sections(Grid(245.0), cuts[::-1], 60.0)


@pytest.mark.parametrize("duration_s", [1.0, 29.0, 60.0, 80.0])
def test_a_short_video_is_one_section(duration_s: float) -> None:
    (only,) = plan_sections(Grid(duration_s), [12.0], 60.0)
    assert (only.start_s, only.end_s) == (0.0, duration_s)


def test_by_shots_they_begin_at_cuts_and_part_a_shot_only_where_none_is_near() -> None:
    starts = [0.0, 5.0, 57.3, 60.0, 62.3, 118.0, 121.7, 175.0, 180.0, 185.0]
    cuts = [57.300_000_4, 121.7]  # as stored: whole microseconds
    sections = plan_sections_by_shots(245.0, starts, cuts, 60.0)
    assert [s.start_s for s in sections] == [0.0, 57.3, 121.7, 185.0]
    assert sections[-1].end_s == 245.0


@settings(deadline=None)
@given(st.lists(st.floats(0.5, 599.0), max_size=60).map(sorted), st.floats(10.0, 700.0))
def test_by_shots_they_tile_the_video(cuts_s: list[float], section_s: float) -> None:
    sections = plan_sections_by_shots(600.0, [0.0, *cuts_s], cuts_s, section_s)
    assert (sections[0].start_s, sections[-1].end_s) == (0.0, 600.0)
    for before, after in itertools.pairwise(sections):
        assert before.end_s == after.start_s in cuts_s
        assert before.seconds >= 600.0 / max(1, round(600.0 / section_s)) / 4 - 1e-6


@given(st.floats(30, 900), st.lists(st.tuples(st.floats(0, 9), st.floats(0.5, 30)), max_size=60), st.floats(20, 90))
def test_no_section_begins_inside_a_spoken_line(
    duration_s: float, pairs: list[tuple[float, float]], section_s: float
) -> None:
    lines, at = [], 0.0
    for pause, length in pairs:
        lines.append((at + pause, at + pause + length))
        at += pause + length
    grid = Grid(duration_s, 10.0, 5.0)
    starts = [k * 5.0 for k in range(grid.window_count)]
    for spans in (
        plan_sections(grid, [], section_s, lines),
        plan_sections_by_shots(duration_s, starts, [], section_s, lines),
    ):
        assert spans[0].start_s == 0 and spans[-1].end_s == duration_s
        assert not any(a + 1e-4 < s.start_s < b - 1e-4 for s in spans for a, b in lines)
