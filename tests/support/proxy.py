"""A bad network: a TCP proxy in front of a real HTTP server that delays, cuts, resets, and answers with errors.

    with BadNetwork(server.endpoint, seed=1, rates={"cut": 0.05, "503": 0.1}) as network:
        ...  # AWS_ENDPOINT_URL=network.endpoint

The fault of each request is drawn from the seed; `happened` counts the faults.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

FAULTS = ("delay", "cut", "reset", "500", "503", "429", "lost answer", "skewed")
_METHODS = (b"GET ", b"PUT ", b"POST ", b"HEAD ", b"DELETE ")
_DELAY_S = 0.3
_SKEWED = (  # S3's answer to a client whose clock is more than 15 minutes off
    "<?xml version='1.0' encoding='UTF-8'?><Error><Code>RequestTimeTooSkewed</Code>"
    "<Message>The difference between the request time and the server's time is too large.</Message></Error>"
)


class BadNetwork:
    """The proxy, which listens during the block.

    Args:
        endpoint: http://host:port of the server.
        seed: seed of the faults.
        rates: fault -> share of the affected requests. `lost answer`: the request is executed, but the answer is lost.
                `skewed`: the error for a wrong clock of the client.

    Attributes:
        happened: fault -> count.
        requests: number of requests.
        answered_bytes: bytes sent to clients, including headers.
    """

    def __init__(self, endpoint: str, *, seed: int, rates: Mapping[str, float]) -> None:
        for name in rates:
            if name not in FAULTS:
                raise ValueError(f"fault {name!r} is none of {', '.join(FAULTS)}")
        parts = urlsplit(endpoint)
        self._server = (parts.hostname or "", parts.port or 80)
        self._rates = dict(rates)
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.happened: Counter[str] = Counter()
        self.requests = 0
        self.answered_bytes = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "http://{}:{}".format(*self._listener.getsockname())

    def __enter__(self) -> BadNetwork:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        with self._lock:
            still = list(self._open)
        for one in still:
            _close(one)

    def calm(self) -> None:
        """Stop all faults."""
        self._rates = {}

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            upstream = socket.create_connection(self._server, timeout=30)
        except OSError:
            _close(client)
            return
        upstream.settimeout(None)
        with self._lock:
            self._open |= {client, upstream}
        mute = threading.Event()
        threading.Thread(target=self._answers, args=(upstream, client, mute), daemon=True).start()
        with suppress(OSError):
            while data := client.recv(65536):
                fault = self._request() if data.startswith(_METHODS) else None
                if fault == "delay":
                    time.sleep(_DELAY_S)
                elif fault == "cut":
                    upstream.sendall(data[: len(data) // 2])
                    break
                elif fault == "reset":
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                elif fault == "lost answer":
                    mute.set()
                elif fault is not None:
                    status, body = ("403 Forbidden", _SKEWED) if fault == "skewed" else (f"{fault} Bad Network", "")
                    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                    client.sendall(f"{head}{body}".encode())
                    break
                upstream.sendall(data)
        for one in (client, upstream):
            _close(one)
        with self._lock:
            self._open -= {client, upstream}

    def _answers(self, upstream: socket.socket, client: socket.socket, mute: threading.Event) -> None:
        with suppress(OSError):
            while data := upstream.recv(65536):
                if mute.is_set():
                    break
                with self._lock:
                    self.answered_bytes += len(data)
                client.sendall(data)
        _close(client)

    def _request(self) -> str | None:
        """Count a request, and draw its fault."""
        with self._lock:
            self.requests += 1
            at = self._chance.random()
            for fault, rate in self._rates.items():
                at -= rate
                if at < 0:
                    self.happened[fault] += 1
                    return fault
        return None


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
