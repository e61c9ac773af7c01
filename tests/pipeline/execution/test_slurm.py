"""The Slurm script, run as bash runs it on its first node: two Rays, one run, its exit code, nothing left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

import pipeline as longcap
from pipeline.output.verification import verify
from tests.support import slurm
from tests.support.command import ROOT, wait_until


@contextmanager
def job(folder: Path, source: str, out: str, nodes: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The script as a process, and its log; whatever it leaves behind is killed."""
    slurm.install(folder / "bin")
    short = tempfile.mkdtemp(prefix="ls-", dir="/tmp")  # sockets allow short paths only
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SLURM_JOB_ID": str(uuid.uuid4().int % 20_000),
        "SLURM_JOB_NODELIST": nodes,
        "RAY_TMPDIR": short,
        "CONFIG": "measure",
        "INPUT": source,
        "OUT": out,
    }
    environment.pop("RAY_ADDRESS", None)
    log = folder / "slurm.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            ["bash", shutil.copy(ROOT / "deploy" / "slurm.sh", folder)],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    try:
        yield process, log
    finally:
        for other in _of(short):
            with suppress(psutil.NoSuchProcess):
                other.kill()
        process.kill()
        process.wait()
        shutil.rmtree(short, ignore_errors=True)


def _of(folder: str) -> list[psutil.Process]:
    found = psutil.process_iter(["cmdline"])
    return [p for p in found if any(folder in part for part in p.info["cmdline"] or ())]


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(800)
def test_a_job_runs_is_warned_and_goes_on(clips: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in", str(tmp_path / "out")
    source.mkdir()
    for k in range(4):
        shutil.copy(clips / "two_shots.mp4", source / f"{k}.mp4")
    with job(tmp_path, str(source), out, "one,two") as (process, log):
        wait_until(lambda: longcap_is_at_work(log), "progress", 300)
        # a machine that is too busy to start the second Ray in Ray's 30 s runs the job on the first
        assert "2 of 2 nodes are there" in log.read_text() or "timed out during startup" in log.read_text()
        process.send_signal(signal.SIGTERM)  # as `#SBATCH --signal=B:` sends it: to the script alone
        assert process.wait(timeout=150) == 1, log.read_text()[-3000:]
        assert "finishing work in flight" in log.read_text()
    with job(tmp_path, str(source), out, "one") as (process, log):
        assert process.wait(timeout=400) == 0, log.read_text()[-3000:]
    output = longcap.open(out)
    assert verify(output).findings == []
    assert output.to_arrow().num_rows == 4


def longcap_is_at_work(log: Path) -> bool:
    """Whether the run has begun its work."""
    return "to do: 4 segments of 4 videos" in log.read_text() and "schedule: " in log.read_text()
