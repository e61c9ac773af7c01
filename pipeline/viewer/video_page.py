"""The page of one video: player, timeline, long caption, evidence, annotations, comparison."""

from __future__ import annotations

from typing import cast
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from operators.analysis.filter import reason_of
from operators.core.text import printable
from pipeline.output.annotations import Kind, corrected, standing
from pipeline.terminal.errors import UsageError
from pipeline.viewer import detail, lanes
from pipeline.viewer.compare import compare
from pipeline.viewer.list_page import list_url
from pipeline.viewer.media import asked_type
from pipeline.viewer.query import Query, parse
from pipeline.viewer.reader import Found, Reader
from pipeline.viewer.requests import found_of, named, reader_of
from pipeline.viewer.site import Site

_HIDDEN = frozenset({"caption", "sections", "names", "failure", "parts"})  # columns that the page shows elsewhere


def video(site: Site, request: Request) -> Response:
    """Return the page of a video."""
    reader, found = found_of(site, request)
    out = site.readers.index(reader)
    page = detail.page(reader, found)
    query = _view(reader, request)
    before, after = reader.catalog.beside(query, found.video_id)
    facts = found.video
    player = {
        "id": found.video_id,
        "out": out,
        "duration": facts.get("duration_s") or 0.0,
        "first": facts.get("first_pts_s") or 0.0,
        "fps": facts.get("fps") or 0.0,
        "type": "" if facts.get("parts") else asked_type(facts),
        "codec": f"{facts.get('codec') or 'unknown'} in {facts.get('container') or 'unknown'}",
        "jumps": bool(facts.get("parts")),
        "storyboard": page.storyboard,
    }
    return HTMLResponse(
        site.render(
            "video.html",
            reader=reader,
            out=out,
            page=page,
            found=found,
            player=player,
            others=[(k, r) for k, r in enumerate(site.readers) if r is not reader and r.video(found.video_id)],
            back=list_url(query, out),
            before=_link(before, out, query),
            after=_link(after, out, query),
            speech=any(lane["id"] == "speech" for lane in page.lanes),
            columns=_columns(found),
            made=_made(page),
            reason=_why_none(found, page),
            link=lambda path, **more: f"{path}?{urlencode({**named(found, out), **more})}",
        )
    )


def caption_part(site: Site, request: Request) -> Response:
    """Return the long caption alone, the part that annotations change."""
    reader, found = found_of(site, request)
    return HTMLResponse(site.render("_caption.html", page=detail.page(reader, found)))


def history_part(site: Site, request: Request) -> Response:
    """Return the annotations of the video."""
    reader, found = found_of(site, request)
    return HTMLResponse(site.render("_history.html", page=detail.page(reader, found)))


def timeline(site: Site, request: Request) -> Response:
    """Return the lanes for `<lc-timeline>`."""
    reader, found = found_of(site, request)
    page = detail.page(reader, found)
    return JSONResponse({"duration": found.video.get("duration_s") or 0.0, "lanes": page.lanes})


def annotate(site: Site, request: Request) -> Response:
    """Commit an annotation: a JSON object with `kind` and the columns of `annotation.ANNOTATION` that go with it."""
    if not site.editable:
        raise HTTPException(403, "this viewer was started with --read-only")
    reader, found = found_of(site, request)
    body = request.state.body
    raw = found.caption
    if not isinstance(body, dict):
        raise HTTPException(400, "the body is not a JSON object")
    if raw is None or raw["caption"] is None:
        raise HTTPException(409, "the video has no long caption to annotate")
    if body.get("content_hash") not in (None, raw["content_hash"]):
        raise HTTPException(409, "the caption on this page has been replaced by a newer one; reload the page")
    kind = body.get("kind")
    allowed = ("section_index", "sentence_index", "text", "start_s", "end_s", "note")
    if kind == "undo":
        row = reader.annotations.undo(raw, str(body.get("undoes")), author=site.author)
    else:
        values = {name: body.get(name) for name in allowed}
        row = reader.annotations.add(raw, cast("Kind", str(kind)), author=site.author, **values)
    return JSONResponse({"annotation_id": row["annotation_id"]})


def comparison(site: Site, request: Request) -> Response:
    """Return the long captions of two outputs, side by side."""
    left, found = found_of(site, request)
    right = reader_of(site, request, "with")
    other = right.find(found.video_id)
    if other is None:
        raise HTTPException(404, "the other output has no such video")
    sides = [detail.page(left, found), detail.page(right, other)]
    return HTMLResponse(
        site.render(
            "compare.html",
            found=found,
            readers=[left, right],
            outs=[site.readers.index(left), site.readers.index(right)],
            sides=sides,
            rows=compare(sides[0].paragraphs, sides[1].paragraphs),
            differ=_differences(found, other),
            link=lambda path, **more: f"{path}?{urlencode({'id': found.video_id, **more})}",
        )
    )


