"""Engines that do not boot."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

import pipeline as longcap
from pipeline.errors import RunFailed
from tests.support import video

pytestmark = pytest.mark.usefixtures("ray_session")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("two")
    for k in range(2):
        video.render(folder / f"{k}.mp4", count=200, fps=10.0)
    return str(folder)


def flaky(counter: Path, failing: int, *overrides: str) -> longcap.Config:
    counter.mkdir()
    engine = f'{{kind: "tests.support.engines:Flaky", failing: {failing}, counter: "{counter}"}}'
    return longcap.load_config(None, ["plan.segment_s=10", f"caption.engine={engine}", *overrides])


def test_a_boot_that_fails_is_tried_again_and_the_job_goes_on(two: str, tmp_path: Path) -> None:
    result = longcap.run(two, str(tmp_path / "out"), flaky(tmp_path / "boots", 1), quiet=True)
    assert result.ok and result.report.videos_told == 2
    assert len(list((tmp_path / "boots").iterdir())) >= 2


def test_where_no_engine_boots_the_job_stops_within_a_minute_with_the_reason(two: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(RunFailed, match=r"no room on the device, boot \d+"):
        longcap.run(two, str(tmp_path / "out"), flaky(tmp_path / "boots", 10**6), quiet=True)
    assert time.monotonic() - began < 60
    assert len(list((tmp_path / "boots").iterdir())) == 3  # run.boot_tries


def test_the_job_goes_on_with_the_engines_that_came_up(
    two: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One of two captioners boots, the other never does."""
    counter = tmp_path / "boots"
    counter.mkdir()
    slow = '[{"kind": "window", "do": "sleep", "sleep_s": 1.5}]'
    engine = f"{{kind: 'tests.support.engines:OneUp', counter: '{counter}', script: '{slow}'}}"
    config = longcap.load_config(
        None,
        ["plan.segment_s=10", f"caption.engine={engine}", "resources.caption.actors=2", "resources.decode.actors=1"],
    )
    result = longcap.run(two, str(tmp_path / "out"), config)
    assert result.ok and result.report.videos_told == 2
    said = capfd.readouterr().err
    assert "engines do not boot everywhere (caption: 1 came up, 6 boots failed); planning anew what is left" in said
    assert re.search(r"caption +1 ", said)  # the table of the second graph
