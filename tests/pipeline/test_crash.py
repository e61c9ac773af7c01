"""A driver that is killed, interrupted and started again: nothing is lost, nothing is twice."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

import pipeline as longcap
from operators.store.store import Store
from tests.support.command import decode_children, run, started, wait_until

SETTINGS = ["--set", "plan.segment_s=10", "--set", "run.log_every_s=2", "--max-failed", "0.5"]


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
    config = longcap.load_config(None, ["plan.segment_s=10", "run.max_failed=0.5"])
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
    many: Path, undisturbed: dict[str, str], tmp_path: Path, seed: int
) -> None:
    out, log, chance = tmp_path / "out", tmp_path / "log", random.Random(seed)
    store = Store(str(out))
    before = decode_children()
    moments = [
        (out / "videos" / "_delta_log").exists,
        lambda: store.segments.read(["key"]).num_rows > 0,
        lambda: store.dataset.read(["key"]).num_rows > 0,
    ]
    for moment in moments:
        with started("run", str(many), "-o", str(out), *SETTINGS, log=log) as driver:
            wait_until(lambda m=moment, d=driver: m() or d.poll() is not None, "the moment to kill")
            time.sleep(chance.uniform(0.0, 2.0))
            driver.kill()
    assert run("run", str(many), "-o", str(out), *SETTINGS, log=log) == 0, log.read_text()[-2000:]
    assert _hashes(store) == undisturbed
    wait_until(lambda: decode_children() <= before, "the end of every decode child", timeout_s=60)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_drains_and_goes_on(
    many: Path, undisturbed: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    store = Store(str(out))
    with started("run", str(many), "-o", str(out), *SETTINGS, log=log) as driver:
        wait_until(lambda: store.segments.read(["key"]).num_rows > 0 or driver.poll() is not None, "a first segment")
        driver.send_signal(number)
        began = time.monotonic()
        assert driver.wait(timeout=40) == 1
        assert time.monotonic() - began < 30
    told = log.read_text()
    assert f"{number.name}: finishing what is under way" in told and "the same command goes on" in told
    assert "Traceback" not in told
    done = store.segments.read(["key"]).num_rows
    assert run("run", str(many), "-o", str(out), *SETTINGS, log=log) == 0, log.read_text()[-2000:]
    report = longcap.open(str(out)).runs()[-1]
    assert report["segments_done_before"] == done
    assert _hashes(store) == undisturbed
