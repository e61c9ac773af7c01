"""Jobs that go wrong on purpose, for the tests of the decoding process."""

from __future__ import annotations

import ctypes
import os
import time

from operators.base import ItemError
from operators.video.progress import PROGRESS


def add(a: int, b: int) -> int:
    return a + b


def pid() -> int:
    return os.getpid()


def refuse() -> None:
    raise ItemError("undecodable", "no such picture")


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
