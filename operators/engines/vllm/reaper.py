"""A small process that outlives its parent by a moment: `operators.engines.vllm.reaper PARENT_PID`, started by
`longcap.paths.command`.

An actor that is killed (out of memory, a lost node's agent, a person) cannot end its engine, and an engine without its
actor would hold the GPU for good. This process hears of the death when its standard input ends, and ends what is left.
Standard input brings lines: `boot` (children of the parent that appear from now on are the engine's), `booted` (no more
of them), `forget` (they were ended in order).
"""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress

import psutil

_LOOK_S = 0.25
_NAME = "operators.engines.vllm.reaper"


def main(parent_pid: int) -> None:
    """Serve until standard input ends, then kill what is remembered."""
    parent = psutil.Process(parent_pid)
    known: set[int] = set()
    remembered: dict[int, psutil.Process] = {}
    booting = False
    while True:
        ready, _, _ = select.select([sys.stdin.fileno()], [], [], _LOOK_S if booting else None)
        if booting:
            remembered |= {p.pid: p for p in children_of(parent) if p.pid not in known}
        if not ready:
            continue
        said = os.read(sys.stdin.fileno(), 4096).decode()
        if not said:
            break
        for word in said.split():
            if word == "boot":
                known, booting = {p.pid for p in children_of(parent)}, True
            elif word == "booted":
                booting = False
            elif word == "forget":
                remembered.clear()
    for process in remembered.values():
        with suppress(psutil.NoSuchProcess):
            for child in process.children(recursive=True):
                child.kill()
            process.kill()  # psutil looks first whether the process id was given to another


def children_of(process: psutil.Process) -> list[psutil.Process]:
    """All that a process started, and what these started, that may be an engine's.

    Python's resource tracker serves everything in the process and ends with it; this program must live on.
    """
    found = []
    with suppress(psutil.NoSuchProcess):
        for child in process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if not any("resource_tracker" in part or part == _NAME for part in child.cmdline()):
                    found.append(child)
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]))
