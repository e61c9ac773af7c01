"""Access control: who may talk to the viewer, and what its pages may do.

Any web page can make the user's browser send requests to this machine, so a request on the loopback interface proves
nothing. Each request needs an allowed host name (DNS rebinding brings another one) and the token, which the first URL
carries and a cookie keeps. A request that changes something must also come from a page of this viewer.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
MAX_BODY_BYTES = 2**20
_MOST_URL_BYTES = 16_384

_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.\-]+))(?::[0-9]{1,5})?")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


class Guard:
    """An ASGI application that wraps the viewer's own.

    Args:
        app: the application that answers accepted requests.
        token: the token that the first URL carries; None: all requests are accepted.
        hosts: host names under which requests are accepted, without port.
        cookie: name of the cookie, which differs between viewers on one machine.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, hosts: Collection[str], cookie: str) -> None:
        self._app, self._token, self._cookie = app, token, cookie
        self._hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        answer = self._refusal(scope)
        if answer is None:
            await self._app(scope, _limited(receive), _with_headers(send))
        else:
            await answer(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the response that refuses a request; None: it is accepted."""
        headers = Headers(scope=scope)
        if _host_of(headers.get("host", "")) not in self._hosts:
            return PlainTextResponse("This host name is not allowed; see `longcap view --allow-host`.\n", 403)
        if len(scope["query_string"]) > _MOST_URL_BYTES:
            return PlainTextResponse("The URL is too long.\n", 414)
        if scope["method"] not in ("GET", "HEAD") and not self._from_us(headers):
            return PlainTextResponse("Only pages of this viewer may change something.\n", 403)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return PlainTextResponse(f"At most {MAX_BODY_BYTES} bytes can be sent.\n", 413)
        return self._without_token(scope) if self._token is not None else None

    def _without_token(self, scope: Scope) -> Response | None:
        request = Request(scope)
        given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        tokens = [value for name, value in given if name == "token"]
        if tokens:
            if not self._right(tokens[-1]):
                return PlainTextResponse(
                    "The token is wrong. The URL that `longcap view` printed has the right one.\n", 403
                )
            rest = urlencode([(name, value) for name, value in given if name != "token"])
            answer = RedirectResponse(
                f"{_path(scope)}{'?' if rest else ''}{rest}", 303
            )  # keeps the token out of history and bookmarks
            answer.set_cookie(self._cookie, tokens[-1], httponly=True, samesite="lax", path="/")
            return answer
        if self._right(request.cookies.get(self._cookie, "")):
            return None
        return PlainTextResponse("Open the URL that `longcap view` printed: it carries the token.\n", 403)

    def _right(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self._token or "").encode())

    def _from_us(self, headers: Headers) -> bool:
        """Whether a page of this viewer sent the request, from the headers in which browsers state its origin."""
        site = headers.get("sec-fetch-site")
        origin = headers.get("origin")
        if site is not None and site not in ("same-origin", "none"):
            return False
        if origin is not None:
            return origin.partition("://")[2].lower() == headers.get("host", "").lower()
        return headers.get("x-longcap") == "1"  # a page of another origin cannot add custom headers


def _host_of(header: str) -> str:
    """Return the name in a Host header, without port and brackets; empty if the header is malformed."""
    found = _HOST.fullmatch(header.strip().lower())
    return (found["v6"] or found["name"]) if found else ""


def _path(scope: Scope) -> str:
    """Return the path of a request on this host; `//evil` would name another host."""
    return "/" + str(scope.get("raw_path", b"/").decode("latin-1")).lstrip("/")


def _limited(receive: Receive) -> Receive:
    """Wrap `receive` to refuse a body that exceeds the limit, whatever length it declared."""
    seen = 0

    async def wrapped() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY_BYTES:
            return {"type": "http.disconnect"}
        return message

    return wrapped


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return wrapped
