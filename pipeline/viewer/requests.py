"""Parse what requests refer to: an output, a video, numbers. Invalid values are one-line errors."""

from __future__ import annotations

import math
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from operators.core.base import Row
from pipeline.viewer.reader import Found, Reader
from pipeline.viewer.site import Site

_LONGEST_ID = 2000


def reader_of(site: Site, request: Request, name: str = "out") -> Reader:
    """Return the output that a request refers to by number; the first one by default."""
    text = request.query_params.get(name, "0")
    if not text.isdecimal() or len(text) > 3 or int(text) >= len(site.readers):
        raise HTTPException(404, "there is no such output")
    return site.readers[int(text)]


def id_of(request: Request) -> str:
    """Return the `video_id` in a request."""
    video_id = request.query_params.get("id", "")
    if not video_id or len(video_id) > _LONGEST_ID:
        raise HTTPException(400, "the request names no video")
    return video_id


def found_of(site: Site, request: Request) -> tuple[Reader, Found]:
    """Return the video that a request names, with all that its output contains about it."""
    reader = reader_of(site, request)
    found = reader.find(id_of(request))
    if found is None:
        raise HTTPException(404, "the output has no such video")
    return reader, found


def video_of(site: Site, request: Request) -> tuple[Reader, Row]:
    """Return the video that a request names, as probed."""
    reader = reader_of(site, request)
    video = reader.video(id_of(request))
    if video is None:
        raise HTTPException(404, "the output has no such video")
    return reader, video


def time_of(request: Request, name: str) -> float:
    """Parse a time in seconds."""
    try:
        value = float(request.query_params.get(name, ""))
    except ValueError:
        value = math.nan
    if not 0 <= value < 1e7:
        raise HTTPException(400, f"{name} must be a time in seconds")
    return value


def whole_of(request: Request, name: str) -> int | None:
    """Parse a whole number of at least -1; None if it is not given."""
    text = request.query_params.get(name, "")
    if not text:
        return None
    if not text.removeprefix("-").isdecimal() or len(text) > 10 or int(text) < -1:
        raise HTTPException(400, f"{name} must be a whole number of at least -1")
    return int(text)


def named(found: Found, out: int) -> dict[str, Any]:
    """Return the URL parameters that name a video."""
    return {"id": found.video_id, **({"out": out} if out else {})}
