"""A real job server, real clips, a real S3 server: what was sent runs, ends as it ended, stops, and goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path

import fsspec
import psutil
import pytest
import yaml

import pipeline as longcap
from operators.store.store import Store
from pipeline.output.verification import verify
from pipeline.submission.package import CODE
from tests.support import s3, video
from tests.support.command import ROOT, run, started, wait_until
from tests.support.head import Head

_WAIT_S = 300.0  # a job takes ten seconds on a quiet machine


class Cluster:
    """A head, and a bucket with clips that nothing on the head knows the keys of."""

    def __init__(self, head: Head, server: s3.S3Server, checkout: Path) -> None:
        self.head = head
        self.checkout = checkout
        self.at = ["--address", head.address]
        self.prefix = f"{server.uri}/{uuid.uuid4().hex}"
        self.out = f"{self.prefix}/out"
        self.keys = [part for name in server.environment for part in ("--env", name)]
        self.job = [f"{self.prefix}/in", "-o", self.out, "--set", "run.flush_s=0"]

    def driver(self) -> int | None:
        """Process id of the job's driver on the head."""
        for process in psutil.process_iter(["cmdline"]):
            line = process.info["cmdline"] or []
            with suppress(psutil.NoSuchProcess):
                if line[1:4] == ["-m", "longcap", "run"] and self.out in line:
                    return int(process.pid)
        return None

    def captioned(self) -> int:
        return len(Store(self.out).done_segments()) if Store(self.out).segments.exists() else 0


@pytest.fixture
def cluster(
    ray_head: Head, s3_server: s3.S3Server, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Cluster:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    checkout = tmp_path / "checkout"
    for package in CODE:
        shutil.copytree(ROOT / package, checkout / package, ignore=shutil.ignore_patterns("__pycache__"))
    # a recipe that only this checkout has: a driver that finds it runs the code that was sent
    recipe = {"extends": "measure", "plan": {"segment_s": 10}, "resources": {"decode": {"actors": 1}}}
    (checkout / "configs" / "recipes" / "sent.yaml").write_text(yaml.safe_dump(recipe))
    found = Cluster(ray_head, s3_server, checkout)
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    files.put(str(clips / "two_shots.mp4"), f"{found.prefix}/in/two_shots.mp4")
    files.put(str(clips / "late.mkv"), f"{found.prefix}/in/late.mkv")
    video.render(tmp_path / "long.mp4", count=900, fps=10.0)
    for k in range(3):
        files.put(str(tmp_path / "long.mp4"), f"{found.prefix}/in/long{k}.mp4")
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_job_is_stopped_killed_and_sent_again(cluster: Cluster, tmp_path: Path) -> None:
    log, submit = tmp_path / "log", ["submit", "-c", "sent", *cluster.job, *cluster.at, *cluster.keys, "--follow"]

    # stopped: the driver finishes what is under way, and its own exit code is what following ends with
    with started(*submit, "--name", "one", log=log, cwd=cluster.checkout) as following:
        wait_until(lambda: cluster.captioned() > 0, "a durable segment", _WAIT_S)
        said = tmp_path / "stop"
        assert run("stop", "one", *cluster.at, log=said) == 0, said.read_text()
        assert following.wait(timeout=_WAIT_S) == 1, log.read_text()[-3000:]
    assert "one: stopped; the driver ended by itself with exit code 1" in said.read_text()
    assert "finishing work in flight" in log.read_text()
    assert cluster.driver() is None
    before = cluster.captioned()
    total = longcap.open(cluster.out).runs()[-1]["segments_planned"]
    assert 0 < before < total

    # the driver dies by a signal: the code is a shell's for it
    with started(*submit, "--name", "two", log=log, cwd=cluster.checkout) as following:
        wait_until(lambda: cluster.captioned() > before, "a further segment", _WAIT_S)
        driver = cluster.driver()
        assert driver is not None
        assert Path(f"/proc/{driver}/cwd").resolve() != ROOT
        psutil.Process(driver).kill()
        assert following.wait(timeout=_WAIT_S) == 137, log.read_text()[-3000:]
    assert "two: failed: SIGKILL ended the driver" in log.read_text()
    assert cluster.captioned() < total

    # sent again: the rest
    assert run(*submit, "--name", "three", log=log, cwd=cluster.checkout, timeout_s=_WAIT_S) == 0, log.read_text()
    output = longcap.open(cluster.out)
    assert [str(f) for f in verify(output).findings] == []
    assert output.to_arrow().num_rows == 5
    done_here = [r["segments_captioned"] for r in output.runs()]
    assert done_here[-1] < total

    listed = subprocess.run(
        [sys.executable, "-m", "pipeline", "jobs", *cluster.at, "--json"], cwd=ROOT, capture_output=True, check=True
    )
    jobs = {job["id"]: (job["status"], job["exit_code"]) for job in json.loads(listed.stdout)}
    assert (jobs["one"], jobs["two"], jobs["three"]) == (("STOPPED", None), ("FAILED", -9), ("SUCCEEDED", 0))
    assert s3.SECRET.encode() not in listed.stdout and s3.SECRET not in log.read_text()
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    assert not [f for f in files.find(cluster.out) if s3.SECRET.encode() in files.cat_file(f)]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_plain_ray_job_submit_does_the_same_and_failures_have_their_code(cluster: Cluster, tmp_path: Path) -> None:
    variables = {name: os.environ[name] for name in cluster.keys[1::2]} | {"RAY_JOB_STOP_WAIT_TIME_S": "45"}
    command = [str(Path(sys.executable).parent / "ray"), "job", "submit", *cluster.at, "--working-dir", "."]
    command += ["--runtime-env-json", json.dumps({"env_vars": variables}), "--", "longcap", "run", "-c", "measure"]
    done = subprocess.run(
        [*command, *cluster.job, "--limit", "2"],
        cwd=ROOT,
        env={**os.environ, **cluster.head.environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=_WAIT_S,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    output = longcap.open(cluster.out)
    assert [str(f) for f in verify(output).findings] == []
    assert output.to_arrow().num_rows == 2

    log = tmp_path / "log"
    # what failed is tried again there, by the command that says so
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    with files.open(f"{cluster.prefix}/in/mended.mp4", "wb") as broken:
        broken.write(b"this is no video")
    some = [f"{cluster.prefix}/in/mended.mp4", "-o", cluster.out, *cluster.at, *cluster.keys, "--follow"]
    assert run("submit", *some, log=log) == 1, log.read_text()[-2000:]
    files.put(str(tmp_path / "long.mp4"), f"{cluster.prefix}/in/mended.mp4")
    again = ["submit", "--retry", cluster.out, "--only", longcap.open(cluster.out).failures()[0]["video_id"]]
    assert run(*again, *cluster.at, *cluster.keys, "--follow", log=log) == 0, log.read_text()[-2000:]
    assert longcap.open(cluster.out).failures() == []
    assert longcap.open(cluster.out).to_arrow().num_rows == 3

    gone = ["submit", f"{cluster.prefix}/gone", "-o", cluster.out, *cluster.at, *cluster.keys, "--follow"]
    assert run(*gone, log=log) == 2, log.read_text()[-2000:]
    assert f"longcap: error: there is no {cluster.prefix}/gone" in log.read_text()
    assert log.read_text().splitlines()[-1].endswith("failed: the driver ended with exit code 2")
