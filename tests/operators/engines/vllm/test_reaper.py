"""The reaper kills what was recorded, also where it starts so late that the engine has booted and its actor is dead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from longcap import paths

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
