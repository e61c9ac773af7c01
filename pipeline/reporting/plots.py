"""Inline SVG: histograms, series over time, lanes of spans. Colours come from the style sheet, including dark mode.

For screen readers every plot is one image with its title; the page has the same numbers as a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from pipeline.monitoring.progress import clock

_WIDTH, _HEIGHT = 420.0, 150.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 8.0, 8.0, 24.0
_LANE_PX, _GAP_PX, _NAME_PX = 20.0, 6.0, 86.0
_LANES_WIDTH = 960.0
_TRACKS = 4
_MOST_SPANS = 1500  # spans of a lane; with more, neighbours are merged


class Span(NamedTuple):
    """A span of a lane: seconds, style class, tooltip, and target of a click."""

    start_s: float
    end_s: float
    kind: str
    title: str
    link: str = ""


def histogram(found: Mapping[str, Any], title: str, number: Callable[[float], str]) -> Markup:
    """Draw bars of equal width, one per bin of `distributions.distribution`, and a dashed line at the median."""
    counts, edges = found["counts"], found["edges"]
    top = max(counts) or 1
    width = (_WIDTH - _LEFT - _RIGHT) / len(counts)
    bars = [
        Markup(
            '<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
        ).format(
            _LEFT + k * width + 0.5,
            _y(n / top),
            max(width - 1, 0.5),
            _height(n / top),
            f"{number(edges[k])} to {number(edges[k + 1])}: {n}",
        )
        for k, n in enumerate(counts)
        if n
    ]
    x = _LEFT + _place(found["median"], edges) * width
    line = Markup('<line class="median" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>').format(
        x, _TOP, _HEIGHT - _BOTTOM
    )
    ends = _label(_LEFT, number(edges[0]), "start") + _label(_WIDTH - _RIGHT, number(edges[-1]), "end")
    middle = _label(min(max(x, 110.0), _WIDTH - 110.0), f"median {number(found['median'])}", "middle")
    return _svg(title, [*bars, line, ends, middle, _axis(str(top))])


def over_time(series: Sequence[float], bucket_s: float, title: str, unit: str) -> Markup:
    """Draw a rate over time as bars, from amounts per bucket."""
    rates = [value / bucket_s for value in series]
    top = max(rates, default=0.0) or 1.0
    width = (_WIDTH - _LEFT - _RIGHT) / max(1, len(rates))
    bars = [
        Markup(
            '<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
        ).format(
            _LEFT + k * width,
            _y(rate / top),
            max(width - 0.5, 0.5),
            _height(rate / top),
            f"{clock(k * bucket_s)}: {rate:.3g} {unit}",
        )
        for k, rate in enumerate(rates)
        if rate
    ]
    return _svg(title, [*bars, *_times(len(rates) * bucket_s), _axis(f"{top:.3g}")])


def lines(series: Mapping[str, Sequence[float | None]], bucket_s: float, title: str) -> Markup:
    """Draw shares (0 to 1) over time, one line per name, distinguished by dashes and a legend, not only by colour."""
    length = max(map(len, series.values()), default=0)
    width = (_WIDTH - _LEFT - _RIGHT) / max(1, length)
    parts: list[Markup] = []
    for k, (name, values) in enumerate(series.items()):
        points = [
            f"{_LEFT + (i + 0.5) * width:.1f},{_y(min(1.0, value)):.1f}"
            for i, value in enumerate(values)
            if value is not None
        ]
        if len(points) == 1:  # a line of one point is not drawn
            points.append(f"{float(points[0].split(',')[0]) + 3:.1f},{points[0].split(',')[1]}")
        parts.append(Markup('<polyline class="line line{}" points="{}"/>').format(k % 4, " ".join(points)))
        x, y = _LEFT + k * 95, _HEIGHT + 8
        parts.append(
            Markup('<line class="line line{0}" x1="{1}" x2="{2}" y1="{3}" y2="{3}"/>').format(k % 4, x, x + 22, y)
        )
        parts.append(Markup('<text x="{}" y="{}" class="legend">{}</text>').format(x + 27, y + 4, name))
    return _svg(title, [*parts, *_times(length * bucket_s), _axis("100 %")], height=_HEIGHT + 16)


def lanes(duration_s: float, named: Mapping[str, Sequence[Span]], title: str) -> Markup:
    """Draw lanes of spans over the length of a video, one below the other."""
    scale = (_LANES_WIDTH - _NAME_PX - _RIGHT) / max(duration_s, 1e-6)
    height = _TOP + len(named) * (_LANE_PX + _GAP_PX) + _BOTTOM
    hatch = Markup(
        '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect width="6" height="6" class="hatch0"/><line x1="0" y1="0" x2="0" y2="6" class="hatch1"/></pattern></defs>'
    )
    parts = [hatch]
    for k, (name, spans) in enumerate(named.items()):
        y = _TOP + k * (_LANE_PX + _GAP_PX)
        parts.append(Markup('<text x="0" y="{:.1f}" class="label">{}</text>').format(y + 13, name))
        tracks = _tracks(_merged(spans))
        each = _LANE_PX / max(1, len(tracks))
        for i, track in enumerate(tracks):
            parts += [_box(span, scale, y + i * each, each - (0.8 if len(tracks) > 1 else 0)) for span in track]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        x = _NAME_PX + share * duration_s * scale
        parts.append(_label(x, clock(share * duration_s), anchor, y=height - 6))
    return _svg(title, parts, _LANES_WIDTH, height)


def _box(span: Span, scale: float, y: float, height: float) -> Markup:
    drawn = Markup('<rect class="{}" x="{:.2f}" y="{:.1f}" width="{:.2f}" height="{:.1f}" rx="1.5"/>').format(
        span.kind, _NAME_PX + span.start_s * scale, y, max((span.end_s - span.start_s) * scale - 0.6, 0.8), height
    )
    shown = Markup("<g><title>{}</title>{}</g>").format(span.title, drawn)
    return Markup('<a href="#{}">{}</a>').format(span.link, shown) if span.link else shown


def _tracks(spans: Sequence[Span]) -> list[list[Span]]:
    """Divide overlapping spans into up to four tracks; spans that fit none are drawn on the last one."""
    tracks: list[list[Span]] = []
    for span in sorted(spans, key=lambda one: (one.start_s, one.end_s)):
        free = next((track for track in tracks if track[-1].end_s <= span.start_s + 1e-6), None)
        if free is not None:
            free.append(span)
        elif len(tracks) < _TRACKS:
            tracks.append([span])
        else:
            tracks[-1].append(span)
    return tracks


def _merged(spans: Sequence[Span]) -> list[Span]:
    if len(spans) <= _MOST_SPANS:
        return list(spans)
    step = -(-len(spans) // _MOST_SPANS)
    found = []
    for i in range(0, len(spans), step):
        some = spans[i : i + step]
        kind = next((s.kind for s in some if s.kind != some[0].kind), some[0].kind)  # keep other kinds visible
        found.append(some[0]._replace(end_s=some[-1].end_s, kind=kind, title=f"{len(some)} from {some[0].title}"))
    return found


def _svg(title: str, parts: Sequence[Markup], width: float = _WIDTH, height: float = _HEIGHT) -> Markup:
    return Markup('<svg viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
        width, height, title, Markup("").join(parts)
    )


def _axis(top: str) -> Markup:
    y = _HEIGHT - _BOTTOM
    line = Markup('<line class="axis" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>').format(_LEFT, _WIDTH - _RIGHT, y)
    return line + _label(_LEFT - 4, top, "end", y=_TOP + 10) + _label(_LEFT - 4, "0", "end", y=y)


def _times(seconds: float) -> list[Markup]:
    return [_label(_LEFT, "0:00", "start"), _label(_WIDTH - _RIGHT, clock(seconds), "end")]


def _label(x: float, text: str, anchor: str, y: float = _HEIGHT - 8) -> Markup:
    return Markup('<text class="label" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y, anchor, text)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - _height(share)


def _height(share: float) -> float:
    return share * (_HEIGHT - _TOP - _BOTTOM)


def _place(value: float, edges: Sequence[float]) -> float:
    """Return the position of a value, in bins."""
    for k in range(len(edges) - 1):
        if value <= edges[k + 1]:
            return k + (value - edges[k]) / max(edges[k + 1] - edges[k], 1e-12)
    return float(len(edges) - 1)
