"""Jobs that go wrong on purpose, for the tests of the decoding process."""

from __future__ import annotations

import ctypes
import os
import pickle
import subprocess
import sys
import time
from typing import Any

import numpy as np

from operators.core.base import ItemError
from operators.video.progress import PROGRESS


def add(a: int, b: int) -> int:
    return a + b


def pid() -> int:
    return os.getpid()


def refuse() -> None:
    raise ItemError("undecodable", "no such frame")


def bug() -> None:
    raise KeyError("oops")


def hang() -> None:
    time.sleep(600)


def hang_with_the_interpreter_lock_held() -> None:
    ctypes.PyDLL(None).sleep(600)


def crash() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(3)


def eat_memory() -> None:
    eaten = []
    while True:
        eaten.append(bytearray(os.urandom(2**20)) * 16)
        PROGRESS.step()


def burn() -> None:
    while True:
        PROGRESS.step()


def wait_for_storage(seconds: float) -> str:
    with PROGRESS.waiting():
        time.sleep(seconds)
    return "read"


def large(size: int) -> bytes:
    return bytes(size)


def die_once(marker: str) -> str:
    """Crashes the first time, works the second."""
    if not os.path.exists(marker):  # noqa: PTH110
        with open(marker, "w"):  # noqa: PTH123
            pass
        crash()
    return "second time"


def arrays(count: int) -> dict[str, Any]:
    filled = [np.full((1000, 1000), k, np.uint8) for k in range(count)]
    return {"arrays": filled, "bytes": pickle.PickleBuffer(b"jpeg" * 100_000)}


def drip() -> None:
    while True:
        time.sleep(0.05)
        PROGRESS.step()


def start_a_program_and_hang() -> None:
    subprocess.Popen(["sleep", "987.5"])
    hang()


def let_a_program_eat_memory() -> None:
    eater = "import time; x = bytearray(600 * 2**20)\nfor k in range(0, len(x), 4096): x[k] = 1\ntime.sleep(600)"
    program = subprocess.Popen([sys.executable, "-c", eater])
    PROGRESS.helper_pid = program.pid
    while True:
        time.sleep(0.05)
        PROGRESS.step()
