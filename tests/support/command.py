"""Run `longcap` as a user does: in a separate process, with its own Ray."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


@contextmanager
def started(
    *arguments: str, log: Path, cwd: Path = ROOT, program: Sequence[str] = ("-m", "pipeline")
) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a running command, which is killed at the end of the block if it is still running.

    Args:
        program: arguments of Python in front of those of the command.
    """
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, *program, *arguments],
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


_FORKER = """
import json, os, sys
import pandas, pipeline.cli.run, pipeline.execution.in_process
from pipeline.cli.main import main
for line in sys.stdin:
    log, arguments = json.loads(line)
    child = os.fork()
    if not child:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os._exit(main(arguments))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def forker() -> Iterator[Callable[..., int]]:
    """Yield a `run` for many commands without Ray: each is forked from one process that has imported everything."""
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    command, pipe = [sys.executable, "-c", _FORKER], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environment) as process:

        def forked(*arguments: str, log: Path) -> int:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps([str(log), arguments]) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield forked  # at the end of the block its stdin is closed, which ends the process


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 240.0) -> None:
    """Poll until `condition` is true; raise `AssertionError` with `what` if it is not true in time."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"in {timeout_s:g} s not seen: {what}"
        time.sleep(0.05)


def decode_children() -> set[int]:
    """Return the process ids of all decode children on this machine."""
    found = set()
    for process in psutil.process_iter(["cmdline"]):
        if "operators.video.child" in (process.info["cmdline"] or ()):
            found.add(process.pid)
    return found
