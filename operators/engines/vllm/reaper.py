"""A process that ends an engine whose actor was killed: `operators.engines.vllm.reaper PARENT_PID`, started by
`longcap.paths.command`.

An actor that is killed (out of memory, by the agent of a lost node, by a person) cannot stop its engine, and an engine
without its actor would hold the GPU forever. This process notices the death because its standard input ends, and then
kills the processes that are left. It reads lines from standard input, each a word and process ids: `boot` (children of
the parent other than these belong to the engine), `booted` (no further ones do; these are the engine's), `forget` (they
have ended regularly). The ids are there because on a busy machine the engine may have booted before this process
reads its first line.
"""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from pathlib import Path

import psutil

_LOOK_S = 0.25
_NAME = "operators.engines.vllm.reaper"
_DECODER = "operators.video.child"
_FFMPEG_BY = 7  # its program comes first, or behind `python -I -S -c SCRIPT PID`


def main(parent_pid: int) -> None:
    """Read lines until standard input ends, then kill the recorded processes."""
    try:
        parent = psutil.Process(parent_pid)
    except psutil.NoSuchProcess:  # it died before this process could start
        parent = None
    known: set[int] = set()
    remembered: dict[int, psutil.Process] = {}
    booting, unread = False, b""
    while True:
        ready, _, _ = select.select([sys.stdin.fileno()], [], [], _LOOK_S if booting else None)
        if booting and parent is not None:
            remembered |= {p.pid: p for p in children_of(parent) if p.pid not in known}
        if not ready:
            continue
        said = os.read(sys.stdin.fileno(), 4096)
        if not said:
            break
        *lines, unread = (unread + said).split(b"\n")
        for word, *pids in (line.decode().split() for line in lines):
            if word == "boot":
                known, booting = {int(pid) for pid in pids}, True
            elif word == "booted":
                booting = False
                for pid in map(int, pids):
                    with suppress(psutil.NoSuchProcess):
                        remembered.setdefault(pid, psutil.Process(pid))
            elif word == "forget":
                remembered.clear()
    for process in remembered.values():
        with suppress(psutil.NoSuchProcess):
            for child in process.children(recursive=True):
                child.kill()
            process.kill()  # psutil looks first whether the process id was given to another


def children_of(process: psutil.Process) -> list[psutil.Process]:
    """All descendants of a process that may belong to an engine; see `may_belong`."""
    found = []
    with suppress(psutil.NoSuchProcess):
        for child in process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if may_belong(child):
                    found.append(child)
    return found


def may_belong(process: psutil.Process) -> bool:
    """Whether a descendant of an actor may be a process of its engine.

    Other threads of the actor start processes while an engine boots. Excluded are this program, decode children, ffmpeg
    (`operators.video.ffmpeg_backend.ffmpeg_command`), and Python's resource tracker, which serves the whole process and
    ends with it.

    Raises:
        psutil.NoSuchProcess: it has ended.
    """
    command = process.cmdline()
    if any("resource_tracker" in part or part in (_NAME, _DECODER) for part in command):
        return False
    return not any(Path(part).name.startswith("ffmpeg") for part in command[:_FFMPEG_BY])


if __name__ == "__main__":
    main(int(sys.argv[1]))
