from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from operators.analysis.facts import Facts, Transition, cuts_of
from operators.core.grid import Grid, Span
from operators.core.windows import Window, Windows

SHOTS = Windows(grid=Grid(300.0), rule="shots")


def spans(windows: list[Window]) -> list[tuple[float, float]]:
    return [(w.span.start_s, w.span.end_s) for w in windows]


def test_by_grid_they_are_the_grids_whatever_the_cuts() -> None:
    windows = Windows(grid=Grid(300.0))
    found = windows.of(Span(120.0, 240.0), [130.0])
    assert [w.index for w in found] == list(range(24, 48))
    assert found[0] == Window(24, Span(120.0, 130.0), Span(120.0, 125.0))
    assert [w.index for w in windows.before(Span(120.0, 240.0), 2)] == [22, 23]
    assert windows.before(Span(0.0, 120.0), 2) == []


def test_by_shots_each_shot_has_a_grid_of_its_own() -> None:
    found = SHOTS.of(Span(120.0, 150.0), [123.4, 138.4])
    assert spans(found) == [(120.0, 123.4), (123.4, 133.4), (128.4, 138.4), (138.4, 148.4), (143.4, 150.0)]
    assert [w.index for w in found] == [120_000, 123_400, 128_400, 138_400, 143_400]
    assert found[3].own == Span(138.4, 143.4)


def test_what_warms_a_segment_up_is_cut_as_well() -> None:
    assert spans(SHOTS.before(Span(120.0, 240.0), 2, [116.0, 119.0])) == [(116.0, 119.0), (119.0, 120.0)]
    assert SHOTS.before(Span(0.0, 120.0), 2, [5.0]) == []


def test_short_shots_are_told_with_the_next_one_where_wanted() -> None:
    windows = Windows(grid=Grid(300.0), rule="shots", min_shot_s=1.0)
    cuts = [0.5, 4.0, 4.4, 8.0, 19.5]
    assert spans(windows.of(Span(0.0, 20.0), cuts)) == [(0.0, 4.0), (4.0, 8.0), (8.0, 18.0), (13.0, 20.0)]


@settings(deadline=None)
@given(
    st.floats(0.5, 400.0),
    st.sampled_from([(10.0, 5.0), (10.0, 10.0), (8.0, 2.0)]),
    st.lists(st.floats(0.0, 400.0), max_size=40).map(sorted),
    st.floats(0.0, 300.0),
)
def test_they_tile_a_segment_and_none_crosses_a_cut(
    seconds: float, window: tuple[float, float], cuts: list[float], start_s: float
) -> None:
    segment = Span(start_s, start_s + seconds)
    found = Windows(grid=Grid(1000.0, *window), rule="shots").of(segment, cuts)
    assert found[0].own.start_s == segment.start_s
    assert found[-1].own.end_s == segment.end_s
    for before, after in itertools.pairwise(found):
        assert before.own.end_s == after.own.start_s
        assert before.index < after.index
    heeded = [c for c, d in itertools.pairwise([*cuts, 1e9]) if d - c > 2e-3]
    for one in found:
        assert one.own.start_s == one.span.start_s
        assert one.own.end_s <= one.span.end_s <= segment.end_s
        assert 0 < one.span.seconds <= window[0] + 1e-6
        assert not [c for c in heeded if one.span.start_s + 1e-3 < c < one.span.end_s - 2e-3 and c > start_s + 2e-3]


@pytest.mark.parametrize("facts", [None, Facts(start_s=0.0, end_s=9.0)])
def test_nothing_measured_is_no_cut(facts: Facts | None) -> None:
    assert list(cuts_of(facts)) == []


def test_only_hard_cuts_count() -> None:
    changes = (
        Transition(kind="cut", start_s=3.0, end_s=3.0),
        Transition(kind="dissolve", start_s=4.0, end_s=5.0),
        Transition(kind="cut", start_s=7.0, end_s=7.0),
    )
    assert list(cuts_of(Facts(start_s=0.0, end_s=9.0, transitions=changes))) == [3.0, 7.0]


def by_lines(duration_s: float, talk: list[tuple[float, float]], reach_s: float = 5.0) -> Windows:
    return Windows(grid=Grid(duration_s), rule="lines", talk=talk, line_reach_s=reach_s)


