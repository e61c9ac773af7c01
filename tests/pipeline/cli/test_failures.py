"""`longcap failures`: what stands, grouped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pipeline as longcap
from operators.store.commit import CommitSegments, CommitVideos
from pipeline.cli.main import main
from tests.support import rows


@pytest.fixture
def out(tmp_path: Path) -> str:
    uri = str(tmp_path / "it's out")
    CommitVideos(uri, "run", "here").commit([rows.video(f"v{k}") for k in range(6)])
    gather = CommitSegments(uri, "run", "here")
    for k in range(5):
        message = f"no packet for {20 + k}.5 s at /videos/v{k}.mp4"
        gather.commit([rows.failed_segment(f"v{k}", 0, failure=rows.failure("timeout", message))])
    gather.commit([rows.failed_segment("v5", i, failure=rows.failure("crash", "signal 11")) for i in (0, 1)])
    return uri


def test_failures_of_one_kind_stand_together_the_most_frequent_first(
    out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["failures", out, "--json"]) == 0
    timeouts, crashes = json.loads(capsys.readouterr().out)
    assert (timeouts["class"], timeouts["count"], timeouts["videos"], timeouts["attempts"]) == ("timeout", 5, 5, 5)
    assert (crashes["class"], crashes["count"], crashes["videos"], crashes["stage"]) == ("crash", 2, 1, "decode")
    assert timeouts["message"] == "no packet for 24.5 s at /videos/v4.mp4"
    assert timeouts["first"] <= timeouts["last"] and timeouts["last"].endswith("+00:00")
    assert timeouts["replay"].endswith("--only v4 --segment 0") and timeouts["retry"].endswith("--class timeout")


def test_people_are_told_what_happened_and_what_to_do(out: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failures", out]) == 0
    told = capsys.readouterr().out
    assert "5 x timeout in decode, 5 videos, last 20" in told and "2 x crash in decode, 1 video, last" in told
    assert "longcap retry" in told and "--class crash" in told
    assert main(["failures", out, "--class", "crash"]) == 0
    assert "timeout" not in capsys.readouterr().out
    assert main(["failures", out, "--class", "engine"]) == 0
    assert capsys.readouterr().out == "nothing has failed with class engine\n"


def test_a_failure_that_was_cured_does_not_stand(out: str, capsys: pytest.CaptureFixture[str]) -> None:
    CommitSegments(out, "later", "here").commit([rows.captioned(f"v{k}", 0) for k in range(5)])
    assert main(["failures", out]) == 0
    assert "timeout" not in capsys.readouterr().out


def test_the_newest_failure_of_an_item_is_told(out: str) -> None:
    """Whatever the order in which its table gives them."""
    for attempt in range(1, 6):
        failure = rows.failure("timeout", f"try {attempt}")
        CommitSegments(out, "run", "here").commit([rows.failed_segment("w", 0, failure=failure, passes=attempt)])
    CommitVideos(out, "run", "here").commit([rows.video("w")])
    assert [f["message"] for f in longcap.open(out).failures() if f["video_id"] == "w"] == ["try 5"]


def test_a_class_that_is_none_is_a_usage_error(out: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["failures", out, "--class", "slow"]) == 2
    assert "'slow' is not one of unreadable" in capsys.readouterr().err
