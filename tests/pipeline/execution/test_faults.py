"""Engines that fail on chosen items, and what becomes of these items and of all others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import pipeline as longcap
from operators.core.base import Row
from operators.store.store import Store
from pipeline.cli.retry import retry_command
from pipeline.output.verification import verify
from pipeline.terminal.errors import RunFailed, UsageError


@pytest.fixture
def folder(clips: Path, tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for clip in ("two_shots.mp4", "late.mkv", "short.mp4"):
        shutil.copy(clips / clip, tmp_path / "in" / clip)
    return tmp_path / "in"


def scripted(*rules: dict[str, Any]) -> str:
    return json.dumps({"kind": "tests.support.engines:Scripted", "script": json.dumps(rules)})


def ids(folder: Path) -> dict[str, str]:
    from pipeline.config.types import SourceOptions
    from pipeline.sources.listing import list_sources

    return {r["uri"].rsplit("/", 1)[-1]: r["video_id"] for r in list_sources([str(folder)], SourceOptions()).rows}


def config(*overrides: str) -> longcap.Config:
    return longcap.load_config(
        None, ["plan.segment_s=10", "run.max_failed=0.5", "resources.decode.actors=1", *overrides]
    )


def named(rows: list[Row]) -> dict[str, Row]:
    return {r["uri"].rsplit("/", 1)[-1]: r for r in rows}


def test_an_engine_that_fails_on_one_segment_costs_that_segment(folder: Path, tmp_path: Path) -> None:
    out, video = str(tmp_path / "out"), ids(folder)["two_shots.mp4"]
    broken = scripted({"kind": "window", "video_id": video, "segment_index": 1, "do": "engine"})
    settings = config(f"caption.engine={broken}", "caption.chain=none")
    first = longcap.run(str(folder), out, settings, quiet=True)

    (failure,) = first.failures()
    assert (failure["video_id"], failure["segment_index"], failure["stage"]) == (video, 1, "caption")
    assert failure["class"] == "engine" and failure["passes"] == 2 and failure["attempts"] == 6
    rows = named(first.to_arrow().to_pylist())
    assert len(rows) == 3 and first.ok
    assert rows["two_shots.mp4"]["segments_captioned"] == 1 and rows["two_shots.mp4"]["integrity"] is False
    assert rows["two_shots.mp4"]["coverage"] == pytest.approx(10 / rows["two_shots.mp4"]["duration_s"], abs=0.01)
    assert rows["late.mkv"]["coverage"] == 1.0 and rows["late.mkv"]["integrity"] is True

    again = longcap.run(str(folder), out, settings, quiet=True)
    assert again.report.segments_captioned == 0 and again.failures() == first.failures()


def test_a_failure_of_probing_that_was_lost_is_recorded_again(folder: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    (folder / "text.mp4").write_bytes(b"no video")
    first = longcap.run(str(folder), out, config(), quiet=True)
    (failure,) = first.failures()
    lost = Store(out, writer="test").failures
    lost.fence()
    lost.rewrite(lambda events: events.slice(0, 0))
    assert "missing" in [f.kind for f in verify(longcap.open(out)).findings]

    again = longcap.run(str(folder), out, config(), quiet=True)
    assert [(f["video_id"], f["class"]) for f in again.failures()] == [(failure["video_id"], failure["class"])]
    assert verify(again).findings == [] and again.report.segments_captioned == 0


def test_retry_does_what_failed_and_completes_the_video(folder: Path, tmp_path: Path) -> None:
    out, video = str(tmp_path / "out"), ids(folder)["two_shots.mp4"]
    # the first time each window is asked for, in each life of the engine, it fails: three tries in all see it through
    rule = {"kind": "window", "video_id": video, "segment_index": 1, "do": "engine", "times": 1}
    settings = config(f"caption.engine={scripted(rule)}", "caption.tries=1", "caption.chain=none")
    first = longcap.run(str(folder), out, settings, quiet=True)
    assert len(first.failures()) == 1 and named(first.to_arrow().to_pylist())["two_shots.mp4"]["coverage"] < 1

    cured = scripted({**rule, "times": 0})
    assert retry_command(out=out, overrides=[f"caption.engine={cured}"]) == 0
    opened = longcap.open(out)
    assert opened.failures() == []
    row = named(opened.to_arrow().to_pylist())["two_shots.mp4"]
    assert row["coverage"] == 1.0 and row["integrity"] is True and row["segments_captioned"] == row["segments"]
    assert retry_command(out=out) == 0  # nothing is left


def test_a_window_that_is_no_caption_is_kept_out_of_the_long_caption(folder: Path, tmp_path: Path) -> None:
    video = ids(folder)["late.mkv"]
    empty = scripted({"kind": "window", "video_id": video, "segment_index": 0, "window": 1, "do": "loop"})
    settings = config(f"caption.engine={empty}", f"narrate.engine={scripted()}", "caption.chain=none")
    result = longcap.run(str(folder), str(tmp_path / "out"), settings, quiet=True)
    row = named(result.to_arrow().to_pylist())["late.mkv"]
    bad = [w for s in result.captioned(video) for w in s["windows"] if not w["valid"]]
    assert [(w["window_index"], w["text"], w["attempts"]) for w in bad] == [(1, "", 3)]
    assert "loop" in bad[0]["problem"]
    assert row["integrity"] is False and row["windows_captioned"] == row["windows"] - 1
    assert 1 not in [w for section in row["sections"] for w in section["windows"]]


def test_a_bug_in_an_engine_is_a_row_and_too_many_failures_fail_the_run(folder: Path, tmp_path: Path) -> None:
    bug = scripted({"kind": "window", "do": "internal"})
    settings = config(f"caption.engine={bug}", "run.max_failed=0")
    result = longcap.run(str(folder), str(tmp_path / "out"), settings, quiet=True)
    assert result.to_arrow().num_rows == 0 and result.report.exit_code == 1
    assert {f["class"] for f in result.failures()} == {"internal"}
    assert all("the engine has a bug" in f["message"] for f in result.failures())
    assert result.report.videos_failed == 3 and not result.report.unaccounted


def test_a_narrator_that_fails_is_recorded_and_another_one_cures_it(folder: Path, tmp_path: Path) -> None:
    out, video = str(tmp_path / "out"), ids(folder)["short.mp4"]
    broken = scripted({"kind": "section", "video_id": video, "do": "empty"})
    strict = config(f"narrate.engine={broken}", "narrate.fallback=fail")
    first = longcap.run(str(folder), out, strict, quiet=True)
    (failure,) = first.failures()
    assert (failure["stage"], failure["class"], failure["segment_index"]) == ("narrate", "gate", None)
    assert failure["video_id"] == video and first.to_arrow().num_rows == 2

    second = longcap.run(str(folder), out, config(f"narrate.engine={scripted()}"), quiet=True, replace=True)
    assert second.report.segments_captioned == 0
    assert second.failures() == [] and second.to_arrow().num_rows == 3


def test_a_broken_actor_ends_the_run_with_one_line(folder: Path, tmp_path: Path) -> None:
    broken = json.dumps({"kind": "tests.support.engines:Scripted", "script": '[{"do": "nothing of the kind"}]'})
    with pytest.raises(RunFailed, match=r"do is 'nothing of the kind'.*the same command resumes from there"):
        longcap.run(str(folder), str(tmp_path / "out"), config(f"caption.engine={broken}"), quiet=True)


@pytest.mark.usefixtures("ray_session")
def test_a_video_with_a_hole_is_told_or_not_as_on_incomplete_says(folder: Path, tmp_path: Path) -> None:
    out, video = str(tmp_path / "out"), ids(folder)["two_shots.mp4"]
    broken = scripted({"kind": "window", "video_id": video, "segment_index": 1, "do": "out_of_memory"})
    settings = [f"caption.engine={broken}", "caption.chain=none", "resources.gather_actors=2"]
    strict = longcap.run(str(folder), out, config(*settings, "run.on_incomplete=fail"), quiet=True)
    assert sorted(named(strict.to_arrow().to_pylist())) == ["late.mkv", "short.mp4"]
    assert strict.report.failed[video].startswith("1 of 2 segments failed (coverage at most 0.")
    assert verify(strict).findings == []

    partial = longcap.run(str(folder), out, config(*settings), quiet=True)
    assert partial.report.segments_captioned == 0 and len(partial.to_arrow()) == 3
    assert 0 < named(partial.to_arrow().to_pylist())["two_shots.mp4"]["coverage"] < 1
    assert verify(partial).findings == []

    with pytest.raises(UsageError, match=r"1 finished long caption \(.*1 removed\).*the same captioner and narrator"):
        longcap.run(str(folder), out, config(*settings, "run.on_incomplete=fail"), quiet=True)
    again = longcap.run(str(folder), out, config(*settings, "run.on_incomplete=fail"), quiet=True, replace=True)
    assert sorted(named(again.to_arrow().to_pylist())) == ["late.mkv", "short.mp4"]
    assert verify(again).findings == []
    assert retry_command(out=out, classes=["crash"]) == 0  # nothing of that class
    assert len(again.failures()) == 1
    cured = f"caption.engine={scripted({'kind': 'window', 'do': 'sleep'})}"
    assert retry_command(out=out, classes=["out_of_memory"], overrides=[cured]) == 0
    assert again.failures() == [] and len(again.to_arrow()) == 3
