"""Limits on responses of a server: a maximum size, and no redirects to another origin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

_BASE_BYTES = 2**20  # headers of chunks, an error page, a reasoning preamble
_BYTES_PER_TOKEN = 4096  # of a streamed answer: one event a token, with all that vendors put around it
_TEXT_BASE, _TEXT_PER_TOKEN = 2**16, 128  # characters; a token of white space or of one long word has up to 128


class TooMuch(Exception):
    """The server sent more bytes than an answer of `max_tokens` can have."""


class Elsewhere(Exception):
    """The server redirects the request to another origin."""


def most_bytes(max_tokens: int) -> int:
    """Maximum size of one response in bytes, whatever its status and form."""
    return _BASE_BYTES + _BYTES_PER_TOKEN * max_tokens


def most_characters(max_tokens: int) -> int:
    """Maximum number of characters of an answer."""
    return _TEXT_BASE + _TEXT_PER_TOKEN * max_tokens


def bounded_client(limit_bytes: int) -> Any:
    """An HTTP client for `openai.AsyncOpenAI` that raises `TooMuch` and `Elsewhere`.

    It requests uncompressed responses and rejects others: a few compressed kilobytes could expand to gigabytes.
    """
    import openai

    class Bounded(_http(openai.DefaultAsyncHttpxClient).AsyncByteStream):  # type: ignore[misc]
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            came = 0
            async for chunk in self._stream:
                came += len(chunk)
                _check_size(came, limit_bytes)
                yield chunk

        async def aclose(self) -> None:
            await self._stream.aclose()

    async def check(response: Any) -> None:
        _check_head(response)
        response.stream = Bounded(response.stream)

    return openai.DefaultAsyncHttpxClient(event_hooks={"response": [check]}, **_OPTIONS)


def bounded_sync_client(limit_bytes: int) -> Any:
    """The same as `bounded_client` for `openai.OpenAI`."""
    import openai

    class Bounded(_http(openai.DefaultHttpxClient).SyncByteStream):  # type: ignore[misc]
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def __iter__(self) -> Iterator[bytes]:
            came = 0
            for chunk in self._stream:
                came += len(chunk)
                _check_size(came, limit_bytes)
                yield chunk

        def close(self) -> None:
            self._stream.close()

    def check(response: Any) -> None:
        _check_head(response)
        response.stream = Bounded(response.stream)

    return openai.DefaultHttpxClient(event_hooks={"response": [check]}, **_OPTIONS)


_OPTIONS: dict[str, Any] = {"headers": {"Accept-Encoding": "identity"}, "max_redirects": 5}


def _http(client: type) -> Any:
    """The HTTP package that the installed version of the client uses: httpx or httpx2."""
    base = next(c for c in client.__mro__ if c.__name__ in ("AsyncClient", "Client"))
    return import_module(base.__module__.split(".")[0])


def _check_size(came: int, limit_bytes: int) -> None:
    if came > limit_bytes:
        raise TooMuch(f"it sent more than {limit_bytes} bytes, more than an answer to it takes")


def _check_head(response: Any) -> None:
    if response.has_redirect_location:
        _check_redirect(str(response.request.url), str(response.request.url.join(response.headers["location"])))
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise TooMuch(f"its answer is compressed ({encoding[:20]}), which it was asked not to send")


def _check_redirect(here: str, there: str) -> None:
    """Allow redirects to the same origin or to https on the same host; prompts, frames and key go nowhere else."""
    a, b = urlsplit(here), urlsplit(there)
    secured = (a.scheme, b.scheme) == ("http", "https") and _port(a) == 80 and _port(b) == 443
    if a.hostname != b.hostname or not (secured or (a.scheme == b.scheme and _port(a) == _port(b))):
        raise Elsewhere(f"{b.scheme}://{b.hostname}{f':{b.port}' if b.port else ''}")


def _port(url: Any) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)
