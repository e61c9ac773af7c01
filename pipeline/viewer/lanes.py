"""The lanes of the timeline: what is known of each span of a video, as plain numbers and short labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from operators.analysis.facts import Facts
from operators.core.base import Row
from pipeline.monitoring.progress import clock

_LABEL = 90  # characters; a click shows the whole text
_MOST_ITEMS = 20_000  # items of one lane

Item = tuple[float, float, str, str, str]
"""Start and end in seconds, id, label, kind."""


def span_text(start_s: float, end_s: float) -> str:
    """Format a span as `0:05 to 0:12`."""
    return f"{clock(start_s)} to {clock(end_s)}"


def short(text: str | None, most: int = _LABEL) -> str:
    """Return the beginning of a text, in one line, cut between words if possible."""
    words = " ".join((text or "")[: 4 * most].split())
    if len(words) <= most:
        return words
    begun = words[:most]
    return f"{begun[: begun.rfind(' ', most // 2) if ' ' in begun[most // 2 :] else most - 1].rstrip()}…"


def windows_of(segments: pa.Table) -> pa.Table:
    """Return `window_index`, `start_s`, `end_s`, `text`, `valid`, `problem` of all windows, in order."""
    return _flat(segments, "windows", ["window_index", "start_s", "end_s", "text", "valid", "problem"], "window_index")


def frames_of(segments: pa.Table) -> pa.Table:
    """Return `time_s` and `pts_s` of all frame captions, in order."""
    return _flat(segments, "frames", ["time_s", "pts_s"], "time_s")


def facts_of(segments: pa.Table) -> Facts | None:
    """Return the facts measured in the whole of a video; None if there are none or they are inconsistent."""
    texts = [t for t in segments["facts"].to_pylist() if t]
    try:
        return Facts.merge(Facts.parse(t) for t in texts) if texts else None
    except ValueError:  # an output is not trusted
        return None


def cited_spans(windows: Iterable[int], spans: dict[int, tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the spans of some windows, with those that touch or overlap merged."""
    joined: list[tuple[float, float]] = []
    for start_s, end_s in sorted(spans[k] for k in windows if k in spans):
        if joined and start_s <= joined[-1][1] + 1e-6:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_s))
        else:
            joined.append((start_s, end_s))
    return joined


