"""Render pages as self-contained files: no external resources, no scripts, every text escaped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import jinja2
from markupsafe import Markup

from operators.core.text import printable, repaired
from pipeline.monitoring.progress import clock
from pipeline.reporting.plots import histogram, lanes, lines, over_time
from pipeline.reporting.strips import Strip
from pipeline.reporting.video import VideoPage, provenance

_SHARES = ("coverage", "grounding")


def generator() -> str:
    """Return the version line of Longcap, which every page contains and by which its pages are recognised."""
    return f"longcap {version('longcap')}"


def report_page(data: Mapping[str, Any], strips: Mapping[str, Strip]) -> str:
    """Render `report.html` from the result of `overview` and filmstrips by video id."""
    return _render("report.html.j2", data=data, strips=strips, plots=_plots(data))


def video_html(page: VideoPage, film: Strip | None) -> str:
    """The page of one video."""
    drawn = lanes(page.video["duration_s"], page.lanes, "Timeline of the video") if page.lanes else None
    captions = page.segments[0] if page.segments else None
    made = {
        "Captions": provenance(captions) if captions else {},
        "Long caption": provenance(page.row) if page.row else {},
        "Video": {
            name: page.video[name]
            for name in ("container", "codec", "fps", "first_pts_s", "rotation_deg", "source_version", "incomplete")
            if page.video[name] is not None
        },
    }
    name = page.video["uri"].rsplit("/", 1)[-1]
    return _render("video.html.j2", page=page, film=film, lanes=drawn, made=made, name=name)


def _plots(data: Mapping[str, Any]) -> dict[str, Markup]:
    said: dict[str, Callable[[float], str]] = {"duration_s": clock, **dict.fromkeys(_SHARES, _percent)}
    titles = {"duration_s": "duration of the videos", "words_a_minute": "words per minute"}
    drawn = {
        name: histogram(found, f"Histogram of {titles.get(name, name)}", said.get(name, _short))
        for name, found in data["distributions"].items()
        if found
    }
    series = (data["run"] or {}).get("timeline") or {}
    for name, unit in (("captions", "captions per second"), ("video_s", "seconds of video per second")):
        if any(series.get(name) or ()):
            drawn[name] = over_time(series[name], series["bucket_s"], f"{unit} over the time of the run", unit)
    if series.get("busy"):
        drawn["busy"] = lines(series["busy"], series["bucket_s"], "share of the actors that had work, over the run")
    return drawn


def _render(template: str, **values: Any) -> str:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return _environment().get_template(template).render(generator=generator(), now=now, **values)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": lambda n: f"{n:,}".replace(",", "\u202f"),  # a narrow space, which no locale reads as a decimal point
        "hours": lambda h: f"{h:.1f}" if h >= 10 else f"{h:.2f}" if h >= 0.1 or not h else f"{h:.4f}",
        "money": lambda usd: f"{usd:,.2f} USD" if usd >= 0.01 or not usd else f"{usd:.6f} USD",
        "share": lambda part, whole: _percent(part / whole) if whole else "none",
        "percent": _percent,
        "clock": clock,
        "seconds": _seconds,
        "short": _short,
    }
    return environment


def _shown(value: Any) -> Any:
    """Escape control characters of untrusted text that could reverse or hide parts of a line."""
    return (
        printable(repaired(value), lines=True) if isinstance(value, str) and not hasattr(value, "__html__") else value
    )


def _percent(share: float) -> str:
    """Format a share; a share below 1 is never shown as 100 %."""
    exact = f"{share:.0%}"
    return f"{share:.2%}" if exact in ("0%", "100%") and share not in (0.0, 1.0) else exact


def _seconds(seconds: float) -> str:
    """Format seconds as `m:ss.d` or `h:mm:ss.d`; tenths distinguish frames of most videos."""
    tenths = round(seconds * 10)
    return f"{clock(tenths // 10)}.{tenths % 10}"


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
