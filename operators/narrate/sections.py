"""Division of a video into sections of about a minute, which start at cuts if possible."""

from __future__ import annotations

from collections.abc import Sequence

from operators.core.grid import Grid, Span

_EPSILON_S = 1e-5  # stored times of cuts are whole microseconds


def plan_sections(
    grid: Grid, cuts_s: Sequence[float], section_s: float, lines: Sequence[tuple[float, float]] = ()
) -> list[Span]:
    """Divide a video into sections.

    Sections consist of whole stride cells, are about `section_s` seconds long, and tile the video. Each inner boundary
    moves by up to a quarter of a section to the cell boundary nearest to a cut, if there is one, so that a paragraph
    starts with a new shot.

    Args:
        grid: the video's windows.
        cuts_s: times of cuts, in any order, seconds.
        section_s: wanted length in seconds, above 0.
        lines: spoken lines, in which no section may begin; where there is no other cell edge within half a section, two
            sections are one.
    """
    cells = grid.window_count
    count = max(1, min(cells, round(grid.duration_s / section_s)))
    reach = max(0, int(cells / count / (2 if lines else 4)))
    edges = [0]
    for i in range(1, count):
        wanted = round(i * cells / count)
        near = [c for c in range(wanted - reach, wanted + reach + 1) if edges[-1] < c < cells]
        near = [c for c in near if not _inside(c * grid.stride_s, lines)]
        if not near:
            continue
        edges.append(min(near, key=lambda c: (_distance(c * grid.stride_s, cuts_s, grid.stride_s), abs(c - wanted), c)))
    return _tiles([e * grid.stride_s for e in edges], grid.duration_s)


def plan_sections_by_shots(
    duration_s: float,
    starts_s: Sequence[float],
    cuts_s: Sequence[float],
    section_s: float,
    lines: Sequence[tuple[float, float]] = (),
) -> list[Span]:
    """Cut a video whose windows follow its shots into sections.

    As `plan_sections`, but each inner boundary moves by up to half a section to the nearest cut; a shot is parted, at
    the nearest window, only where there is no cut within reach. No section but the last is shorter than a quarter.

    Args:
        duration_s: of the video.
        starts_s: where windows begin, ascending, cuts among them.
        cuts_s: times of hard cuts.
        section_s: wanted length in seconds, above 0.
        lines: as in `plan_sections`.
    """
    starts_s = [s for s in starts_s if not _inside(s, lines)]
    count = max(1, round(duration_s / section_s))
    length_s = duration_s / count
    edges = [0.0]
    for i in range(1, count):
        wanted_s = i * length_s
        near = [s for s in starts_s if abs(s - wanted_s) <= length_s / 2 and s - edges[-1] >= length_s / 4]
        near = [s for s in near if any(abs(s - cut) < _EPSILON_S for cut in cuts_s)] or near
        if near:
            edges.append(min(near, key=lambda s: (round(abs(s - wanted_s), 6), s)))
    return _tiles(edges, duration_s)


def nearest_starts(starts_s: Sequence[float], cuts_s: Sequence[float], reach_s: float) -> list[float]:
    """For each cut the nearest start of a window within `reach_s` seconds; ascending, without duplicates."""
    if not starts_s:
        return []
    near = (min((abs(start - cut), start) for start in starts_s) for cut in cuts_s)
    return sorted({start for away_s, start in near if away_s <= reach_s})


def _inside(time_s: float, lines: Sequence[tuple[float, float]]) -> bool:
    return any(a + _EPSILON_S < time_s < b - _EPSILON_S for a, b in lines)


def _tiles(edges: Sequence[float], end_s: float) -> list[Span]:
    return [Span(a, b) for a, b in zip(edges, [*edges[1:], end_s], strict=True)]


def _distance(time_s: float, cuts_s: Sequence[float], cell_s: float) -> float:
    """Seconds to the nearest cut, in steps of half a cell (nearer makes no difference); all far cuts are alike."""
    nearest = min((abs(time_s - cut) for cut in cuts_s), default=cell_s)
    return min(cell_s, round(2 * nearest / cell_s) * cell_s / 2)
