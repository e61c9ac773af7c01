"""Size and ETag of a file on a web server, by HEAD or by a GET of its first byte.

A signed URL allows one method, usually GET, so HEAD is refused. fsspec would start to download the file to learn its
size; a request for one byte transfers one byte.

Web servers refuse requests for a moment when they are busy or restarted, and connections break. fsspec's client does
not repeat a request, unlike those of object stores; `retried` does.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

WEB = frozenset({"http", "https"})
_STAMPS = ("ETag", "Content-MD5", "Digest", "Last-Modified")
_PAUSES_S = (0.5, 2.0)  # before the second and the third try
_LONGEST_PAUSE_S = 10.0  # for which a server may ask in Retry-After

Answer = TypeVar("Answer")


class _BusyError(OSError):
    """The server answered 429 or 5xx. `headers` are those of its answer."""

    def __init__(self, text: str, headers: Mapping[str, str]) -> None:
        super().__init__(text)
        self.headers = headers


def retried(ask: Callable[[], Answer]) -> Answer:
    """Return what `ask` returns; it is tried up to three times if a web server is busy or the connection breaks.

    Busy means HTTP 429 or 5xx. All other errors, such as a refused connection or 404, are raised immediately.
    """
    for pause_s in _PAUSES_S:
        try:
            return ask()
        except Exception as error:
            if not _passes(error):
                raise
            wanted = str((getattr(error, "headers", None) or {}).get("Retry-After", ""))
            time.sleep(min(max(pause_s, float(wanted) if wanted.isdecimal() else 0.0), _LONGEST_PAUSE_S))
    return ask()


def _passes(error: Exception) -> bool:
    """Whether the same request may succeed a moment later."""
    import aiohttp

    if isinstance(error, aiohttp.ClientResponseError):
        return error.status == 429 or error.status >= 500
    if isinstance(error, aiohttp.ClientConnectorError | TimeoutError):  # nobody answers
        return False
    return isinstance(error, _BusyError | aiohttp.ClientPayloadError | aiohttp.ClientConnectionError)


def details(fs: Any, url: str) -> dict[str, Any]:
    """`name`, `size` in bytes (None if the server does not report it) and, if reported, `ETag` of the file at `url`.

    Args:
        fs: an `fsspec.implementations.http.HTTPFileSystem`.

    Raises:
        FileNotFoundError: 404 or 410; PermissionError: 401 or 403; OSError: another answer, or none.
    """
    import aiohttp
    from fsspec.asyn import sync

    def ask() -> dict[str, Any]:
        found: dict[str, Any] = sync(fs.loop, _details, fs, url)
        return found

    try:
        return retried(ask)
    except aiohttp.ClientError as error:
        raise OSError(f"{url}: {type(error).__name__}: {error}") from error


async def _details(fs: Any, url: str) -> dict[str, Any]:
    import aiohttp

    session = await fs.set_session()
    plain = {"Accept-Encoding": "identity"}
    with suppress(aiohttp.ClientError):  # some servers hang up on HEAD
        async with session.head(fs.encode_url(url), allow_redirects=True, headers=plain) as answer:
            if answer.ok and answer.headers.get("Content-Length"):
                return _facts(url, answer.headers, answer.headers["Content-Length"])
    async with session.get(fs.encode_url(url), headers={**plain, "Range": "bytes=0-0"}) as answer:
        if answer.status == 416:  # an empty file has no first byte
            return _facts(url, answer.headers, "0")
        _refuse(answer)
        whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
        return _facts(url, answer.headers, whole if answer.status == 206 else answer.headers.get("Content-Length"))


def _refuse(answer: Any) -> None:
    if answer.status in (401, 403):
        raise PermissionError(
            errno.EACCES, f"access denied (HTTP {answer.status}); a signature may have expired", str(answer.url)
        )
    if answer.status in (404, 410):
        raise FileNotFoundError(errno.ENOENT, f"HTTP {answer.status}", str(answer.url))
    if not answer.ok:
        text = f"{answer.url}: HTTP {answer.status} {answer.reason}"
        raise _BusyError(text, answer.headers) if answer.status == 429 or answer.status >= 500 else OSError(text)


def _facts(url: str, headers: Mapping[str, str], size: str | None) -> dict[str, Any]:
    is_whole = headers.get("Content-Encoding", "identity") in ("identity", "")
    found: dict[str, Any] = {
        "name": url,
        "type": "file",
        "size": int(size) if size and size.isdigit() and is_whole else None,
    }
    return found | {name: headers[name] for name in _STAMPS if headers.get(name)}
