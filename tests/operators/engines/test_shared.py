from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from operators.caption.caption import Caption
from operators.coreference.names import Names
from operators.engines.base import RunningEngine
from operators.engines.shared import shared
from operators.narrate.narrate import Narrate
from tests.support.engines import Scripted

WAIT_S = 120.0
BOOTED: Counter[str] = Counter()
CLOSED: Counter[str] = Counter()
BROKEN: set[str] = set()


@dataclass(frozen=True, kw_only=True)
class Booting(Scripted):
    """Counts how often it is booted and closed."""

    label: str = ""

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        BOOTED[self.label] += 1
        if self.label in BROKEN:
            raise RuntimeError("no memory for the model")
        with Scripted.open(self) as running:
            try:
                yield running
            finally:
                CLOSED[self.label] += 1


def test_equal_specs_are_one_engine_from_the_first_to_the_last() -> None:
    with shared(Booting(label="one")) as first:
        with shared(Booting(label="one")) as second:
            assert first is second
        assert (BOOTED["one"], CLOSED["one"]) == (1, 0)
    assert (BOOTED["one"], CLOSED["one"]) == (1, 1)
    with shared(Booting(label="one")) as third:
        assert third is not first
    assert (BOOTED["one"], CLOSED["one"]) == (2, 2)


def test_who_came_first_may_leave_first() -> None:
    one, two = shared(Booting(label="leave")), shared(Booting(label="leave"))
    one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)
    assert CLOSED["leave"] == 0
    two.__exit__(None, None, None)
    assert (BOOTED["leave"], CLOSED["leave"]) == (1, 1)


@dataclass(frozen=True, kw_only=True)
class Other(Booting):
    """Equal fields, another engine."""


@pytest.mark.parametrize(
    "other", [Booting(label="b"), Booting(label="a", script='[{"do": "empty"}]'), Other(label="a")]
)
def test_different_specs_are_different_engines(other: Booting) -> None:
    with shared(Booting(label="a")) as first, shared(other) as second:
        assert first is not second


def test_many_threads_boot_it_once() -> None:
    together = threading.Barrier(8)

    def use(_: int) -> int:
        together.wait(WAIT_S)
        with shared(Booting(label="threads")) as engine:
            together.wait(WAIT_S)  # all are in
            return id(engine)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(use, range(8)))) == 1
    assert (BOOTED["threads"], CLOSED["threads"]) == (1, 1)


def test_a_failed_boot_is_not_remembered() -> None:
    BROKEN.add("broken")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no memory for the model"), shared(Booting(label="broken")):
            raise AssertionError("it did not boot")
    BROKEN.discard("broken")
    with shared(Booting(label="broken")) as engine:
        assert isinstance(engine, RunningEngine)
    assert (BOOTED["broken"], CLOSED["broken"]) == (3, 1)


def test_an_error_of_one_user_closes_nothing_for_the_others() -> None:
    with shared(Booting(label="error")):
        with pytest.raises(ValueError, match="mine"), shared(Booting(label="error")):
            raise ValueError("mine")
        assert CLOSED["error"] == 0
    assert (BOOTED["error"], CLOSED["error"]) == (1, 1)


def test_operators_of_one_actor_share_an_engine() -> None:
    engine = Booting(label="operators")
    with Caption(engine=engine).open(), Names(engine=engine).open(), Narrate(engine=Booting(label="operators")).open():
        assert (BOOTED["operators"], CLOSED["operators"]) == (1, 0)
    assert CLOSED["operators"] == 1
