"""Web servers of a folder: with signed URLs, where only GET with the right `sig` is answered, or with index pages."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

SIGNATURE = "s3cr3t+sig/nature="


@dataclass
class WebServer:
    """`folder` at `url`; `asked` holds (method, path with query, Range) of every request.

    `stamp` are the headers that tell versions of files apart. `troubles` are the answers to the next requests with the
    right signature: a status, or 0 for half of the body.
    """

    folder: Path
    url: str
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    stamp: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    troubles: list[int] = field(default_factory=list)

    def signed(self, name: str, expires: int = 1) -> str:
        """Return the URL of a file that only answers GET."""
        return f"{self.url}/{quote(name)}?sig={quote(SIGNATURE, safe='')}&Expires={expires}"


@contextmanager
def serve(folder: Path) -> Iterator[WebServer]:
    """Serve `folder` on a loopback port until the block ends."""
    found: WebServer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(403, b"")

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            path = found.folder / url.path.lstrip("/")
            if parse_qs(url.query).get("sig") != [SIGNATURE]:
                self._answer(403, b"")
            elif not path.is_file():
                self._answer(404, b"")
            elif trouble := found.troubles.pop(0) if found.troubles else None:
                self._answer(trouble, b"")
            else:
                self.close_connection = trouble == 0
                self._send(path.read_bytes())

        def _send(self, data: bytes) -> None:
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            if wanted is None:
                self._answer(200, data)
                return
            first, last = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
            self._answer(206, data[first : last + 1], f"bytes {first}-{last}/{len(data)}")

        def _answer(self, status: int, body: bytes, content_range: str | None = None) -> None:
            found.asked.append((self.command, self.path, self.headers.get("Range")))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in found.stamp.items():
                self.send_header(name, value)
            if content_range:
                self.send_header("Content-Range", content_range)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.close_connection else body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = WebServer(folder, f"http://127.0.0.1:{server.server_address[1]}")
    with _running(server):
        yield found


@contextmanager
def serve_openly(folder: Path) -> Iterator[str]:
    """Serve `folder` with index pages, sizes and times, without ranges, until the block ends; yield its URL."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    with _running(server):
        yield f"http://127.0.0.1:{server.server_address[1]}/"


@contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[None]:
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
