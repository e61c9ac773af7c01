"""`longcap view`: open outputs, bind a port, print the address, and serve until interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import logging
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

from operators.core.text import printable
from pipeline.terminal.errors import UsageError
from pipeline.terminal.printing import echo

PORT = 8400


def view_command(
    *,
    outs: Sequence[str],
    host: str = "127.0.0.1",
    port: int | None = None,
    allow_hosts: Sequence[str] = (),
    token: str | None = None,
    no_token: bool = False,
    author: str | None = None,
    read_only: bool = False,
    cache: str | None = None,
    open_browser: bool = False,
) -> int:
    """Serve pages over `outs` until interrupted.

    Args:
        port: None: `PORT`, or a free port if that is taken.
        allow_hosts: further host names under which browsers may reach the viewer.
        token: token in the first URL; None: a random one.
    """
    try:
        import uvicorn

        from pipeline.viewer.app import make_app
    except ImportError as error:
        raise UsageError(f"longcap view needs {error.name}: pip install 'longcap[view]'") from error
    import pyarrow as pa

    from pipeline.viewer.cache import Cache
    from pipeline.viewer.guard import LOOPBACK
    from pipeline.viewer.reader import Reader
    from pipeline.viewer.site import Site

    pa.set_memory_pool(pa.system_memory_pool())  # the default pool keeps the memory that a search used
    if no_token and host not in LOOPBACK:
        raise UsageError(f"--no-token is allowed on loopback only, but --host is {host}; omit one of them")
    readers = [Reader(uri, label) for uri, label in zip(outs, labels(outs), strict=True)]
    secret = None if no_token else token or secrets.token_urlsafe(18)
    try:
        kept = Cache(Path(cache) if cache else None)
    except OSError as error:
        raise UsageError(f"the cache folder cannot be used: {error}; give another one with --cache") from error
    with contextlib.closing(bind(host, port)) as listener, contextlib.ExitStack() as stack:
        bound = listener.getsockname()[1]
        site = Site(readers=readers, cache=kept, author=author or _user(), editable=not read_only)
        stack.callback(site.close)
        app = make_app(
            site,
            token=secret,
            hosts=frozenset({*LOOPBACK, *allow_hosts, *({host} if host not in ("0.0.0.0", "::", "") else ())}),
            cookie=f"longcap_{bound}",
        )
        counts = readers[0].catalog.counts()  # read now so that the first page does not have to wait
        echo(f"viewing {', '.join(printable(r.uri) for r in readers)}: {counts['videos']} videos", err=True)
        address = url(host, bound, secret)
        echo(address)
        sys.stdout.flush()
        if host not in LOOPBACK:
            echo("note: anyone with this address can see and annotate the videos; nothing is encrypted", err=True)
        echo("press Ctrl-C to stop", err=True)
        if open_browser:
            import webbrowser

            webbrowser.open(address)

        class Server(uvicorn.Server):
            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                # what a request has not got by now it will not get: that is no error to print
                logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
                # first, so that requests that wait for frames are answered: their threads would keep the process alive
                closing = asyncio.create_task(asyncio.to_thread(site.close))
                await super().shutdown(sockets)
                await closing

        server = Server(
            uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=2)
        )
        with contextlib.suppress(KeyboardInterrupt):  # the usual way to stop a viewer
            server.run(sockets=[listener])
    return 0


def bind(host: str, port: int | None) -> socket.socket:
    """Bind a listening socket.

    Raises:
        UsageError: the port is taken, or the host is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in [port] if port is not None else [PORT, 0]:
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, number))
        except OSError as error:
            found.close()
            failure = error
            continue
        found.listen(64)
        return found
    raise UsageError(f"cannot listen on {host} port {port or PORT}: {failure.strerror}; give another --port or --host")


def url(host: str, port: int, token: str | None) -> str:
    """Return the address to open first."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}/" + (f"?{urlencode({'token': token})}" if token else "")


def labels(outs: Sequence[str]) -> list[str]:
    """Return short names of outputs: the last part of the path, preceded by more of it where names would be equal."""
    parts = [out.rstrip("/").split("/") for out in outs]
    for depth in range(1, max(map(len, parts)) + 1):
        found = ["/".join(p[-depth:]) or "/" for p in parts]
        if len(set(found)) == len(found):
            return found
    return [f"{out} ({k + 1})" for k, out in enumerate(outs)]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in a container
        return os.environ.get("USER", "unknown")
