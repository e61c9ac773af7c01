"""Which stretch of the video each paragraph tells: sections of about a minute that begin where something changes."""

from __future__ import annotations

from collections.abc import Sequence

from operators.grid import Grid, Span

_EPSILON_S = 1e-5  # stored times of cuts are whole microseconds


def plan_sections(
    grid: Grid, cuts_s: Sequence[float], section_s: float, starts_s: Sequence[float] | None = None
) -> list[Span]:
    """Cut a video into sections.

    Sections are whole cells of windows, about `section_s` long, and tile the video. Each inner boundary moves by up to
    a quarter of a section to the cell edge that is nearest to a cut, if there is one: a paragraph should begin with a
    new shot rather than in the middle of one. Where windows lie by shots, cuts are such edges, and it begins there
    exactly.

    Args:
        grid: the video's windows.
        cuts_s: times of cuts, in any order, seconds.
        section_s: wanted length in seconds, above 0.
        starts_s: where cells begin, ascending; None: where the grid's do.
    """
    starts = [k * grid.stride_s for k in range(grid.window_count)] if starts_s is None else starts_s
    cells = grid.window_count
    count = max(1, min(cells, round(grid.duration_s / section_s)))
    reach = max(0, int(cells / count / 4))
    edges = [0.0]
    for i in range(1, count):
        wanted_s, reach_s = round(i * cells / count) * grid.stride_s, reach * grid.stride_s + _EPSILON_S
        near = [s for s in starts if abs(s - wanted_s) <= reach_s and s > edges[-1] + _EPSILON_S]
        # where windows lie by shots, the cell edges on cuts alone
        near = [s for s in near if any(abs(s - cut) < _EPSILON_S for cut in cuts_s)] or near
        if near:
            edges.append(min(near, key=lambda s: (_distance(s, cuts_s, grid.stride_s), round(abs(s - wanted_s), 6), s)))
    return [Span(a, b) for a, b in zip(edges, [*edges[1:], grid.duration_s], strict=True)]


def _distance(time_s: float, cuts_s: Sequence[float], cell_s: float) -> float:
    """Seconds to the nearest cut, in steps of half a cell (nearer makes no difference); all far cuts are alike."""
    nearest = min((abs(time_s - cut) for cut in cuts_s), default=cell_s)
    return min(cell_s, round(2 * nearest / cell_s) * cell_s / 2)
