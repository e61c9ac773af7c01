"""A Ray head with a job server, as from `ray start --head`, with its own ports and folder, ended by process id."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.ports import free_ports

_READY_S = 120.0
_OURS = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_maximum_startup_concurrency": "8"}


@dataclass(frozen=True, kw_only=True)
class Head:
    """Addresses of the head.

    Attributes:
        address: job server, http://127.0.0.1:PORT.
        gcs: host:port, for `ray.init`.
        environment: variables that a client process needs.
    """

    address: str
    gcs: str
    environment: dict[str, str]


@contextmanager
def head(*, num_cpus: int = 4) -> Iterator[Head]:
    """Start a head, and end it with all of its processes.

    Jobs find the tests' own `python`, without Longcap's checkout on its path.
    """
    folder = Path(tempfile.mkdtemp(prefix="lh-", dir="/tmp"))  # sockets need short paths
    ports = free_ports(6)
    bin_folder = str(Path(sys.executable).parent)
    environment = {**os.environ, **_OURS, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    for name in [n for n in environment if n.startswith("AWS_") or n in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")]:
        del environment[name]  # a cluster does not have the client's variables
    command = [f"{bin_folder}/ray", "start", "--head", "--block", f"--num-cpus={num_cpus}", f"--temp-dir={folder}/t"]
    command += ["--object-store-memory=400000000", "--include-dashboard=true", "--dashboard-host=127.0.0.1"]
    command += ["--node-ip-address=127.0.0.1", "--disable-usage-stats"]
    for name, port in zip(
        ("", "dashboard-", "ray-client-server-", "dashboard-agent-listen-", "dashboard-agent-grpc-", "metrics-export-"),
        ports,
        strict=True,
    ):
        command.append(f"--{name}port={port}")
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=folder, start_new_session=True
        )
    found = Head(address=f"http://127.0.0.1:{ports[1]}", gcs=f"127.0.0.1:{ports[0]}", environment=_OURS)
    try:
        _wait(found, process, log)
        yield found
    finally:
        _end(process, str(folder))
        shutil.rmtree(folder, ignore_errors=True)


def _wait(found: Head, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until and process.poll() is None:
        if "Ray runtime started" in log.read_text(errors="replace"):
            with suppress(OSError, http.client.HTTPException):
                urllib.request.urlopen(f"{found.address}/api/jobs/", timeout=5)
                return
        time.sleep(0.3)
    raise RuntimeError(f"the head did not get ready: {log.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes], folder: str) -> None:
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=20)
    for other in psutil.process_iter(["cmdline", "environ"]):  # not all drivers and workers are its children
        if any(folder in part for part in other.info["cmdline"] or ()):
            with suppress(psutil.NoSuchProcess):
                other.kill()
    process.kill()
    process.wait()
