"""The evidence for a sentence, a section or a window: a part of the page of a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from operators.core.base import Row
from pipeline.output.annotations import OPENING, corrected, opening_of, standing
from pipeline.viewer import detail, lanes
from pipeline.viewer.prompts import Shown
from pipeline.viewer.reader import Found, Reader
from pipeline.viewer.requests import found_of, named, whole_of
from pipeline.viewer.site import Site
from pipeline.viewer.stills import HEIGHTS

_MOST_WINDOWS = 60  # windows that the panel shows
_STRIPS_AT_ONCE = 3  # windows whose frames are decoded in advance


def evidence_part(site: Site, request: Request) -> Response:
    """Return the evidence for a sentence (`section`, `sentence`), a section (`section`) or a window (`window`)."""
    reader, found = found_of(site, request)
    out = site.readers.index(reader)
    number, index, window = (whole_of(request, name) for name in ("section", "sentence", "window"))
    raw = found.caption
    said = standing(reader.annotations.history(found.video_id), raw["content_hash"]) if raw else []
    caption = corrected(raw, said) if raw and raw["caption"] is not None else None
    if window is not None:
        picked = Picked(windows=[window])
    elif caption is not None and raw is not None and number is not None:
        picked = _picked(reader, found, (caption, raw), number, index)
    else:
        raise HTTPException(400, "the request names no section and no window")
    shown = picked.windows[:_MOST_WINDOWS]
    evidence = site.evidence.of(reader, found, shown, (picked.sentence or {}).get("text"))
    if window is not None and not evidence:
        raise HTTPException(404, "the output has no such window")
    if picked.sentence is not None and picked.span is None:
        spans = lanes.cited_spans(picked.windows, detail.spans_of(found))
        picked = replace(picked, span=next(iter(spans), None))
    for one in evidence[:_STRIPS_AT_ONCE]:
        site.stills.soon(found.video, [f["time_s"] for f in one.frames], HEIGHTS[0])
    return HTMLResponse(
        site.render(
            "_evidence.html",
            picked=picked,
            found=found,
            number=number,
            index=index if picked.sentence is not None else None,
            evidence=evidence,
            more=len(picked.windows) - len(shown),
            link=lambda path, **more: f"{path}?{urlencode({**named(found, out), **more})}",
        )
    )


@dataclass(frozen=True, kw_only=True)
class Picked:
    """A section or sentence in the panel.

    Attributes:
        section: a section of the corrected caption, or a row of the same form for the opening.
        sentence: None if the section as a whole is selected.
        original: what the model wrote; None if that is unknown.
        span: its span in seconds; None: derived from its windows.
        made, template: provenance and prompt of its section.
        windows: windows that it rests on.
    """

    section: Row | None = None
    sentence: Row | None = None
    original: str | None = None
    span: tuple[float, float] | None = None
    made: Sequence[tuple[str, str]] = ()
    template: Shown | None = None
    windows: Sequence[int] = ()


def _picked(reader: Reader, found: Found, captions: tuple[Row, Row], number: int, index: int | None) -> Picked:
    """Return a section or sentence of a long caption. A section that a person rewrote is returned as a whole."""
    caption, raw = captions  # with and without corrections
    if number == OPENING:
        opening = {"section_index": OPENING, "text": opening_of(caption)}
        return Picked(section=opening, original=opening_of(raw))
    section = next((s for s in caption["sections"] or () if s["section_index"] == number), None)
    at = next((k for k, s in enumerate(raw["sections"] or ()) if s["section_index"] == number), None)
    if section is None or at is None:
        raise HTTPException(404, "the caption has no such section")
    before = raw["sections"][at]
    made, template = detail.section_made(reader, found, raw, at)
    whole = Picked(
        section=section,
        original=before["text"],
        span=(section["start_s"], section["end_s"]),
        made=made,
        template=template,
        windows=list(section["windows"] or ()),
    )
    sentences, old = section["sentences"] or [], before["sentences"] or []
    if index is None or len(sentences) != len(old):
        return whole
    if not 0 <= index < len(sentences):
        raise HTTPException(404, "the section has no such sentence")
    sentence = sentences[index]
    own = sentence.get("start_s") is not None
    return replace(
        whole,
        sentence=sentence,
        original=old[index]["text"],
        span=(sentence["start_s"], sentence["end_s"]) if own else None,
        windows=list(sentence["windows"] or ()),
    )