def caption_text(site: Site, request: Request) -> Response:
    """Return the whole long caption as text, with its corrections."""
    reader, found = found_of(site, request)
    raw = found.caption
    if raw is None or raw["caption"] is None:
        raise HTTPException(404, "the video has no long caption")
    said = standing(reader.annotations.history(found.video_id), raw["content_hash"])
    return PlainTextResponse(corrected(raw, said)["caption"])


def subtitles(site: Site, request: Request) -> Response:
    """Return the speech as WebVTT; `<` and `&` are escaped, since a cue may contain markup."""
    _, found = found_of(site, request)
    facts = lanes.facts_of(found.segments)
    blocks = ["WEBVTT"]
    for line in (facts.subtitles if facts else None) or ():
        text = line.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        body = "\n".join(part for part in text.splitlines() if part.strip())
        blocks.append(f"{_vtt(line.start_s)} --> {_vtt(line.end_s)}\n{body}")
    return PlainTextResponse("\n\n".join(blocks) + "\n", media_type="text/vtt")


# -- the parts of pages ------------------------------------------------------------------------------------------------


def _made(page: detail.Page) -> list[tuple[str, str]]:
    """Return the provenance of the long caption."""
    if page.raw is None:
        return []
    whole = detail.made({**page.raw, "prompt_hash": None, "sampling": None, "attempts": None, "problem": None},
                        page.raw["provenance"], "section")  # fmt: skip
    extra = [("run", page.raw["run_id"]), ("config", page.raw["config"]), ("host", page.raw["host"])]
    captioner: list[tuple[str, str]] = []
    if page.found.segments.num_rows:
        said = page.found.segments["provenance"][0].as_py() or {}
        captioner = [("captioner", f"{said.get('model')} {said.get('revision')} ({said.get('engine')})")]
    return [*captioner, *((f"narrator: {n}" if n == "model" else n, v) for n, v in whole if n != "template"),
            *((n, str(v)) for n, v in extra if v)]  # fmt: skip


def _columns(found: Found) -> list[tuple[str, object]]:
    row = {**found.video, **(found.caption or {})}
    flat: list[tuple[str, object]] = []
    for name, value in row.items():
        if name in _HIDDEN or value is None:
            continue
        if isinstance(value, dict):
            flat += [(f"{name}.{key}", one) for key, one in value.items() if one is not None]
        elif name == "metadata":
            flat += [(f"metadata.{key}", one) for key, one in (detail.json_object(value) or {}).items()]
        else:
            flat.append((name, value))
    names = (found.caption or {}).get("names") or []
    return [*flat, *((f"name {n['name_id']}", f"{n['name']} ({', '.join(n['aliases'] or ())})") for n in names)]


def _why_none(found: Found, page: detail.Page) -> str | None:
    """Return why there is no long caption; None if there is one."""
    if page.caption is not None and not found.filtered:
        return None
    if found.filtered and found.caption:
        return f"The filter left this video out: {reason_of(found.caption['filtered'] or [])}."
    if found.failures:
        return f"This video could not be captioned: {found.failures[0]['message']}"
    failure = found.video.get("failure")
    if failure:
        return f"This video could not be read: {failure['message']}"
    return "This video has no long caption yet."


def _differences(one: Found, other: Found) -> list[tuple[str, str, str]]:
    """Return the differences in the provenance of two long captions."""
    sides = []
    for found in (one, other):
        row = found.caption or {}
        captioner = found.segments["provenance"][0].as_py() if found.segments.num_rows else {}
        sides.append(
            {
                "run": row.get("run_id"),
                "config": row.get("config"),
                "captioner": f"{captioner.get('model')} {captioner.get('revision')}" if captioner else None,
                "narrator": " ".join(str((row.get("provenance") or {}).get(n)) for n in ("model", "revision")),
                "words": row.get("words"),
                "coverage": row.get("coverage"),
                "windows": row.get("windows_captioned"),
                "source version": row.get("source_version"),
            }
        )
    left, right = sides
    return [(name, _said(left[name]), _said(right[name])) for name in left if left[name] != right[name]]


def _said(value: object) -> str:
    return "none" if value is None else printable(str(value))


def _view(reader: Reader, request: Request) -> Query:
    """Return the list from which the user came; the default one if there was none or it cannot be parsed."""
    try:
        return parse(parse_qsl(request.query_params.get("list", "")), reader.catalog.columns())
    except UsageError:
        return Query()


def _link(video_id: str | None, out: int, query: Query) -> str | None:
    if video_id is None:
        return None
    view = query.url(page=query.page)
    named = {"id": video_id, **({"out": out} if out else {}), **({"list": view} if view else {})}
    return f"/video?{urlencode(named)}"


def _vtt(time_s: float) -> str:
    minutes, rest = divmod(max(0.0, time_s), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours:02d}:{minutes:02d}:{rest:06.3f}"
