"""Whether an endpoint answers at all: asked once a process, with a short wait.

The clients of stores ask a dead endpoint again and again for half a minute. That is right in the middle of a run, and
wrong at its beginning, where a dead endpoint is most likely a wrong one.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from contextlib import suppress
from urllib.parse import urlsplit

from operators.core.storage import s3_endpoint
from operators.core.uris import scheme_of

_CONNECT_S = 5.0
_WAIT_S = 8.0  # for the name to be resolved, too
_PORTS = {"http": 80, "https": 443}

_answered: set[str] = set()


def first_contact(uri: str) -> None:
    """Return where the endpoint of `uri` accepts connections, was asked before, or is not known here.

    Known are the endpoints of `s3://` other than Amazon's own, and web servers. Behind a proxy nothing is asked.

    Raises:
        OSError: nothing answers there within 8 s, or it does not speak TLS where the endpoint is `https://`.
    """
    endpoint = _endpoint(uri)
    if endpoint is None or endpoint in _answered or any(os.environ.get(name) for name in _proxies()):
        return
    failed: list[OSError] = [ConnectionError(f"could not connect to {endpoint} within {_WAIT_S:g} s")]

    def ask() -> None:
        try:
            _connect(endpoint)
            failed.clear()
        except OSError as error:
            failed[:] = [error]

    asking = threading.Thread(target=ask, daemon=True)  # a name server that is silent cannot be interrupted
    asking.start()
    asking.join(_WAIT_S)
    if found := list(failed):
        raise found[0]
    _answered.add(endpoint)


def _endpoint(uri: str) -> str | None:
    """`http://host:port`, where it is known."""
    scheme = scheme_of(uri)
    found = s3_endpoint() if scheme == "s3" else uri if scheme in _PORTS else None
    if not found:
        return None
    url = urlsplit(found)
    with suppress(ValueError):  # a port that is none: the client says so
        if url.scheme in _PORTS and url.hostname:
            host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
            return f"{url.scheme}://{host}:{url.port or _PORTS[url.scheme]}"
    return None


def _connect(endpoint: str) -> None:
    url = urlsplit(endpoint)
    host, port = url.hostname or "", url.port or 0
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_S) as raw:
            if url.scheme == "https":
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the client itself checks those
                context.wrap_socket(raw, server_hostname=host).close()
    except ssl.SSLError:
        raise
    except OSError as error:
        raise ConnectionError(f"could not connect to {endpoint}: {error.strerror or error}") from error


def _proxies() -> tuple[str, ...]:
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return (*names, *(name.lower() for name in names))