def test_by_lines_edges_move_to_the_nearest_gap() -> None:
    windows = by_lines(60.0, [(4.0, 6.5), (9.5, 11.0), (28.0, 33.0), (33.0, 41.0)])
    segment = windows.segment(Span(0.0, 30.0))
    assert segment == Span(0.0, 28.0), "2 s back is nearer than 3 s on"
    assert windows.segment(Span(30.0, 60.0)) == Span(28.0, 60.0)
    # 10 s moves to 9.5 s, the windows from 0 and 20 s end at gaps, and the edge at 30 s is the segment's
    assert spans(windows.of(segment)) == [
        (0.0, 9.5), (4.0, 14.0), (9.5, 19.5), (15.0, 25.0), (20.0, 28.0), (25.0, 33.0),
    ]  # fmt: skip
    assert [w.index for w in windows.of(segment)] == [0, 4000, 9500, 15000, 20000, 25000]
    assert [w.own.end_s for w in windows.of(segment)] == [4.0, 9.5, 15.0, 20.0, 25.0, 28.0]
    assert spans(windows.before(Span(33.0, 60.0), 1)) == [(28.0, 41.0)], "what warms a segment up cuts no line either"


def test_by_lines_an_edge_stays_in_a_line_that_goes_on_too_long() -> None:
    windows = by_lines(60.0, [(20.0, 44.0)])
    assert windows.segment(Span(0.0, 30.0)) == Span(0.0, 30.0)
    assert (25.0, 35.0) not in spans(windows.of(Span(0.0, 30.0))) and (20.0, 30.0) in spans(windows.of(Span(0.0, 30.0)))
    assert spans(by_lines(40.0, []).of(Span(0.0, 40.0))) == [
        (w.start_s, w.end_s) for w in map(Grid(40.0).window, range(Grid(40.0).window_count))
    ], "where nobody speaks the windows are the grid's"


@example(9.0, (8.0, 2.0, 60.0), [(0.0, 7.0)], 1.0)  # a line from the start that ends out of reach
@settings(deadline=None)
@given(
    st.floats(1.0, 400.0),
    st.sampled_from([(10.0, 5.0, 20.0), (10.0, 10.0, 30.0), (8.0, 2.0, 60.0), (30.0, 10.0, 120.0)]),
    st.lists(st.tuples(st.floats(0.0, 9.0), st.floats(0.05, 16.0)), max_size=40),
    st.sampled_from([1.0, 0.5, 0.1]),
)
def test_by_lines_they_tile_the_video_and_cut_only_long_lines(
    duration_s: float, sizes: tuple[float, float, float], pairs: list[tuple[float, float]], share: float
) -> None:
    window_s, stride_s, segment_s = sizes
    reach_s = share * min(window_s / 2, segment_s / 4)
    talk, at = [], 0.0
    for pause_s, length_s in pairs:
        talk.append((at + pause_s, min(duration_s, at + pause_s + length_s)))
        at += pause_s + length_s
    talk = [line for line in talk if line[1] > line[0]]
    grid = Grid(duration_s, window_s, stride_s)
    windows = Windows(grid=grid, rule="lines", talk=talk, line_reach_s=reach_s)

    def cut(time_s: float) -> bool:
        return any(a + 1e-5 < time_s < b - 1e-5 and min(time_s - a, b - time_s) <= reach_s - 1e-5 for a, b in talk)

    segments = [windows.segment(s) for s in grid.segments(segment_s)]
    assert segments[0].start_s == 0.0 and segments[-1].end_s == duration_s
    owned: list[Window] = []
    for segment in segments:
        own = windows.of(segment)
        assert own[0].own.start_s == segment.start_s and own[-1].own.end_s == segment.end_s
        owned += own
    for before, after in itertools.pairwise(owned):
        assert before.own.end_s == after.own.start_s and before.index < after.index
        assert before.own.seconds >= stride_s / 2 - 1e-5
    for one in owned:
        assert one.own.start_s == one.span.start_s and one.own.end_s <= one.span.end_s <= duration_s
        assert one.span.end_s == duration_s or one.span.seconds >= window_s / 2 - 1e-5
        assert one.span.seconds <= window_s + reach_s + stride_s + 1e-5
        assert not cut(one.span.start_s) and (one.span.end_s == duration_s or not cut(one.span.end_s))
