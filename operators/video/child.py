"""The decoding process: `operators.video.child FD PARENT_PID`, started by `longcap.paths.command`.

It receives jobs from its parent over the socket FD, one at a time: `("package.module:function", keyword arguments)`.
While a job runs, a thread reports its progress every quarter of a second, so that the parent can distinguish a decoder
that hangs from one that waits for storage. The process loads neither Ray nor models, except a shot detector if one is
configured, because it may be killed at any time.

It sends `("beat", steps, waited_s or None, pid of a helper program or None)` to the parent, and finally
`("done", parcel)` or `("failed", ItemError)`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from operators.core.base import ItemError
from operators.video.parcels import pack, send_descriptor
from operators.video.progress import PROGRESS

BEAT_S = 0.25
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main(fd: int, parent_pid: int) -> None:
    """Serve jobs until the parent closes the socket or dies."""
    _die_with(parent_pid)
    _die_first()
    faulthandler.enable()  # a crash in native code leaves its Python stack in the worker's log
    connection = Connection(fd)
    sending = threading.Lock()
    while True:
        try:
            job, arguments = connection.recv()
        except (EOFError, OSError):
            return
        finished = threading.Event()
        beat = threading.Thread(target=_report, args=(connection, sending, finished), daemon=True)
        beat.start()
        answer = _run(job, arguments)
        finished.set()
        beat.join()
        file: int | None = None
        if answer[0] == "done":
            parcel, file = pack(answer[1])
            answer = ("done", parcel)
        try:
            with sending:
                connection.send(answer)
                if file is not None:
                    send_descriptor(connection, file)
        except OSError:
            return


def _run(job: str, arguments: dict[str, Any]) -> tuple[str, Any]:
    module, _, function = job.partition(":")
    try:
        return "done", getattr(importlib.import_module(module), function)(**arguments)
    except ItemError as error:
        return "failed", error
    except MemoryError:
        return "failed", ItemError("out_of_memory", "the decoder ran out of memory")
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return "failed", ItemError("internal", f"{type(error).__name__}: {error} (in {where})")


def _report(connection: Connection[Any, Any], sending: threading.Lock, finished: threading.Event) -> None:
    while not finished.wait(BEAT_S):
        try:
            with sending:
                connection.send(("beat", PROGRESS.steps, PROGRESS.waited_s(), PROGRESS.helper_pid))
        except OSError:
            os._exit(1)  # the parent is gone, and native code may never return


def _die_with(parent_pid: int) -> None:
    """Ask the kernel (Linux) to kill this process with its parent; elsewhere the closed socket ends it."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit(0)  # it died before the request reached the kernel


def _die_first() -> None:
    """Make the kernel kill this process, not its parent, when memory is short, and write no core dump on a crash."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
