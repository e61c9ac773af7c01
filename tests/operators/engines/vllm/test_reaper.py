"""The reaper kills what was recorded, also where it starts so late that the engine has booted and its actor is dead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from longcap import paths
from operators.engines.vllm.processes import Processes

_ACTOR = (
    "import subprocess, sys, time\n"
    "sleep = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
    "print(*[subprocess.Popen(sleep).pid for _ in range(2)], flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def actor() -> Iterator[psutil.Process]:
    """A process with two children: the first stands for something of its own, the second for its engine."""
    with subprocess.Popen([sys.executable, "-c", _ACTOR], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        children = [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]
        yield psutil.Process(process.pid)
        process.kill()
        for child in children:
            if _runs(child):
                child.kill()


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _reap(actor: psutil.Process, said: str) -> None:
    command = paths.command("operators.engines.vllm.reaper", str(actor.pid))
    subprocess.run(command, input=said.encode(), env=paths.environment(), check=True, timeout=60)


@pytest.mark.parametrize("alive", [True, False], ids=["the actor lives", "the actor is dead"])
def test_an_engine_that_booted_before_the_reaper_read_anything_is_killed(actor: psutil.Process, *, alive: bool) -> None:
    own, engine = actor.children()
    if not alive:
        actor.kill()
        actor.wait()
    _reap(actor, f"boot {own.pid}\nbooted {engine.pid}\n")
    psutil.wait_procs([engine], timeout=10)
    assert (_runs(own), _runs(engine)) == (True, False)


def test_an_engine_that_is_still_booting_is_killed_with_its_actor(actor: psutil.Process) -> None:
    own, engine = actor.children()
    _reap(actor, f"boot {own.pid}\n")
    psutil.wait_procs([engine], timeout=10)
    assert (_runs(own), _runs(engine)) == (True, False)


def test_what_ended_regularly_is_left_alone(actor: psutil.Process) -> None:
    own, engine = actor.children()
    _reap(actor, f"boot {own.pid}\nbooted {engine.pid}\nforget\n")
    assert _runs(own) and _runs(engine)


def test_processes_of_the_actors_other_threads_are_not_the_engines(tmp_path: Path) -> None:
    """A decode child or an ffmpeg that starts while an engine boots: both would be killed with the engine."""
    sleep = "import time; time.sleep(600)"
    script = tmp_path / "sleep.py"
    script.write_text(sleep)
    program = tmp_path / "ffmpeg-linux-v7"
    program.symlink_to(sys.executable)
    commands = {
        "engine": [sys.executable, "-c", sleep],
        "decoder": [sys.executable, "-c", sleep, "operators.video.child", "7"],
        "ffmpeg": [str(program), "-c", sleep],
        "ffmpeg that is still Python": [sys.executable, "-I", "-S", "-c", sleep, "1", str(program), "-i", "a.mp4"],
        "a file of that name": [sys.executable, "-c", sleep, *"123456", "ffmpeg.txt"],
    }
    processes = Processes()
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        with processes.recording():
            for name, command in commands.items():
                started[name] = subprocess.Popen(command, executable=sys.executable)
        processes.kill()
        assert [n for n, p in started.items() if p.poll() is not None] == ["engine", "a file of that name"]
    finally:
        processes.close()
        for process in started.values():
            process.kill()
            process.wait()
