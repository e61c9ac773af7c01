"""A Ray that is gone ends the run in seconds, with a line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cluster import alive
from cluster.alive import Places, Watch

_HOME = Path(__file__).parents[2]


class _Ray:
    """Two listening sockets in place of a raylet and a GCS."""

    def __init__(self, folder: Path) -> None:
        self.raylet = socket.socket(socket.AF_UNIX)
        self.raylet.bind(str(folder / "raylet"))
        self.gcs = socket.create_server(("127.0.0.1", 0))
        self.raylet.listen()
        self.port = int(self.gcs.getsockname()[1])
        self.folder = folder

    def places(self, *, ours: bool) -> Places:
        return Places(raylet=str(self.folder / "raylet"), gcs=("127.0.0.1", self.port), ours=ours)


@pytest.fixture
def ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Ray]:
    monkeypatch.chdir(tmp_path)
    found = _Ray(Path())  # paths of sockets are short
    yield found
    found.raylet.close()
    found.gcs.close()


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("ours", "after_s"), [(True, 2.0), (False, 50.0)])
def test_a_head_that_is_silent_is_gone_after_a_while_and_may_come_back_before(
    ray: _Ray, ours: bool, after_s: float
) -> None:
    said: list[str] = []
    clock = _Clock()
    watch = Watch(ray.places(ours=ours), said.append, clock)
    assert watch.look() is None
    ray.gcs.close()
    assert watch.look() is None
    clock.now = after_s - 0.1
    assert watch.look() is None
    assert said == ([] if ours else ["Ray's head (GCS) does not answer; the run ends if that lasts 50 s"])
    back = socket.create_server(("127.0.0.1", ray.port))
    assert watch.look() is None
    back.close()
    clock.now = 100.0
    assert watch.look() is None
    clock.now = 100.0 + after_s
    assert watch.look() == "Ray's head (GCS) has died or cannot be reached"


def test_a_raylet_that_died_is_gone_at_once_on_any_cluster(ray: _Ray) -> None:
    clock = _Clock()
    watch = Watch(ray.places(ours=False), lambda _: None, clock)
    ray.raylet.close()
    assert watch.look() is None
    clock.now = 2.0
    assert watch.look() == "Ray's process on this machine (raylet) has died"


_WATCHING = """
import subprocess, sys, time
from cluster import alive
started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
alive._EVERY_S, alive._HERE_S = 0.02, 0.05
alive.places = lambda: alive.Places(raylet=sys.argv[1], gcs=None, ours=True)
with alive.watched(print):
    print(started.pid, flush=True)
    try:
        time.sleep(30)
    finally:
        time.sleep(30)  # what would be unwound calls Ray, and waits
"""


def test_the_process_ends_with_the_line(ray: _Ray) -> None:
    command = [sys.executable, "-c", _WATCHING, "raylet"]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(_HOME)}
    )
    assert running.stdout is not None
    started = psutil.Process(int(running.stdout.readline()))
    ray.raylet.close()
    _, said = running.communicate(timeout=120)
    assert running.returncode == 1
    assert said == (
        "longcap: error: Ray's process on this machine (raylet) has died; committed work is kept: "
        "run the same command again to resume\n"
    )
    assert psutil.wait_procs([started], timeout=60)[1] == []


def test_the_places_of_a_real_ray_answer(ray_session: None) -> None:
    where = alive.places()
    assert where.ours and where.raylet and where.gcs
    assert Watch(where, lambda _: None).look() is None
    assert not Watch(where, lambda _: None)._since
