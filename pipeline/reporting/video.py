"""Data for the page of one video: its caption with the spans of its evidence, its windows, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operators.analysis.facts import Facts
from operators.core.base import Row
from pipeline.monitoring.progress import clock
from pipeline.output.annotations import opening_of
from pipeline.output.failure_groups import replay
from pipeline.output.output import Output
from pipeline.reporting.plots import Span


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A sentence and the span of the windows that it cites; None if it cites none."""

    text: str
    windows: Sequence[int]
    span: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class VideoPage:
    """The contents of the page of one video.

    Attributes:
        video: its row in `rows.VIDEO`.
        row: its row of `rows.LONG_CAPTION`; None if it has no long caption.
        opening: the part of the caption before the sections.
        sections: rows of `structs.SECTION`.
        sentences: sentences of each section.
        segments: its rows of `rows.CAPTIONED_SEGMENT`, in order.
        failures: failures that are not resolved, each with a `command` that retries it.
        lanes: name -> spans over the length of the video.
    """

    video: Row
    row: Row | None
    opening: str
    sections: Sequence[Row]
    sentences: Sequence[Sequence[Sentence]]
    segments: Sequence[Row]
    failures: Sequence[Row]
    lanes: Mapping[str, Sequence[Span]]

    @property
    def windows(self) -> list[Row]:
        return [window for segment in self.segments for window in segment["windows"]]

    @property
    def frames(self) -> list[Row]:
        return [frame for segment in self.segments for frame in segment["frames"]]


def video_page(output: Output, name: str) -> VideoPage:
    """Collect the data of a video's page.

    Args:
        name: a name, as in `Output.find`.

    Raises:
        UsageError: no video or several videos have this name.
    """
    video, row = output.rows_of(output.find(name)["video_id"])
    segments = output.captioned(video["video_id"])
    events = [event for event in output.failures() if event["video_id"] == video["video_id"]]
    failures = [{**event, "command": replay(event, output.shown_uri)} for event in events]
    spans = {w["window_index"]: (w["start_s"], w["end_s"]) for s in segments for w in s["windows"]}
    sections = (row["sections"] if row else None) or []
    sentences = [[_sentence(one, spans) for one in section["sentences"] or ()] for section in sections]
    return VideoPage(
        video=video,
        row=row,
        opening=opening_of(row) if row else "",
        sections=sections,
        sentences=sentences,
        segments=segments,
        failures=failures,
        lanes={k: s for k, s in _lanes(video, segments, sections, sentences).items() if s},
    )


def _sentence(one: Row, spans: Mapping[int, tuple[float, float]]) -> Sentence:
    cited = [spans[k] for k in one["windows"] or () if k in spans]
    span = (min(a for a, _ in cited), max(b for _, b in cited)) if cited else None
    return Sentence(text=one["text"], windows=one["windows"] or (), span=span)


def _lanes(
    video: Row, segments: Sequence[Row], sections: Sequence[Row], sentences: Sequence[Sequence[Sentence]]
) -> dict[str, list[Span]]:
    facts = [Facts.parse(segment["facts"]) for segment in segments if segment["facts"]]
    shots = [shot for one in facts for shot in one.shots()]
    lines = [line for one in facts for line in one.subtitles or ()]
    cited = [(one, k, i) for k, some in enumerate(sentences) for i, one in enumerate(some) if one.span]
    return {
        "sections": [
            _span(s["start_s"], s["end_s"], "b", s["topic"] or "section", f"s{k}") for k, s in enumerate(sections)
        ],
        "sentences": [_span(*(one.span or (0.0, 0.0)), "", one.text, f"s{k}.{i}") for one, k, i in cited],
        "windows": [
            _span(w["start_s"], w["end_s"], "" if w["valid"] else "lost", _window_title(w), f"w{w['window_index']}")
            for segment in segments
            for w in segment["windows"]
        ],
        "shots": [_span(a, b, "c" if k % 2 else "b", "shot") for k, (a, b) in enumerate(shots)],
        "subtitles": [_span(line.start_s, line.end_s, "c", line.text) for line in lines],
        "lacking": _lacking(video, segments),
    }


def _lacking(video: Row, segments: Sequence[Row]) -> list[Span]:
    """Return spans without captions: missing segments, and spans that did not decode."""
    found = [
        _span(gap["start_s"], gap["end_s"], "lost", "did not decode")
        for segment in segments
        for gap in segment["decode"]["missing"] or ()
    ]
    at = 0.0
    for segment in segments:
        if segment["start_s"] > at + 1e-6:
            found.append(_span(at, segment["start_s"], "lost", "not captioned"))
        at = max(at, segment["end_s"])
    end = video["duration_s"] or 0.0
    return [*found, _span(at, end, "lost", "not captioned")] if end > at + 1e-6 else found


def _span(start_s: float, end_s: float, kind: str, title: str, link: str = "") -> Span:
    short = title if len(title) <= 160 else f"{title[:157]}…"
    return Span(start_s, end_s, f"span {kind}".strip(), f"{clock(start_s)} to {clock(end_s)}: {short}", link)


def _window_title(window: Row) -> str:
    return window["text"] if window["valid"] else f"no valid caption: {window['problem']}"


def provenance(row: Row) -> dict[str, str]:
    """Return the facts of `structs.PROVENANCE` for a table, with one row per prompt."""
    made = row["provenance"] or {}
    said = {name: str(made.get(name)) for name in ("engine", "model", "revision") if made.get(name)}
    prompts = _json(made.get("prompts"))
    said |= {
        f"prompt {k}": f"version {v['version']}, hash {v['hash']}" for k, v in prompts.items() if isinstance(v, dict)
    }
    return said | {f"sampling: {k}": str(v) for k, v in _json(made.get("sampling")).items()}


def _json(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
