from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import bench.engine
from bench.gpu_summary import busy_share, captioning
from bench.throughput import Work
from tests.docs.test_commands import parse
from tests.support.command import ROOT

STEPS = ["machine", "venv", "install", "stories", "decode", "throughput", "caches", "phased", "streaming", "shared"]


def gpu(*options: str) -> subprocess.CompletedProcess[str]:
    bare = {**os.environ, "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        ["bash", "bench/gpu.sh", *options], cwd=ROOT, env=bare, capture_output=True, text=True, check=False
    )


def test_a_dry_run_prints_every_command_and_runs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = gpu("--dry-run", "--out", str(tmp_path / "figures"))
    assert (done.returncode, done.stderr, list(tmp_path.iterdir())) == (0, "", [])
    steps = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert list(steps) == [*STEPS, "summary"]
    asked: list[Work] = []

    def compare(work: Work, rounds: int, rivals: list[str]) -> dict[str, float]:
        asked.append(work)
        return dict.fromkeys(rivals, 1.0 / rounds)

    def hits(work: Work) -> dict[str, Any]:
        asked.append(work)
        return {"prompt_tokens": 1, "prefix": [0, 1], "processor": [0, 1], "encoder": [0, 1]}

    monkeypatch.setattr(bench.engine, "compare", compare)
    monkeypatch.setattr(bench.engine, "hits", hits)
    for name, command in steps.items():
        words = shlex.split(command)
        if words[0].endswith("/longcap"):
            parse(words[1:], name)  # and so each is one that the command line takes
        elif words[1:2] == ["-m"] and words[2].startswith("bench."):
            assert find_spec(words[2])
            if words[2] == "bench.engine":
                monkeypatch.setattr(sys, "argv", ["engine", *words[3:], "--segments", "1"])
                bench.engine.main()
    assert [(w.model, w.shown) for w in asked] == [
        ("Qwen/Qwen3-VL-8B-Instruct", "video"),
        ("Qwen/Qwen3-VL-8B-Instruct", "video"),
        ("Qwen/Qwen3-VL-8B-Instruct", "halves"),
        ("Qwen/Qwen3-VL-8B-Instruct", "images"),
    ]


def test_random_weights_caption_nothing_and_a_step_may_stand_alone() -> None:
    names = [line.split(":")[0] for line in gpu("--dry-run", "--random-weights").stdout.splitlines()]
    assert names == [name for name in [*STEPS, "summary"] if name not in ("phased", "streaming", "shared")]
    alone = gpu("--dry-run", "--only", "throughput", "--videos", "docs").stdout.splitlines()
    assert [line.split(":")[0] for line in alone] == ["throughput"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--fast"], "unknown option --fast"),
        (["--out"], "--out needs a value"),
        (["--rounds", "two"], "whole numbers above 0, not 'two'"),
        (["--videos", "no-such-folder"], "no-such-folder, which is no folder"),
        (["--only", "phased,dance"], "--only names dance; there are: machine install"),
        (["--videos", "docs"], "no nvidia-smi here"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(options: list[str], says: str) -> None:
    done = gpu(*options)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_summary_holds_what_runs_left(tmp_path: Path) -> None:
    report = {"video_hours": 1.5, "elapsed_s": 600.0, "captions_per_gpu_hour": 9000.0, "video_hours_per_gpu_hour": 9.0}
    (tmp_path / "captions-phased/runs/r").mkdir(parents=True)
    (tmp_path / "captions-phased/runs/r/report.json").write_text(json.dumps({**report, "engine_s": 12.0}))
    (tmp_path / "captions-shared").mkdir()
    # a second of idleness before and after, two GPUs, one line that was cut
    shares = [(0, 0), (100, 50), (0, 0), (50, 50), (0, 0)]
    samples = [f"t{t}, {g}, {share}, 1000, 0" for t, pair in enumerate(shares) for g, share in enumerate(pair)]
    (tmp_path / "phased.gpu.csv").write_text("\n".join([*samples, "t5, 0"]))
    assert busy_share(tmp_path / "phased.gpu.csv") == pytest.approx((75 + 0 + 50) / 3)
    assert busy_share(tmp_path / "none.gpu.csv") is None
    _, phased, shared = captioning(tmp_path)
    assert phased.split() == ["phased", "1.500", "600", "9000.0", "9.0", "12.0", "42"]
    assert shared.split()[:3] == ["shared", "no", "report:"]
