"""Tracking of the processes that an engine starts, so that all end when the engine or its actor ends."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

import psutil

from longcap import paths
from operators.engines.vllm.reaper import children_of, may_belong

_GONE_S = 5.0


class Processes:
    """Child processes that were started while an engine booted, and their descendants."""

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
        """Record the processes started within the block as the engine's, even if the boot fails; see `may_belong`."""
        before = {child.pid for child in children_of(psutil.Process())}
        self._tell("boot", before)
        try:
            yield
        finally:
            self._started += [c for c in children_of(psutil.Process()) if c.pid not in before]
            self._tell("booted", {process.pid for process in self._started})

    def alive(self) -> list[psutil.Process]:
        """The running processes and their descendants. Reused process ids are recognised."""
        found: dict[int, psutil.Process] = {}
        for process in self._started:
            with suppress(psutil.NoSuchProcess):
                # asked again, because a process that was recorded between fork and exec showed the actor's command line
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE and may_belong(process):
                    found[process.pid] = process
                    found.update({c.pid: c for c in process.children(recursive=True)})
        return list(found.values())

    def kill(self) -> None:
        """Kill all processes and wait until they have ended, because the next boot needs their memory."""
        living = self.alive()
        for process in living:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(living, timeout=_GONE_S)
        multiprocessing.active_children()  # reaps those of our own children that have ended
        self._started.clear()
        self._tell("forget")

    def close(self) -> None:
        """Kill all processes and stop the reaper."""
        self.kill()
        if self._reaper.stdin is not None:
            with suppress(OSError):
                self._reaper.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._reaper.wait(_GONE_S)

    def _tell(self, word: str, pids: Collection[int] = ()) -> None:
        if self._reaper.stdin is not None and not self._reaper.stdin.closed:
            with suppress(OSError):  # it was killed; the engine works without it
                self._reaper.stdin.write(f"{' '.join([word, *map(str, pids)])}\n".encode())
                self._reaper.stdin.flush()
