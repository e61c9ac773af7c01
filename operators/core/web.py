"""Size and ETag of a file on a web server, by HEAD or by a GET of its first byte.

A signed URL allows one method, usually GET, so HEAD is refused. fsspec would start to download the file to learn its
size; a request for one byte transfers one byte.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

WEB = frozenset({"http", "https"})
_STAMPS = ("ETag", "Content-MD5", "Digest", "Last-Modified")


def details(fs: Any, url: str) -> dict[str, Any]:
    """`name`, `size` in bytes (None if the server does not report it) and, if reported, `ETag` of the file at `url`.

    Args:
        fs: an `fsspec.implementations.http.HTTPFileSystem`.

    Raises:
        FileNotFoundError: 404 or 410; PermissionError: 401 or 403; OSError: another answer, or none.
    """
    from fsspec.asyn import sync

    found: dict[str, Any] = sync(fs.loop, _details, fs, url)
    return found


async def _details(fs: Any, url: str) -> dict[str, Any]:
    import aiohttp

    session = await fs.set_session()
    plain = {"Accept-Encoding": "identity"}
    with suppress(aiohttp.ClientError):  # some servers hang up on HEAD
        async with session.head(fs.encode_url(url), allow_redirects=True, headers=plain) as answer:
            if answer.ok and answer.headers.get("Content-Length"):
                return _facts(url, answer.headers, answer.headers["Content-Length"])
    try:
        wanted = {**plain, "Range": "bytes=0-0"}
        async with session.get(fs.encode_url(url), headers=wanted) as answer:
            if answer.status == 416:  # an empty file has no first byte
                return _facts(url, answer.headers, "0")
            _refuse(answer)
            whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
            return _facts(url, answer.headers, whole if answer.status == 206 else answer.headers.get("Content-Length"))
    except aiohttp.ClientError as error:
        raise OSError(f"{url}: {type(error).__name__}: {error}") from error


def _refuse(answer: Any) -> None:
    if answer.status in (401, 403):
        raise PermissionError(
            errno.EACCES, f"access denied (HTTP {answer.status}); a signature may have expired", str(answer.url)
        )
    if answer.status in (404, 410):
        raise FileNotFoundError(errno.ENOENT, f"HTTP {answer.status}", str(answer.url))
    if not answer.ok:
        raise OSError(f"{answer.url}: HTTP {answer.status} {answer.reason}")


def _facts(url: str, headers: Mapping[str, str], size: str | None) -> dict[str, Any]:
    is_whole = headers.get("Content-Encoding", "identity") in ("identity", "")
    found: dict[str, Any] = {
        "name": url,
        "type": "file",
        "size": int(size) if size and size.isdigit() and is_whole else None,
    }
    return found | {name: headers[name] for name in _STAMPS if headers.get(name)}
