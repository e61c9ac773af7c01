"""Check that this process's Ray is alive, and end the run if it is not.

A driver whose raylet or GCS died waits for up to a minute; then Ray's C++ part ends the process without a message. A
thread therefore connects to both every second, and ends the process with one line as soon as one of them has died.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from cluster.exit_code import log_exit_code

_EVERY_S = 1.0
_ASK_S = 5.0
_HERE_S = 2.0  # a local process that refuses connections for this long is dead: it is never restarted
_HEAD_S = 50.0  # limit for the head of a cluster, which may be restarted; Ray ends the process after 60 s
_SAY_S = 10.0  # the head does not answer for this long before it is reported


@dataclass(frozen=True, kw_only=True)
class Places:
    """Addresses of the two processes that a driver depends on.

    Attributes:
        raylet: a Unix socket of this machine; None if unknown.
        gcs: host and port; None if unknown.
        ours: whether this process started them.
    """

    raylet: str | None
    gcs: tuple[str, int] | None
    ours: bool


def places() -> Places:
    """Return the addresses for the Ray that this process is connected to."""
    import ray
    from ray._private import worker

    node = getattr(worker, "_global_node", None)
    host, _, port = (getattr(ray.get_runtime_context(), "gcs_address", None) or "").rpartition(":")
    gcs = (host.strip("[]"), int(port)) if host and port.isdecimal() else None
    return Places(
        raylet=getattr(node, "raylet_socket_name", None),
        gcs=gcs,
        ours=bool(node is not None and getattr(node, "head", False)),
    )


class Watch:
    """Connects to the processes at `where`, and records since when each does not answer.

    Args:
        say: called with a line if the head does not answer but may return.
        clock: monotonic time, seconds.
    """

    def __init__(self, where: Places, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._where = where
        self._say = say
        self._clock = clock
        self._since: dict[str, float] = {}
        self._said = False

    def look(self) -> str | None:
        """Return in one line which process is permanently gone; None if none is known to be."""
        if self._silent_s("raylet", self._raylet_answers()) >= _HERE_S:
            return "Ray's process on this machine (raylet) has died"
        silent_s = self._silent_s("gcs", self._gcs_answers())
        if silent_s >= (_HERE_S if self._where.ours else _HEAD_S):
            return "Ray's head (GCS) has died or cannot be reached"
        if silent_s >= _SAY_S and not self._said:
            self._said = True
            self._say(f"Ray's head (GCS) does not answer; the run ends if that lasts {_HEAD_S:g} s")
        if not silent_s:
            self._said = False
        return None

    def _silent_s(self, name: str, answers: bool) -> float:
        if answers:
            self._since.pop(name, None)
            return 0.0
        return max(1e-9, self._clock() - self._since.setdefault(name, self._clock()))

    def _raylet_answers(self) -> bool:
        at = self._where.raylet
        if at is None:
            return True
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(_ASK_S)
            return _answers(lambda: asking.connect(at))

    def _gcs_answers(self) -> bool:
        at = self._where.gcs
        return at is None or _answers(lambda: socket.create_connection(at, timeout=_ASK_S).close())


def _answers(connect: Callable[[], object]) -> bool:
    try:
        connect()
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    except OSError:  # busy or timed out: a machine under load is not dead
        return True
    return True


@contextmanager
def watched(say: Callable[[str], None]) -> Iterator[None]:
    """Watch the connected Ray for the duration of the block.

    If Ray is permanently gone, the line goes to stderr and the process exits with 1, without unwinding: any call of Ray
    would then end the process without a message, or block.
    """
    over = threading.Event()
    where = places()
    watch = Watch(where, say)

    def run() -> None:
        while not over.wait(_EVERY_S):
            if why := watch.look():
                _end(f"{why}; committed work is kept: run the same command again to resume", ours=where.ours)

    threading.Thread(target=run, name="ray watch", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def end_children() -> None:
    """Kill all descendants of this process: the processes of a local Ray and their children."""
    import psutil

    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            process.kill()


def _end(line: str, *, ours: bool) -> None:
    sys.stderr.write(f"longcap: error: {line}\n")
    if ours:
        end_children()  # else Ray's agents would wait for the head for another minute
    log_exit_code(1)
    sys.stderr.flush()
    os._exit(1)
