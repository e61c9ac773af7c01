from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from operators.core.grid import Grid, Span, check_grid, frame_times

STRIDES = (0.5, 1.0, 2.5, 5.0, 10.0 / 3, 7.0)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Videos as they are: lengths from integer time bases, windows of a few strides."""
    stride = draw(st.sampled_from(STRIDES))
    window = stride * draw(st.sampled_from((1.0, 1.5, 2.0, 3.0)))
    ticks = draw(st.integers(1, 90_000 * 600))
    exact = draw(st.integers(1, 120)) * stride
    duration = draw(st.sampled_from((ticks / 90_000, exact, exact + 1 / 90_000, max(0.01, exact - 1 / 90_000))))
    return Grid(duration, window, stride)


@settings(deadline=None)
@given(grids())
def test_owned_cells_tile_the_video_each_second_once(grid: Grid) -> None:
    cells = [grid.owned(k) for k in range(grid.window_count)]
    assert cells[0].start_s == 0.0
    assert cells[-1].end_s == grid.duration_s
    for before, after in itertools.pairwise(cells):
        assert before.end_s == after.start_s
    assert all(cell.end_s > cell.start_s for cell in cells)


@settings(deadline=None)
@given(grids())
@example(Grid(10.0))
@example(Grid(10.000_000_1))
@example(Grid(3.0))
def test_windows_follow_the_published_formula(grid: Grid) -> None:
    d, w, s = grid.duration_s, grid.window_s, grid.stride_s
    count = max(1, math.ceil(round((d - w) / s, 6)) + 1)
    assert grid.window_count == count
    for k in (0, count // 2, count - 1):
        assert grid.window(k) == Span(k * s, min(k * s + w, d))
    assert grid.window(count - 1).end_s == pytest.approx(d, abs=1e-5 * s)
    assert all(grid.window(k).end_s < d for k in range(max(0, count - 1)))


@settings(deadline=None)
@given(grids(), st.integers(3, 24))
def test_segments_tile_and_share_out_the_windows(grid: Grid, cells: int) -> None:
    segment_s = cells * grid.stride_s
    if segment_s < grid.window_s:
        return
    segments = grid.segments(segment_s)
    assert segments[0].start_s == 0.0
    assert segments[-1].end_s == grid.duration_s
    for before, after in itertools.pairwise(segments):
        assert before.end_s == after.start_s
        assert round(before.seconds / grid.stride_s, 6) == cells
    owned = [k for segment in segments for k in grid.windows_of(segment)]
    assert owned == list(range(grid.window_count))
    for segment in segments:
        assert len(grid.windows_of(segment)) > 0
        starts = [grid.window(k).start_s for k in grid.windows_of(segment)]
        assert all(segment.start_s - 1e-6 <= start < segment.end_s for start in starts)


@settings(deadline=None)
@given(grids(), st.integers(3, 24))
def test_a_remainder_shorter_than_a_window_joins_the_segment_before(grid: Grid, cells: int) -> None:
    segment_s = cells * grid.stride_s
    if segment_s < grid.window_s:
        return
    segments = grid.segments(segment_s)
    last = segments[-1]
    assert last.seconds < segment_s + grid.window_s
    if len(segments) > 1:
        assert last.seconds >= grid.window_s - 1e-5


@pytest.mark.parametrize(
    ("duration_s", "lengths"),
    [(4.0, [4.0]), (120.0, [120.0]), (129.9, [129.9]), (130.0, [120.0, 10.0]), (359.0, [120.0, 120.0, 119.0])],
)
def test_remainders(duration_s: float, lengths: list[float]) -> None:
    assert [round(s.seconds, 6) for s in Grid(duration_s).segments(120.0)] == lengths


@settings(deadline=None)
@given(grids(), st.integers(3, 24), st.sampled_from((0.1, 0.5, 1.0, 2.0, 3.0, 29.97)))
def test_frames_of_neighbouring_segments_neither_overlap_nor_miss(grid: Grid, cells: int, fps: float) -> None:
    segment_s = cells * grid.stride_s
    if segment_s < grid.window_s:
        return
    parts = [t for segment in grid.segments(segment_s) for t in frame_times(segment, fps)]
    assert parts == frame_times(Span(0.0, grid.duration_s), fps)
    assert parts[0] == 0.0
    assert all(t < grid.duration_s for t in parts)
    assert len(parts) in (math.ceil(grid.duration_s * fps), math.floor(grid.duration_s * fps + 1e-6))


def test_frame_times_of_a_stretch_between_two_frames_are_none() -> None:
    assert frame_times(Span(1.1, 1.9), 1.0) == []


@settings(deadline=None)
@given(grids(), st.integers(3, 24), st.integers(0, 4))
def test_what_is_decoded_holds_all_windows_of_the_segment_and_its_warm_up(grid: Grid, cells: int, warm: int) -> None:
    segment_s = cells * grid.stride_s
    if segment_s < grid.window_s:
        return
    for segment in grid.segments(segment_s):
        whole = grid.decode_span(segment, warm)
        own = grid.windows_of(segment)
        for k in range(max(0, own.start - warm), own.stop):
            assert whole.start_s <= grid.window(k).start_s + 1e-6
            assert whole.end_s >= grid.window(k).end_s - 1e-6
        assert 0.0 <= whole.start_s <= segment.start_s
        assert segment.end_s <= whole.end_s <= grid.duration_s
        assert segment.start_s - whole.start_s <= warm * grid.stride_s + 1e-6


@pytest.mark.parametrize("duration_s", [0.0, -1.0, float("inf"), float("nan")])
def test_a_video_without_a_length_has_no_grid(duration_s: float) -> None:
    with pytest.raises(ValueError, match=r"duration_s is .*above 0"):
        Grid(duration_s)


@pytest.mark.parametrize(
    ("window_s", "stride_s", "segment_s", "names"),
    [
        (0.0, 5.0, 60.0, "window_s is 0.0"),
        (10.0, 0.0, 60.0, "stride_s is 0.0"),
        (10.0, 11.0, 66.0, "at most window_s"),
        (10.0, 5.0, 5.0, "segment_s is 5.0; it must be at least window_s"),
        (10.0, 5.0, 62.0, "multiple of stride_s"),
    ],
)
def test_a_grid_that_cannot_be_is_refused_in_one_sentence(
    window_s: float, stride_s: float, segment_s: float, names: str
) -> None:
    with pytest.raises(ValueError, match=names):
        check_grid(window_s, stride_s, segment_s)


def test_overlap() -> None:
    assert Span(0, 10).overlap_s(Span(8, 20)) == 2
    assert Span(0, 10).overlap_s(Span(10, 20)) == 0
    assert Span(5, 3).seconds == 0
