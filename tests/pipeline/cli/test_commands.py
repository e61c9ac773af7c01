"""What the commands print, on the output of a real run."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

import pipeline as longcap
from pipeline.cli.main import main
from tests.support import chat
from tests.support.command import run

SETTINGS = ["--set", "plan.segment_s=10", "--set", "run.max_failed=0.5"]


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(list(arguments)) == code, capsys.readouterr().err
    return capsys.readouterr().out


def test_plan_says_what_there_is_and_leaves_nothing(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = told(capsys, "plan", str(clips), *SETTINGS)
    assert "5 videos" in text and "cannot be captioned: 3" in text and "ignored files: 1 .txt" in text
    numbers = json.loads(told(capsys, "plan", str(clips), *SETTINGS, "--json"))
    assert numbers["videos"] == 5 and numbers["to_do"]["videos"] == 5
    assert numbers["segments"] == numbers["to_do"]["segments"] == 7
    assert numbers["window_captions"] == 5 + 2 + 2 + 1 + 3
    assert set(numbers["reasons"]) == {"undecodable"} and len(numbers["cannot_be_captioned"]) == 3
    assert list(tmp_path.iterdir()) == []


def test_plan_knows_what_is_done(done: longcap.Result, clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = json.loads(told(capsys, "plan", str(clips), "-o", done.uri, *SETTINGS, "--json"))
    assert numbers["to_do"]["segments"] == 0 and numbers["done_before"] == 5


def test_run_says_where_the_dataset_is_and_what_comes_next(
    done: longcap.Result,
    clips: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(done.uri, tmp_path / "out")
    text = told(capsys, "run", str(clips), "-o", str(tmp_path / "out"), *SETTINGS)
    assert "next:" not in text, "a pipe gets results and nothing else"
    with monkeypatch.context() as terminal:
        terminal.setattr("sys.stdout.isatty", lambda: True)
        text = told(capsys, "run", str(clips), "-o", str(tmp_path / "out"), *SETTINGS)
    assert "5 of 8 videos have a long caption" in text
    assert f"{tmp_path}/out/dataset/*.parquet" in text and "longcap show" in text and "longcap retry" in text
    assert f"{tmp_path}/out/report.html" in text
    assert "5 long captions of 8 videos" in (tmp_path / "out" / "report.html").read_text()
    report = json.loads(told(capsys, "run", str(clips), "-o", str(tmp_path / "out"), *SETTINGS, "--json"))
    assert report["segments_captioned"] == 0 and report["videos_narrated"] == 5


def test_too_many_failed_videos_are_exit_code_1(
    done: longcap.Result, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(done.uri, tmp_path / "out")
    out = ["run", str(clips), "-o", str(tmp_path / "out"), *SETTINGS, "--max-failed", "0.2"]
    assert main(out) == 1
    assert "38% of the videos failed; run.max_failed allows 20%" in capsys.readouterr().err


def test_show_lists_and_tells(done: longcap.Result, capsys: pytest.CaptureFixture[str]) -> None:
    listing = told(capsys, "show", done.uri)
    assert listing.count("failed (undecodable)") == 4 and "two_shots.mp4" in listing
    text = told(capsys, "show", done.uri, "two_shots.mp4")
    row = json.loads(told(capsys, "show", done.uri, "two_shots.mp4", "--json"))
    flat = " ".join(text.split())
    assert all(" ".join(s["text"].split()) in flat for s in row["sections"])
    assert re.search(r"\[0:00 to 0:\d\d · \d windows?\]", text)
    assert row["video_id"][:6] in told(capsys, "show", done.uri, row["video_id"][:6])
    assert row["metadata"] == {}


def test_show_says_why_there_is_nothing(done: longcap.Result, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", done.uri, "empty.mp4"]) == 1
    assert "is empty (0 bytes)" in capsys.readouterr().err
    assert main(["show", done.uri, "two_shot.mp4"]) == 2
    assert "did you mean two_shots.mp4" in capsys.readouterr().err
    assert main(["show", done.uri + "/nowhere"]) == 2
    assert "there is no output at" in capsys.readouterr().err


def test_status_counts(done: longcap.Result, capsys: pytest.CaptureFixture[str]) -> None:
    counts = json.loads(told(capsys, "status", done.uri, "--json"))
    assert counts["videos"] == 8 and counts["long_captions"] == 5 and counts["segments"] == 6
    assert counts["failures"] == {"undecodable": 4} and counts["last_run"].endswith(": done")
    assert re.search(r"^long captions +5$", told(capsys, "status", done.uri), re.MULTILINE)


def test_retry_needs_an_output_that_had_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["retry", str(tmp_path)]) == 2
    assert "there is no output at" in capsys.readouterr().err


def test_retry_of_what_still_fails_says_so_and_keeps_the_failure(
    done: longcap.Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(done.uri, tmp_path / "out")
    before = done.failures()
    text = next(f for f in before if f["uri"].endswith("text.mp4"))
    assert main(["retry", str(tmp_path / "out"), "--only", text["video_id"]]) == 1
    after = longcap.open(str(tmp_path / "out")).failures()
    assert [(f["video_id"], f["segment_index"]) for f in after] == [(f["video_id"], f["segment_index"]) for f in before]


def test_retry_sends_nothing_to_where_an_output_says(
    done: longcap.Result, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "victims-key")
    shutil.copytree(done.uri, tmp_path / "out")
    (stored,) = (tmp_path / "out" / "runs").glob("*/config.yaml")
    values = yaml.safe_load(stored.read_text())
    with chat.serve() as server:
        engine = {"kind": "openai", "model": "m", "base_url": server.url, "api_key_env": "AWS_SECRET_ACCESS_KEY"}
        values["caption"]["engine"] = engine
        stored.write_text(yaml.safe_dump(values))
        assert main(["retry", str(tmp_path / "out")]) == 2
        assert not server.asked
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and server.url in told and "AWS_SECRET_ACCESS_KEY" in told and "-c CONFIG" in told
    assert "victims-key" not in told
    assert main(["retry", str(tmp_path / "out"), "-c", "measure", *SETTINGS, "--class", "timeout"]) == 0


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_a_cluster_that_is_not_there_is_one_line_and_nothing_is_written(
    address: str, clips: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    assert run("run", str(clips / "short.mp4"), "-o", str(tmp_path / "out"), "--address", address, log=log) == 1
    assert f"longcap: error: no Ray answers at {address}" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("file.txt", "{out} is a file"),
        ("file.txt/out", "cannot write to {out}"),
        ("s3://no-such-bucket-of-mine/out", "cannot reach {out}"),
    ],
)
def test_an_output_that_cannot_be_written_is_a_usage_error(
    place: str,
    said: str,
    clips: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    (tmp_path / "file.txt").write_text("a file")
    out = place if place.startswith("s3:") else str(tmp_path / place)
    assert main(["run", str(clips / "short.mp4"), "-o", out]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"longcap: error: {said.format(out=out)}") and told.count("\n") == 1
