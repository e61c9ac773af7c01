"""The list of videos, and its updates during a run."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from operators.analysis.filter import reason_of
from operators.core.base import Row
from operators.core.text import printable
from pipeline.viewer.lanes import short
from pipeline.viewer.query import OPERATORS, SIZES, STATES, VERDICTS, Query, parse
from pipeline.viewer.reader import Reader
from pipeline.viewer.requests import reader_of
from pipeline.viewer.site import Site

_USUAL = ("name", "duration_s", "words", "coverage", "flags", "verdict")
_HEADS = {
    "name": "Video",
    "duration_s": "Length",
    "words": "Words",
    "coverage": "Coverage",
    "flags": "Flags",
    "verdict": "Verdict",
}
_BEGINNING = 160  # characters of a caption
_SNIPPET = 60  # characters shown before a match; three times as many after it
_MOST_HITS = 200


def listing(site: Site, request: Request) -> Response:
    """Return a page of the list."""
    reader = reader_of(site, request)
    columns = reader.catalog.columns()
    query = parse(request.query_params.multi_items(), columns)
    shown = reader.catalog.page(query)
    out = site.readers.index(reader)
    texts = reader.catalog.captions([row["video_id"] for row in shown.rows if row["state"] == "captioned"])
    rows = [_row(reader, row, query, out, texts.get(row["video_id"], "")) for row in shown.rows]
    return HTMLResponse(
        site.render(
            "list.html",
            reader=reader,
            out=out,
            query=query,
            page=shown,
            rows=rows,
            counts=reader.catalog.counts(),
            at_work=reader.at_work(),
            columns=columns,
            extra=[c for c in query.columns if c not in _USUAL],
            heads=_heads(query, out),
            states=STATES,
            verdicts=VERDICTS,
            operators=OPERATORS,
            sizes=SIZES,
            chips=[(str(c), _url(query, out, where=tuple(w for w in query.where if w != c))) for c in query.where],
            link=lambda **changes: _url(query, out, **changes),
        )
    )


def state(site: Site, request: Request) -> Response:
    """Return the state that a page polls every few seconds to see whether there is more to show."""
    reader = reader_of(site, request)
    return JSONResponse({**reader.catalog.counts(), "at_work": [printable(line) for line in reader.at_work()]})


def ids(site: Site, request: Request) -> Response:
    """Return the ids of all videos of a view, one per line, for `--only` or another program."""
    reader = reader_of(site, request)
    query = parse(request.query_params.multi_items(), reader.catalog.columns())
    text = "".join(f"{printable(video_id)}\n" for video_id in reader.catalog.ids(query))
    return PlainTextResponse(text)


def list_url(query: Query, out: int) -> str:
    """Return the address of a view."""
    return _url(query, out)


def _url(query: Query, out: int, **changes: Any) -> str:
    parts = [query.url(**changes), urlencode({"out": out}) if out else ""]
    whole = "&".join(part for part in parts if part)
    return f"/?{whole}" if whole else "/"


def _row(reader: Reader, row: Row, query: Query, out: int, caption: str) -> Row:
    named = {"id": row["video_id"], **({"out": out} if out else {})}
    view = query.url(page=query.page)
    found: Row = {
        **row,
        "poster": f"/poster?{urlencode(named)}" if row["duration_s"] is not None else None,
        "href": f"/video?{urlencode({**named, **({'list': view} if view else {})})}",
        "reason": row["failure_message"] if row["state"] == "failed" else None,
        "snippet": (snippet(caption, query.terms) if query.terms else None) or [(short(caption, _BEGINNING), False)],
    }
    found |= {name: short(row[name], _BEGINNING) for name in query.columns if isinstance(row[name], str)}
    if row["state"] == "filtered":
        found["reason"] = reason_of(reader.catalog.misses(row["video_id"]))
    return found


def snippet(text: str, terms: list[str]) -> list[tuple[str, bool]] | None:
    """Return the part of a text with most of the terms, as pieces with matches marked; None if it has none."""
    pattern = re.compile("|".join(re.escape(t) for t in sorted(terms, key=len, reverse=True)), re.IGNORECASE)
    hits = [(hit.start(), hit.end()) for hit in islice(pattern.finditer(text), _MOST_HITS)]
    if not hits:
        return None

    def near(at: int) -> int:
        return len({text[a:b].lower() for a, b in hits if at <= a <= at + 2 * _SNIPPET})

    first = max((a for a, _ in hits), key=lambda at: (near(at), -at))
    start, end = max(0, first - _SNIPPET), min(len(text), first + 3 * _SNIPPET)
    pieces: list[tuple[str, bool]] = [("…", False)] if start else []
    at = start
    for hit in pattern.finditer(text, start, end):
        pieces += [(text[at : hit.start()], False), (hit.group(), True)]
        at = hit.end()
    pieces.append((text[at:end] + ("…" if end < len(text) else ""), False))
    return [piece for piece in pieces if piece[0]]


def _heads(query: Query, out: int) -> list[Row]:
    """Return the table heads of all shown columns; a click on one sorts by it, a second click reverses the order."""
    found = []
    for name in (*_USUAL, *(c for c in query.columns if c not in _USUAL)):
        falls = query.sort == f"-{name}"
        rises = query.sort == name
        first = name if name in ("name", "flags", "verdict") else f"-{name}"
        found.append(
            {
                "name": name,
                "title": _HEADS.get(name, name),
                "sorted": "descending" if falls else "ascending" if rises else None,
                "href": _url(query, out, sort=name if falls else f"-{name}" if rises else first),
            }
        )
    return found
