"""The command line: what it takes, what it refuses with which exit code, and how it ends."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from operators.core.base import ItemError
from pipeline.cli.main import main
from pipeline.config.types import Config
from pipeline.config.values import config_from_dict
from pipeline.terminal.errors import RunFailed, UsageError


def test_help_lists_the_commands() -> None:
    command = [sys.executable, "-m", "pipeline", "--help"]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    for name in ("run", "plan", "status", "show", "retry", "config"):
        assert re.search(rf"^  {name} ", told.stdout, re.MULTILINE)


def test_the_module_of_the_command_line_imports_nothing_heavy() -> None:
    code = "import pipeline.cli.main, sys; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"ray", "pyarrow", "numpy", "pydantic", "yaml", "fsspec", "deltalake", "av", "cv2", "jinja2"} & set(told)


def test_the_installed_command_prints_the_config_and_errors_with_its_code(tmp_path: Path) -> None:
    good = subprocess.run([sys.executable, "-m", "pipeline", "config"], capture_output=True, text=True, check=False)
    assert good.returncode == 0
    assert config_from_dict(yaml.safe_load(good.stdout)) == Config()
    command = [sys.executable, "-m", "pipeline", "run", str(tmp_path / "gone"), "-o", str(tmp_path / "out")]
    bad = subprocess.run(command, capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert bad.stderr.splitlines()[-1].startswith(f"longcap: error: there is no {tmp_path}/gone")
    assert "Traceback" not in bad.stderr


def test_a_driver_that_is_terminated_before_its_work_says_so_in_its_log() -> None:
    code = """
import os, signal, time
from pipeline.cli.main import cli, entry

@cli.command()
def wait():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)  # delivered twice, as `timeout` does; the clean-up goes on
        print("cleaned up", flush=True)

