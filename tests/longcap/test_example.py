"""examples/longcap-example: a distribution of its own, installed, runs end to end with no line changed in Longcap."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import video
from tests.support.command import ROOT

EXAMPLE = ROOT / "examples" / "longcap-example"
RECIPE = EXAMPLE / "longcap_example" / "recipe.yaml"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what pip makes of the example."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(target), str(EXAMPLE)], check=True, capture_output=True)
    return target


def called(installed: Path, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(installed), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    return subprocess.run(
        [sys.executable, *arguments], check=False, capture_output=True, text=True, cwd=cwd, env=environment
    )


def test_its_own_tests_pass(installed: Path) -> None:
    ran = called(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests"), "-c", os.devnull)
    assert ran.returncode == 0, ran.stdout[-2000:]


def run_of(folder: Path, local_s: int) -> list[str]:
    """The command that runs the example's recipe over a video of two segments."""
    video.render(folder / "in.mp4", count=250, fps=10.0)
    settings = ["--set", "plan.segment_s=10", "--set", f"run.local_s={local_s}"]
    return [
        *("-m", "longcap", "run", str(folder / "in.mp4"), "-o", str(folder / "out"), "-c", str(RECIPE)),
        *settings,
    ]


def check_rows(installed: Path, out: str) -> str:
    """Verify an output of the recipe in a process that knows the example; its headline."""
    verified = called(installed, "-m", "longcap", "verify", out)
    assert verified.returncode == 0, verified.stdout
    look = "import longcap, sys; o = longcap.open(sys.argv[1]); "
    look += "print(o.table('headlines')['headline'].to_pylist(), o.table('sharpness').num_rows)"
    printed = called(installed, "-c", look, out).stdout
    (headlines, count) = printed.rsplit(" ", 1)
    assert len(headlines.split()) == 5 and headlines == headlines.upper() and int(count) == 2, printed
    return headlines


def test_it_runs_resumes_verifies_and_exports(installed: Path, tmp_path: Path) -> None:
    out, run = str(tmp_path / "out"), run_of(tmp_path, local_s=600)
    first = called(installed, *run)
    assert first.returncode == 0, first.stderr[-2000:]
    assert "one pass for 2 tables" in first.stderr and "table headlines: 1 rows to make" in first.stderr
    headlines = check_rows(installed, out)
    exported = called(installed, "-m", "longcap", "export", out, "--to", "titles", "-o", str(tmp_path / "titles"))
    assert exported.returncode == 0, exported.stderr[-2000:]
    (line,) = (tmp_path / "titles" / "train-00000.tsv").read_text().splitlines()
    assert line.split("\t")[1] in headlines
    again = called(installed, *run)
    assert again.returncode == 0 and "table headlines" not in again.stderr
    changed = called(installed, *run, "--set", "engines.voice.words=2")
    assert changed.returncode == 0 and "one pass" not in changed.stderr, changed.stderr[-2000:]
    assert "table headlines: 1 rows to make" in changed.stderr


@pytest.mark.ray
def test_workers_of_a_ray_know_it(installed: Path, tmp_path: Path) -> None:
    first = called(installed, *run_of(tmp_path, local_s=0))
    assert first.returncode == 0, first.stderr[-2000:]
    assert "one pass for 2 tables" in first.stderr and "table headlines: 1 rows to make" in first.stderr
    check_rows(installed, str(tmp_path / "out"))