def lanes(
    *,
    duration_s: float,
    caption: Row | None,
    segments: pa.Table,
    facts: Facts | None,
    failures: Sequence[Row],
    further: Sequence[dict[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Return the lanes that have items, from top to bottom.

    Args:
        caption: the caption with its corrections.
        further: lanes of the recipe's own tables; one with the id of a standard lane replaces it.

    Returns:
        One dict per lane: `id`, `name`, and `items`, each `[start_s, end_s, id, label, row, kind]`. Rows count from 0
            and
        separate overlapping items; kind is `ok`, `bad` (failed or missing) or `own` (corrected by a person).
    """
    windows = windows_of(segments).to_pylist()
    spans = {w["window_index"]: (w["start_s"], w["end_s"]) for w in windows}
    sections = (caption or {}).get("sections") or []
    found = [
        lane("sections", "Sections", _sections(sections)),
        lane("sentences", "Sentences", _sentences(sections, spans)),
        lane("windows", "Windows", _windows(windows)),
        lane("shots", "Shots", _shots(facts)),
        lane("speech", "Speech", _speech(facts)),
        lane("text", "Text on screen", _text(facts)),
        lane("gaps", "Failed or skipped", _gaps(duration_s, segments, windows, failures)),
    ]
    there = {one["id"]: one for one in further}
    found = [there.pop(one["id"], one) for one in found]
    return [one for one in (*found[:-1], *there.values(), found[-1]) if one["items"]]


def lane(key: str, name: str, items: Iterable[Item]) -> dict[str, Any]:
    """Return a lane as the timeline draws it, with overlapping items in separate rows."""
    ends: list[float] = []
    packed = []
    for start_s, end_s, item, label, kind in sorted(items, key=lambda i: (i[0], i[1]))[:_MOST_ITEMS]:
        row = next((k for k, end in enumerate(ends) if end <= start_s + 1e-6), len(ends))
        if row == len(ends):
            ends.append(end_s)
        ends[row] = end_s
        packed.append([round(start_s, 3), round(end_s, 3), item, label, row, kind])
    return {"id": key, "name": name, "rows": len(ends), "items": packed}


def _sections(sections: Sequence[Row]) -> Iterable[Item]:
    for s in sections:
        topic = s["topic"] or short(s["text"])
        yield (
            s["start_s"],
            s["end_s"],
            f"s{s['section_index']}",
            f"Section {s['section_index'] + 1}: {topic}",
            ("bad" if s["problem"] else "ok"),
        )


def _sentences(sections: Sequence[Row], spans: dict[int, tuple[float, float]]) -> Iterable[Item]:
    for s in sections:
        for k, sentence in enumerate(s["sentences"] or ()):
            own = sentence.get("start_s") is not None
            for start_s, end_s in (
                [(sentence["start_s"], sentence["end_s"])] if own else cited_spans(sentence["windows"] or (), spans)
            ):
                yield start_s, end_s, f"s{s['section_index']}.{k}", short(sentence["text"]), "own" if own else "ok"


def _windows(windows: Sequence[Row]) -> Iterable[Item]:
    for w in windows:
        label = short(w["text"]) if w["valid"] else f"No caption: {short(w['problem'])}"
        yield w["start_s"], w["end_s"], f"w{w['window_index']}", label, "ok" if w["valid"] else "bad"


def _shots(facts: Facts | None) -> Iterable[Item]:
    for k, (start_s, end_s) in enumerate(facts.shots() if facts else ()):
        yield start_s, end_s, f"c{k}", f"Shot {k + 1}", "ok"


def _speech(facts: Facts | None) -> Iterable[Item]:
    for k, line in enumerate((facts.subtitles if facts else None) or ()):
        yield line.start_s, line.end_s, f"l{k}", short(line.text), "ok"


def _text(facts: Facts | None) -> Iterable[Item]:
    for k, piece in enumerate(facts.pieces if facts else ()):
        if piece.text:
            yield piece.start_s, piece.end_s, f"t{k}", short(" / ".join(piece.text)), "ok"


def _gaps(duration_s: float, segments: pa.Table, windows: Sequence[Row], failures: Sequence[Row]) -> Iterable[Item]:
    """Yield spans that did not decode, windows without a caption, and missing segments."""
    number = 0
    for decode in segments["decode"].to_pylist():
        for hole in (decode or {}).get("missing") or ():
            yield hole["start_s"], hole["end_s"], f"g{number}", "Did not decode", "bad"
            number += 1
    for w in windows:
        if not w["valid"]:
            yield w["start_s"], w["end_s"], f"g{number}", f"Window without a caption: {short(w['problem'])}", "bad"
            number += 1
    there = sorted(zip(segments["start_s"].to_pylist(), segments["end_s"].to_pylist(), strict=True))
    edges = [(0.0, 0.0), *there, (duration_s, duration_s)]
    why = "; ".join(dict.fromkeys(short(f["message"]) for f in failures[:3] if f["segment_index"] is not None))
    for (_, end_s), (start_s, _) in pairwise(edges):
        if segments.num_rows and start_s - end_s > 1e-3:
            yield end_s, start_s, f"g{number}", f"No captions: {why or 'not done yet'}", "bad"
            number += 1


def _flat(segments: pa.Table, column: str, names: list[str], order: str) -> pa.Table:
    lists = segments[column].combine_chunks() if isinstance(segments[column], pa.ChunkedArray) else segments[column]
    flat = pc.list_flatten(lists)
    return pa.table({name: pc.struct_field(flat, name) for name in names}).sort_by(order)
