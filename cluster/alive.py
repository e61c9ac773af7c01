"""Whether this process's Ray is still there, and an end to the run when it is not.

A driver whose raylet or GCS died waits for up to a minute; then Ray's C++ part ends the process in silence. So a thread
asks both for a connection every second, and ends the process with one line as soon as one of them is gone.
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

from cluster.exit_code import tell

_EVERY_S = 1.0
_ASK_S = 5.0
_HERE_S = 2.0  # for which a process of this machine may refuse connections: nobody starts it again
_HEAD_S = 50.0  # for a cluster's head, which may be restarted: Ray itself ends the process after 60 s
_SAY_S = 10.0  # of the head's silence, before it is said


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the two processes listen that a driver cannot do without.

    Attributes:
        raylet: a Unix socket of this machine; None: not known.
        gcs: host and port; None: not known.
        ours: this process started them.
    """

    raylet: str | None
    gcs: tuple[str, int] | None
    ours: bool


def places() -> Places:
    """Of the Ray that this process is connected to."""
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
    """Asks the processes of `where`, and remembers which is silent since when.

    Args:
        say: for a line about a head that is silent but may come back.
        clock: seconds, monotonic.
    """

    def __init__(self, where: Places, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._where = where
        self._say = say
        self._clock = clock
        self._since: dict[str, float] = {}
        self._said = False

    def look(self) -> str | None:
        """Which process is gone for good, in one line; None: none, as far as is known."""
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
    except OSError:  # busy, or a time-out: a machine under load is no dead one
        return True
    return True


@contextmanager
def watched(say: Callable[[str], None]) -> Iterator[None]:
    """Watch the Ray that this process is connected to, inside the block.

    Where it is gone for good, the line goes to stderr and the process ends with 1. Nothing is unwound: whatever calls
    Ray now ends the process in silence, or waits.
    """
    over = threading.Event()
    where = places()
    watch = Watch(where, say)

    def run() -> None:
        while not over.wait(_EVERY_S):
            if why := watch.look():
                _end(f"{why}; what is committed stays, run the same command again", ours=where.ours)

    threading.Thread(target=run, name="ray watch", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def end_children() -> None:
    """Kill every process below this one: what Ray started here, and what that started."""
    import psutil

    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            process.kill()


def _end(line: str, *, ours: bool) -> None:
    sys.stderr.write(f"longcap: error: {line}\n")
    if ours:
        end_children()  # Ray's agents would look for the head for another minute
    tell(1)
    sys.stderr.flush()
    os._exit(1)
