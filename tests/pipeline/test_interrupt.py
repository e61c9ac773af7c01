from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from pipeline.interrupt import Interrupt, Interrupted, interruptible


def wait(seconds: float) -> None:
    """Sleep in steps, so that a signal's exception comes out here."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_once_and_lets_go_on(number: signal.Signals) -> None:
    asked: list[str] = []
    interrupt = Interrupt(asked.append, drain_s=30.0)
    with interruptible(interrupt):
        assert not interrupt.requested
        os.kill(os.getpid(), number)
        wait(0.1)
        assert interrupt.requested
    assert asked == [number.name]
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0  # and nothing goes off later


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_it_at_once(second: signal.Signals) -> None:
    asked: list[str] = []
    interrupt = Interrupt(asked.append, drain_s=30.0)
    with pytest.raises(Interrupted), interruptible(interrupt):
        os.kill(os.getpid(), signal.SIGINT)
        wait(0.05)
        os.kill(os.getpid(), second)
        wait(5.0)
    assert asked == ["SIGINT"]


def test_draining_has_an_end() -> None:
    interrupt = Interrupt(lambda name: None, drain_s=0.2)
    began = time.monotonic()
    with pytest.raises(Interrupted), interruptible(interrupt):
        os.kill(os.getpid(), signal.SIGTERM)
        wait(10.0)
    assert 0.15 < time.monotonic() - began < 5.0


def test_no_time_to_drain_is_no_time_not_for_ever() -> None:
    interrupt = Interrupt(lambda name: None, drain_s=0.0)
    with pytest.raises(Interrupted), interruptible(interrupt):
        os.kill(os.getpid(), signal.SIGINT)
        wait(5.0)


def test_handlers_are_put_back() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    with interruptible(Interrupt(lambda name: None, drain_s=30.0)):
        assert signal.getsignal(signal.SIGTERM) != before[1]
        os.kill(os.getpid(), signal.SIGINT)
        wait(0.05)
    assert [signal.getsignal(number) for number in numbers] == before


def test_off_the_main_thread_signals_stay_as_they_are() -> None:
    seen = []

    def work() -> None:
        with interruptible(Interrupt(lambda name: None, drain_s=1.0)):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
