"""Requests for binary data: sources, frames, previews."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from operators.core.base import ItemError
from pipeline.viewer.media import Opened, RangeNotSatisfiable, byte_range, open_source
from pipeline.viewer.requests import time_of, video_of
from pipeline.viewer.site import Site
from pipeline.viewer.stills import HEIGHTS

_POSTER_AT = 0.3  # share of the length: after titles and black frames
_KEEP = {"cache-control": "private, max-age=86400"}


def media(site: Site, request: Request) -> Response:
    """Return the source of a video, or a range of it."""
    _, video = video_of(site, request)
    opened = open_source(video)
    return ranged(opened, request.headers.get("range"), request.method)


def ranged(opened: Opened, header: str | None, method: str) -> Response:
    """Return a file by ranges, with status 200, 206 or 416 (RFC 9110, 14)."""
    size = opened.size_bytes
    headers = {"accept-ranges": "bytes", "cache-control": "private, no-cache"}
    try:
        asked = byte_range(header, size)
    except RangeNotSatisfiable:
        return PlainTextResponse("", 416, headers={**headers, "content-range": f"bytes */{size}"})
    start, end = asked or (0, size)
    headers["content-length"] = str(end - start)
    if asked is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    status = 206 if asked is not None else 200
    if method == "HEAD":
        return Response(b"", status, headers, opened.media_type)
    return StreamingResponse(opened.read(start, end), status, headers, opened.media_type)


def still(site: Site, request: Request) -> Response:
    """Return the frame on screen at a time."""
    _, video = video_of(site, request)
    height = HEIGHTS[-1] if request.query_params.get("size") == "large" else HEIGHTS[0]
    return Response(site.stills.get(video, time_of(request, "t"), height), 200, _KEEP, "image/jpeg")


def poster(site: Site, request: Request) -> Response:
    """Return a frame that represents the video: one past the beginning, or the first."""
    _, video = video_of(site, request)
    if video.get("duration_s") is None:
        raise ItemError("unreadable", "the video could not be read, so it has no frames")
    try:
        data = site.stills.get(video, _POSTER_AT * video["duration_s"], HEIGHTS[0])
    except ItemError:
        data = site.stills.get(video, 0.0, HEIGHTS[0])
    return Response(data, 200, _KEEP, "image/jpeg")


def preview(site: Site, request: Request) -> Response:
    """Return the progress of a video's preview; POST starts making it, DELETE cancels it."""
    _, video = video_of(site, request)
    act = {"POST": site.previews.start, "DELETE": site.previews.cancel}.get(request.method, site.previews.state)
    job: Any = act(video)
    return JSONResponse(
        {"state": job.state, "progress": job.progress, "message": job.message, "first_pts_s": job.first_pts_s}
    )


def preview_file(site: Site, request: Request) -> Response:
    """Return the preview of a video, which must exist."""
    _, video = video_of(site, request)
    path = site.previews.path(video)
    if site.previews.state(video).state != "done":
        raise HTTPException(404, "there is no preview of this video yet")
    opened = Opened(uri=str(path), size_bytes=path.stat().st_size, media_type="video/mp4")
    return ranged(opened, request.headers.get("range"), request.method)