entry()
"""
    environment = {**os.environ, "RAY_JOB_CONFIG_JSON_ENV_VAR": "{}"}
    command = [sys.executable, "-c", code, "wait"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode, done.stdout) == (130, "cleaned up\n")
    assert done.stderr.splitlines()[-2:] == ["longcap: interrupted", "longcap: exit code 130"]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"longcap, version \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_config_prints_schema_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)
    assert main(["config", "--defaults"]) == 0
    assert config_from_dict(yaml.safe_load(capsys.readouterr().out)) == Config()
    assert main(["config", "--set", "plan.window_s=20"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["plan"]["window_s"] == 20.0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rnu"], "No such command 'rnu'"),
        (["run"], "Missing option '-o'"),
        (["run", "a.mp4"], "Missing option '-o'"),
        (["run", "a.mp4", "-o", "out", "--limit", "0"], "--limit"),
        (["run", "a.mp4", "-o", "out", "--limit", "x"], "--limit"),
        (["run", "a.mp4", "-o", "out", "--sample", "-1"], "--sample"),
        (["run", "a.mp4", "-o", "out", "--max-failed", "20"], "--max-failed"),
        (["run", "a.mp4", "-o", "out", "--max-hours", "0"], "--max-hours"),
        (["run", "a.mp4", "-o", "out", "--schedule", "fast"], "'auto', 'streaming', 'phased'"),
        (["run", "a.mp4", "-o", "out", "--shard", "0/2"], "'0/2' is not I/N with I from 1 to N, such as 1/4"),
        (["run", "a.mp4", "-o", "out", "--sett", "x=1"], "'--set'"),
        (["retry", "out", "--class", "timout"], "'timout' is not one of unreadable, undecodable, timeout"),
        (["retry", "out", "--segment", "3"], "--segment needs exactly one --only"),
        (["config", "--schema", "--defaults"], "exclude each other"),
        (["config", "--set", "caption.windw_s=8"], "did you mean window_s?"),
        (["config", "--set", "window_s=8"], "did you mean plan.window_s or"),
        (["config", "--set", "caption.segment_s=300"], "did you mean plan.segment_s?"),
        (["config", "--set", "run.schedule=fast"], "one of auto, streaming, phased"),
        (["config", "-c", "measur"], "did you mean measure?"),
        (["config", "-c", "./gone.yaml"], "no config file ./gone.yaml"),
        (["run", "gone.mp4", "-o", "out", "--set", "plan.segment_s=7"], "make no grid"),
    ],
)
def test_what_cannot_be_carried_out_exits_with_2_and_says_why(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert list(tmp_path.iterdir()) == []  # nothing was begun


_CALLS: list[tuple[list[str], str, str, dict[str, Any]]] = [
    (
        ["run", "a", "b", "-o", "out"],
        "pipeline.cli.run",
        "run_command",
        {
            "inputs": ["a", "b"],
            "out": "out",
            "config": None,
            "overrides": [],
            "only": [],
            "recaption": [],
        }
        | dict.fromkeys(("limit", "sample", "max_hours", "max_failed", "schedule", "shard", "address"))
        | {"preflight": False, "as_json": False, "replace": False, "quiet": False},
    ),
    (
        [
            "run",
            "a",
            "-o",
            "s3://b/out",
            "-c",
            "demo",
            "--set",
            "a.b=1",
            "--set",
            "c.d=2",
            "--limit",
            "3",
            "--sample",
            "4",
            "--only",
            "x",
            "--only",
            "y",
            "--recaption",
            "z",
            "--replace",
            "--max-hours",
            "1.5",
            "--max-failed",
            "0.5",
            "--schedule",
            "phased",
            "--shard",
            "2/3",
            "--address",
            "auto",
            "--preflight",
            "--quiet",
            "--json",
        ],
        "pipeline.cli.run",
        "run_command",
        {
            **{"inputs": ["a"], "out": "s3://b/out", "config": "demo", "overrides": ["a.b=1", "c.d=2"], "limit": 3},
            **{"sample": 4, "only": ["x", "y"], "recaption": ["z"], "max_hours": 1.5, "max_failed": 0.5},
            **{
                "schedule": "phased",
                "shard": (2, 3),
                "address": "auto",
                "replace": True,
                "preflight": True,
                "quiet": True,
                "as_json": True,
            },
        },
    ),
    (
        [
            "plan",
            "a",
            "-o",
            "out",
            "-c",
            "f.yaml",
            "--set",
            "a.b=1",
            "--limit",
            "1",
            "--sample",
            "2",
            "--only",
            "x",
            "--max-hours",
            "3",
            "--json",
        ],
        "pipeline.cli.run",
        "plan_command",
        {
            **{"inputs": ["a"], "out": "out", "config": "f.yaml", "overrides": ["a.b=1"], "limit": 1, "sample": 2},
            **{"only": ["x"], "max_hours": 3.0, "quiet": False, "as_json": True},
        },
    ),
    (["status", "out", "--json"], "pipeline.cli.status", "status_command", {"out": "out", "as_json": True}),
    (["show", "out"], "pipeline.cli.show", "show_command", {"out": "out", "video": None, "as_json": False}),
    (["show", "out", "v"], "pipeline.cli.show", "show_command", {"out": "out", "video": "v", "as_json": False}),
    (
        [
            *(
                "retry",
                "out",
                "--only",
                "x",
                "--segment",
                "0",
                "--class",
                "timeout",
                "--class",
                "crash",
                "--set",
                "a.b=1",
            ),
            *("--input", "in", "-c", "own.yaml", "--address", "auto"),
        ],
        "pipeline.cli.retry",
        "retry_command",
        {
            **{"out": "out", "only": ["x"], "segment": 0, "classes": ["timeout", "crash"], "overrides": ["a.b=1"]},
            **{"inputs": ["in"], "config": "own.yaml", "address": "auto", "quiet": False, "as_json": False},
        },
    ),
    (
        ["failures", "out", "--class", "crash", "--json"],
        "pipeline.cli.failures",
        "failures_command",
        {"out": "out", "classes": ["crash"], "as_json": True},
    ),
    (
        ["verify", "out"],
        "pipeline.cli.verify",
        "verify_command",
        {"out": "out", "clean": False, "as_json": False},
    ),
    (
        ["verify", "out", "--clean"],
        "pipeline.cli.verify",
        "verify_command",
        {"out": "out", "clean": True, "as_json": False},
    ),
    (["compact", "out"], "pipeline.cli.compact", "compact_command", {"out": "out", "as_json": False}),
    (
        ["report", "out", "--video", "v", "-o", "v.html", "--no-frames"],
        "pipeline.cli.report",
        "report_command",
        {"out": "out", "video": "v", "file": "v.html", "no_frames": True, "force": False, "as_json": False},
    ),
    (
        ["push", "out", "me/x", "--with", "segments", "--with", "videos", "--revision", "b", "--dry-run"],
        "pipeline.cli.push",
        "push_command",
        {
            **{"out": "out", "repo": "me/x", "extras": ("segments", "videos"), "public": False, "revision": "b"},
            **{"dry_run": True, "force": False, "as_json": False},
        },
    ),
    (
        ["init", "my.yaml", "--force"],
        "pipeline.preflight.starter",
        "init_command",
        {"file": "my.yaml", "force": True, "as_json": False},
    ),
]


@pytest.mark.parametrize(("arguments", "module", "function", "expected"), _CALLS)
def test_every_option_reaches_the_one_function_that_does_the_work(
    arguments: list[str], module: str, function: str, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    signature = inspect.signature(getattr(__import__(module, fromlist=[function]), function))
    calls: list[dict[str, Any]] = []

    def record(**given: Any) -> int:
        signature.bind(**given)  # what the real one takes
        calls.append(given)
        return 3

    monkeypatch.setattr(f"{module}.{function}", record)
    assert main(arguments) == 3
    assert calls == [expected]


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("no such thing"), 2, "longcap: error: no such thing"),
        (RunFailed("half of the videos failed"), 1, "longcap: error: half of the videos failed"),
        (ItemError("storage", "no answer from s3"), 1, "longcap: error: storage: no answer from s3"),
        (KeyboardInterrupt(), 130, "longcap: interrupted"),
    ],
)
def test_an_error_is_a_line_and_a_code(
    error: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: Any) -> int:
        raise error

    monkeypatch.setattr("pipeline.cli.status.status_command", fail)
    assert main(["status", "out"]) == code
    assert capsys.readouterr().err.strip() == line


@pytest.mark.parametrize("arguments", [["--traceback", "status", "out"], ["status", "out", "--traceback"]])
def test_a_bug_is_one_line_with_its_place_and_the_whole_story_on_request(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: Any) -> int:
        numbers: dict[str, int] = {}
        return numbers["missing"]  # the bug

    monkeypatch.setattr("pipeline.cli.status.status_command", fail)
    assert main(["status", "out"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        r"longcap: internal error: KeyError: 'missing' \(at .*test_main\.py:\d+; run with --traceback to see all\)",
        line,
    )
    assert main(arguments) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_interruption() -> None:
    command = [sys.executable, "-m", "pipeline", "config", "--schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_a_broken_pipe_to_something_else_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("pipeline.cli.status.status_command", broken)
    assert main(["status", "out"]) == 1
    assert "Broken pipe" in capsys.readouterr().err
