"""The processes that an engine started, remembered so that none is left when it is closed, dies, or loses its actor."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from longcap import paths
from operators.engines.vllm.reaper import children_of

_GONE_S = 5.0


class Processes:
    """Children that appeared while an engine booted, and their children."""

    def __init__(self) -> None:
        self._started: list[psutil.Process] = []
        self._reaper = subprocess.Popen(
            paths.command("operators.engines.vllm.reaper", str(os.getpid())),
            stdin=subprocess.PIPE,
            env=paths.environment(),
            start_new_session=True,  # what is sent to the actor's group must not reach it
        )

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Whatever this process starts inside belongs to the engine, also where the boot fails."""
        before = {child.pid for child in children_of(psutil.Process())}
        self._tell("boot")
        try:
            yield
        finally:
            self._started += [c for c in children_of(psutil.Process()) if c.pid not in before]
            self._tell("booted")

    def alive(self) -> list[psutil.Process]:
        """Those that run, and what they started in turn; a process id that was given away is not taken for one."""
        found: dict[int, psutil.Process] = {}
        for process in self._started:
            with suppress(psutil.NoSuchProcess):
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    found[process.pid] = process
                    found.update({c.pid: c for c in process.children(recursive=True)})
        return list(found.values())

    def kill(self) -> None:
        """End them all, and wait until they are gone: the memory that they hold is needed for the next."""
        living = self.alive()
        for process in living:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(living, timeout=_GONE_S)
        multiprocessing.active_children()  # reaps those of our own children that have ended
        self._started.clear()
        self._tell("forget")

    def close(self) -> None:
        """Kill them, and let the reaper go."""
        self.kill()
        if self._reaper.stdin is not None:
            with suppress(OSError):
                self._reaper.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._reaper.wait(_GONE_S)

    def _tell(self, word: str) -> None:
        if self._reaper.stdin is not None and not self._reaper.stdin.closed:
            with suppress(OSError):  # it was killed; the engine works without it
                self._reaper.stdin.write(f"{word}\n".encode())
                self._reaper.stdin.flush()
