"""A driver that is killed, interrupted and started again: nothing is lost, nothing is twice."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
import ray

import pipeline as longcap
from operators.store.store import Store
from pipeline.cli.main import main
from pipeline.output.verification import verify
from tests.support import s3
from tests.support.command import decode_children, run, started, wait_until

SETTINGS = [
    *("--set", "plan.segment_s=10", "--set", "run.log_every_s=2", "--max-failed", "0.5"),
    *("--set", "resources.decode.actors=1", "--set", "resources.decode.num_cpus=0.5"),
]


@pytest.fixture(scope="module")
def shared(ray_session: None) -> list[str]:
    """A run on the session's Ray; without it a command starts a Ray of its own."""
    return ["--address", ray.get_runtime_context().gcs_address]


@pytest.fixture(scope="module")
def many(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips, and enough copies of one that a run takes long enough to be hit."""
    folder = tmp_path_factory.mktemp("many")
    for clip in clips.iterdir():
        shutil.copy(clip, folder / clip.name)
    for k in range(8):
        shutil.copy(clips / "two_shots.mp4", folder / f"copy{k}.mp4")
    return folder


@pytest.fixture(scope="module")
def undisturbed(many: Path, ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    config = longcap.load_config(None, ["plan.segment_s=10", "run.max_failed=0.5", "resources.decode.actors=1"])
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    return _hashes(longcap.run(str(many), str(out), config, quiet=True).store)


def _hashes(store: Store) -> dict[str, str]:
    """Content hash of every row of the two tables that count; fails where a key stands twice."""
    rows = [(r["video_id"], r["content_hash"]) for r in store.dataset.read(["video_id", "content_hash"]).to_pylist()]
    for r in store.segments.read(["key", "segment_index", "content_hash"]).to_pylist():
        rows.append((f"{r['key']}/{r['segment_index']}", r["content_hash"]))
    twice = [key for key, n in Counter(key for key, _ in rows).items() if n > 1]
    assert not twice, f"in the store twice: {twice}"
    return dict(rows)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_a_driver_killed_three_times_leaves_the_same_rows(
    many: Path, undisturbed: dict[str, str], shared: list[str], tmp_path: Path, seed: int
) -> None:
    """Once with the Ray that it has started, twice on one that lives on."""
    out, log, chance = tmp_path / "out", tmp_path / "log", random.Random(seed)
    store = Store(str(out))
    before = decode_children()
    moments = [
        ((out / "videos" / "_delta_log").exists, shared),
        (lambda: store.segments.read(["key"]).num_rows > 0, []),
        (lambda: store.dataset.read(["key"]).num_rows > 0, shared),
    ]
    for moment, where in moments:
        with started("run", str(many), "-o", str(out), *SETTINGS, *where, log=log) as driver:
            wait_until(lambda m=moment, d=driver: m() or d.poll() is not None, "the moment to kill")
            time.sleep(chance.uniform(0.0, 2.0))
            driver.kill()
    assert run("run", str(many), "-o", str(out), *SETTINGS, *shared, log=log) == 0, log.read_text()[-2000:]
    assert _hashes(store) == undisturbed
    wait_until(lambda: decode_children() <= before, "the end of every decode child")


@pytest.mark.slow
def test_an_interrupted_run_drains_and_goes_on(
    many: Path, undisturbed: dict[str, str], shared: list[str], tmp_path: Path
) -> None:
    """Once on a Ray that it has started, once on one that lives on."""
    out, done = tmp_path / "out", 0
    store = Store(str(out))
    for number, where in ((signal.SIGINT, []), (signal.SIGTERM, shared)):
        log = tmp_path / number.name
        with started("run", str(many), "-o", str(out), *SETTINGS, *where, log=log) as driver:
            wait_until(
                lambda d=driver, n=done: store.segments.read(["key"]).num_rows > n or d.poll() is not None, "a segment"
            )
            driver.send_signal(number)
            # it ends by itself: `run.drain_s` and a killed Ray are the last resort
            assert driver.wait(timeout=120) == 1
        told = log.read_text()
        assert f"{number.name}: finishing work in flight" in told and "the same command resumes" in told
        assert "Traceback" not in told
        done = store.segments.read(["key"]).num_rows
    log = tmp_path / "log"
    assert run("run", str(many), "-o", str(out), *SETTINGS, *shared, log=log) == 0, log.read_text()[-2000:]
    report = longcap.open(str(out)).runs()[-1]
    assert report["segments_done_before"] == done
    assert _hashes(store) == undisturbed


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_of_two_drivers_that_start_at_once_one_works_and_one_says_why_not(
    clips: Path, shared: list[str], tmp_path: Path
) -> None:
    out, logs = tmp_path / "out", [tmp_path / "one", tmp_path / "two"]
    arguments = ["run", str(clips), "-o", str(out), *SETTINGS, *shared]
    with started(*arguments, log=logs[0]) as one, started(*arguments, log=logs[1]) as two:
        codes = [one.wait(timeout=280), two.wait(timeout=280)]
    assert sorted(codes) == [0, 1], [log.read_text()[-2000:] for log in logs]
    told = logs[codes.index(1)].read_text()
    assert "the same command again" in told and ("at the same moment" in told or "is at work" in told)
    assert "Traceback" not in told
    assert verify(longcap.open(str(out))).findings == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_n_jobs_share_one_output(clips: Path, done: longcap.Result, shared: list[str], tmp_path: Path) -> None:
    """Two shards at once, then a plain run that finds nothing left: the rows of one run over all."""
    out = tmp_path / "out"
    logs = [tmp_path / "one", tmp_path / "two"]
    # jobs on one Ray are told their part of it: two that each take all may hold what the other waits for
    arguments = ["run", str(clips), "-o", str(out), *SETTINGS, *shared]
    with (
        started(*arguments, "--shard", "1/2", "--max-failed", "1", log=logs[0]) as one,
        started(*arguments, "--shard", "2/2", "--max-failed", "1", log=logs[1]) as two,
    ):
        codes = [one.wait(timeout=280), two.wait(timeout=280)]
    assert codes == [0, 0], [log.read_text()[-2000:] for log in logs]
    assert verify(longcap.open(str(out))).findings == []
    assert _hashes(Store(str(out))) == _hashes(done.store)
    again = longcap.run(str(clips), str(out), longcap.load_config(None, ["plan.segment_s=10"]), quiet=True)
    assert again.report.segments_captioned == 0 and again.report.videos_narrated == 5
    assert _hashes(again.store) == _hashes(done.store)


def test_a_full_disk_is_a_clean_stop(
    clips: Path, ray_session: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only who may mount can make a small disk")
    try:
        (small / "ballast").write_bytes(bytes(180_000))
        assert main(["run", str(clips / "short.mp4"), "-o", str(small / "out")]) in (1, 2)
        told = capsys.readouterr().err
        assert "the disk is full" in told.splitlines()[-1] and "Traceback" not in told
        (small / "ballast").unlink()
        subprocess.run(["mount", "-o", "remount,size=50m", str(small)], check=True)
        assert main(["run", str(clips / "short.mp4"), "-o", str(small / "out")]) == 0
        assert verify(longcap.open(str(small / "out"))).findings == []
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
        assert main(["run", str(clips / "short.mp4"), "-o", str(small / "out")]) == 2
        assert "Read-only file system" in capsys.readouterr().err
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_keys_that_are_refused_are_said_in_one_line(
    clips: Path, s3_server: s3.S3Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "expired")
    assert main(["run", str(clips / "short.mp4"), "-o", f"{s3_server.uri}/refused"]) == 2
    told = capsys.readouterr().err
    assert (
        f"longcap: error: cannot write to {s3_server.uri}/refused: the store does not accept " in told.splitlines()[-1]
    )
    assert s3.SECRET not in told and "Traceback" not in told
