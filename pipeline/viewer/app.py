"""The web application: routes and error responses. Each page is a function of the request and the outputs."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from operators.core.base import ItemError
from operators.core.text import printable
from pipeline.terminal.errors import UsageError
from pipeline.viewer import evidence_page, files, list_page, video_page
from pipeline.viewer.guard import LOOPBACK, Guard
from pipeline.viewer.site import FOLDER, Site

Page = Callable[[Site, Request], Response]


def make_app(site: Site, *, token: str | None, hosts: frozenset[str] = LOOPBACK, cookie: str = "longcap") -> ASGIApp:
    """Build the application of one viewer.

    Args:
        token: see `Guard`.
        hosts: host names under which the viewer accepts requests.
    """

    def page(path: str, function: Page, *methods: str) -> Route:
        async def endpoint(request: Request) -> Response:
            if request.method == "POST":
                await _read_body(request)
            return await run_in_threadpool(_answer, site, function, request)

        return Route(path, endpoint, methods=list(methods) or ["GET"])

    app = Starlette(
        routes=[
            page("/", list_page.listing),
            page("/ids.txt", list_page.ids),
            page("/state", list_page.state),
            page("/video", video_page.video),
            page("/compare", video_page.comparison),
            page("/caption.txt", video_page.caption_text),
            page("/part/caption", video_page.caption_part),
            page("/part/history", video_page.history_part),
            page("/part/evidence", evidence_page.evidence_part),
            page("/timeline.json", video_page.timeline),
            page("/subtitles.vtt", video_page.subtitles),
            page("/annotate", video_page.annotate, "POST"),
            page("/media", files.media),
            page("/still", files.still),
            page("/poster", files.poster),
            page("/preview", files.preview, "GET", "POST", "DELETE"),
            page("/preview.mp4", files.preview_file),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
        ],
        exception_handlers={HTTPException: _http_error, 500: _bug},
    )
    return Guard(app, token=token, hosts=hosts, cookie=cookie)


async def _read_body(request: Request) -> None:
    """Read the body before the page's thread starts, since the thread cannot wait for it."""
    try:
        request.state.body = await request.json()
    except ClientDisconnect as error:  # the body exceeded the guard's limit
        raise HTTPException(413, "the body is too large") from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not valid JSON") from error


def _answer(site: Site, function: Page, request: Request) -> Response:
    try:
        return function(site, request)
    except UsageError as error:
        return _error(site, request, 400, str(error))
    except ItemError as error:
        return _error(site, request, 503 if error.failure_class == "storage" else 404, error.message)
    except HTTPException as error:
        return _error(site, request, error.status_code, str(error.detail))


def _error(site: Site, request: Request, status: int, message: str) -> Response:
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/part/")
    if wants_page:
        return HTMLResponse(site.render("error.html", status=status, message=printable(message)), status)
    if request.url.path in ("/annotate", "/preview"):
        return JSONResponse({"error": printable(message)}, status)
    return PlainTextResponse(f"{printable(message)}\n", status)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.detail}\n", error.status_code)


async def _bug(_: Request, error: Exception) -> Response:
    return PlainTextResponse(f"internal error: {type(error).__name__}\n", 500)
