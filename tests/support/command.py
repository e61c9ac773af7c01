"""`longcap` as a user starts it: a process of its own, with a Ray of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


@contextmanager
def started(*arguments: str, log: Path, cwd: Path = ROOT) -> Iterator[subprocess.Popen[bytes]]:
    """A running command; it is killed at the end of the block if it is still there."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def run(*arguments: str, log: Path, timeout_s: float = 400.0, cwd: Path = ROOT) -> int:
    """Run a command to its end and return its exit code."""
    with started(*arguments, log=log, cwd=cwd) as process:
        return process.wait(timeout=timeout_s)


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 240.0) -> None:
    """Poll until `condition` holds; an `AssertionError` naming `what` when it does not in time."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"in {timeout_s:g} s not seen: {what}"
        time.sleep(0.05)


def decode_children() -> set[int]:
    """Process ids of all decode children on this machine."""
    found = set()
    for process in psutil.process_iter(["cmdline"]):
        if "operators.video.child" in (process.info["cmdline"] or ()):
            found.add(process.pid)
    return found
