"""A connection test of storage endpoints: once per process and endpoint, with a short timeout.

Storage clients retry an endpoint that does not answer for half a minute. That is right during a run, but not at its
beginning, where the endpoint is most likely misspelled.
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
_WAIT_S = 8.0  # includes the resolution of the name
_PORTS = {"http": 80, "https": 443}

_answered: set[str] = set()


def first_contact(uri: str) -> None:
    """Return if the endpoint of `uri` accepts connections, was tested before, or is unknown.

    Known endpoints are web servers and those of `s3://` other than Amazon's own. Behind a proxy nothing is tested.

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
    """The endpoint as `http://host:port`; None if it is unknown."""
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
