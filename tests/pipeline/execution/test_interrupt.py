from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.cli.main import main
from pipeline.execution.interrupt import Interrupt, Interrupted, interruptible
from tests.support import video
from tests.support.command import ROOT, started, wait_until


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


@pytest.fixture
def rung() -> Iterator[threading.Event]:
    """Set when the process's own timer goes off; pytest-timeout's is put back behind the test."""
    event = threading.Event()
    handler = signal.signal(signal.SIGALRM, lambda *_: event.set())
    timer = signal.setitimer(signal.ITIMER_REAL, 0.0)
    yield event
    signal.setitimer(signal.ITIMER_REAL, *timer)
    signal.signal(signal.SIGALRM, handler)


@pytest.mark.parametrize("number", [None, signal.SIGINT])
def test_a_timer_of_the_process_goes_on_behind_a_run(rung: threading.Event, number: signal.Signals | None) -> None:
    """As of pytest-timeout and of scripts: untouched without a signal, and with one it goes on with what is left."""
    signal.setitimer(signal.ITIMER_REAL, 500.0, 7.0)
    with interruptible(Interrupt(lambda name: None, drain_s=900.0)):
        if number is None:
            assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 500.0
        else:
            os.kill(os.getpid(), number)
            assert signal.getitimer(signal.ITIMER_REAL)[0] > 500.0
    left_s, every_s = signal.getitimer(signal.ITIMER_REAL)
    assert 0 < left_s <= 500.0 and every_s == 7.0
    assert not rung.is_set()


def test_a_timer_that_was_due_meanwhile_goes_off_afterwards(rung: threading.Event) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    with interruptible(Interrupt(lambda name: None, drain_s=900.0)):
        os.kill(os.getpid(), signal.SIGINT)
        wait(0.3)
        assert not rung.is_set()
    assert rung.wait(60.0)


def test_no_timer_is_left(rung: threading.Event) -> None:
    with interruptible(Interrupt(lambda name: None, drain_s=0.3)):
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert not rung.is_set()


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_it_at_once(second: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.execution.interrupt.REPEAT_S", 0.0)
    asked: list[str] = []
    interrupt = Interrupt(asked.append, drain_s=30.0)
    with pytest.raises(Interrupted), interruptible(interrupt):
        os.kill(os.getpid(), signal.SIGINT)
        wait(0.05)
        os.kill(os.getpid(), second)
        wait(5.0)
    assert asked == ["SIGINT"]


def test_one_signal_that_is_delivered_twice_is_one() -> None:
    """As by `timeout`, which signals its child and then the group."""
    asked: list[str] = []
    interrupt = Interrupt(asked.append, drain_s=30.0)
    with interruptible(interrupt):
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
    assert asked == ["SIGINT"] and not interrupt.over


def test_draining_has_an_end() -> None:
    interrupt = Interrupt(lambda name: None, drain_s=0.2)
    began = time.monotonic()
    with pytest.raises(Interrupted), interruptible(interrupt):
        os.kill(os.getpid(), signal.SIGTERM)
        wait(10.0)
    assert 0.15 < time.monotonic() - began < 5.0
    assert interrupt.over


SCRIPT = """
import signal, subprocess, sys, time
from pathlib import Path
from pipeline.execution import interrupt as module
from pipeline.execution.interrupt import Interrupt, interruptible, own_process
module.REPEAT_S = 0
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
own_process()
interrupt = Interrupt(lambda name: print(name, child.pid, flush=True), 60.0, lambda: Path(sys.argv[1]).touch())
with interruptible(interrupt):
    print("ready", flush=True)
    time.sleep(600)
"""


def test_a_second_signal_ends_the_command_lines_process_and_all_below_it_with_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "let go")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        name, child = process.stdout.readline().split()
        assert name == "SIGINT" and psutil.pid_exists(int(child))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 130
        said = process.stderr.read().splitlines()
    assert len(said) == 1 and said[0].endswith(
        "SIGTERM: stopped immediately. Committed rows are kept; the same command resumes from there."
    )
    assert (tmp_path / "let go").exists()
    wait_until(lambda: not psutil.pid_exists(int(child)), "the end of the child")


AT_ONCE = """
from pipeline.cli.main import entry
from pipeline.execution import interrupt
interrupt.REPEAT_S = 0
entry()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("local_s", "started_line"),
    [pytest.param(0, "available ", marks=pytest.mark.ray, id="on Ray"), pytest.param(600, "without Ray", id="here")],
)
def test_status_tells_of_a_run_at_work_that_two_signals_end(
    local_s: int, started_line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video.render(tmp_path / "long.mp4", count=3000, fps=10.0)
    log, out, held = tmp_path / "log", str(tmp_path / "out"), tmp_path / "held"
    held.mkdir()
    engine = f"{{kind: 'tests.support.engines:Held', folder: '{held}'}}"  # the work in flight does not end by itself
    with started(
        *("run", str(tmp_path / "long.mp4"), "-o", out, "--set", f"caption.engine={engine}"),
        *("--set", "plan.segment_s=10", "--set", f"run.local_s={local_s}", "--set", "run.drain_s=600"),
        log=log,
        program=("-c", AT_ONCE),
    ) as run:
        wait_until(lambda: (held / "asked").exists() or run.poll() is not None, "a request")
        assert run.poll() is None and started_line in log.read_text(), log.read_text()
        assert main(["status", out]) == 0
        first = capsys.readouterr().out.splitlines()[0]
        assert f"(process {run.pid}), which began " in first and first.endswith(", is at work")
        below = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        wait_until(lambda: "finishing work in flight" in log.read_text(), "the first signal's line")
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=120) == 130, log.read_text()
    said = log.read_text()
    assert said.splitlines()[-1].endswith(
        "SIGINT: stopped immediately. Committed rows are kept; the same command resumes from there."
    )
    assert "Traceback" not in said and "raylet" not in said
    wait_until(lambda: not [p for p in below if p.is_running() and p.status() != psutil.STATUS_ZOMBIE], "their end")
    assert main(["status", out]) == 0
    assert "ended without a report: run the same command again" in capsys.readouterr().out.splitlines()[-1]


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
