"""Runs over an output that is there already, in this process: what is done again, and what is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import pipeline as longcap
from pipeline.cli.main import main
from pipeline.execution.driver import Job
from tests.pipeline.execution.test_job import config, hashes, name
from tests.support import video


def copy(done: longcap.Result, tmp_path: Path) -> str:
    shutil.copytree(done.uri, tmp_path / "out")
    return str(tmp_path / "out")


def tree(folder: str) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


def test_a_second_run_redoes_nothing(done: longcap.Result, clips: Path, tmp_path: Path) -> None:
    out = copy(done, tmp_path)
    before = hashes(out)
    again = longcap.run(str(clips), out, config(), quiet=True)
    assert again.report.segments_captioned == 0 and again.ok
    assert hashes(out) == before


def test_each_change_redoes_what_depends_on_it_and_no_more(
    done: longcap.Result, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = copy(done, tmp_path)
    before = hashes(out)
    changed = tmp_path / "prompt.j2"
    changed.write_text("{# version: 2 #}\nTell what happens.")

    files = tree(out)
    assert main(["run", str(clips), "-o", out, "--set", "plan.segment_s=10", "--set", "narrate.section_s=8"]) == 2
    said = capsys.readouterr().err
    assert "5 finished long captions" in said and "narrate.section_s 60 -> 8" in said and "--replace" in said
    assert tree(out) == files, "a refusal changes nothing"
    narrated = longcap.run(str(clips), out, config("narrate.section_s=8"), quiet=True, replace=True).report
    assert narrated.segments_captioned == 0
    after = hashes(out)
    assert {k: v[1:] for k, v in after.items()} == {k: v[1:] for k, v in before.items()}
    assert after["two_shots.mp4"][0] != before["two_shots.mp4"][0]

    plan, left = longcap.plan(str(clips), out, config(f"caption.window_prompt={changed}"), quiet=True)
    assert len(left.segments) == plan.segments
    plan, left = longcap.plan(str(clips), out, config("decode.fps=2"), quiet=True)
    assert len(left.segments) == plan.segments
    faster = config("narrate.section_s=8", "decode.no_progress_s=5", "caption.concurrency=2")
    assert longcap.plan(str(clips), out, faster, quiet=True)[1].nothing


def test_a_changed_source_supersedes_its_row(clips: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", str(tmp_path / "out")
    folder.mkdir()
    shutil.copy(clips / "short.mp4", folder / "a.mp4")
    shutil.copy(clips / "late.mkv", folder / "b.mkv")
    first = longcap.run(str(folder), out, config(), quiet=True)
    before = hashes(out)
    video.render(folder / "a.mp4", count=110, fps=10.0)
    second = longcap.run(str(folder), out, config(), quiet=True)
    rows = {name(r): r for r in second.to_arrow().to_pylist()}
    assert second.report.segments_captioned == 1 and len(rows) == 2
    assert rows["a.mp4"]["duration_s"] == pytest.approx(11.0, abs=0.11)
    assert hashes(out)["b.mkv"] == before["b.mkv"] and hashes(out)["a.mp4"] != before["a.mp4"]
    assert len({s["key"] for s in second.store.segments.read(["key"]).to_pylist()}) == 2
    assert first.report.run_id != second.report.run_id

    (folder / "a.mp4").write_text("now it is broken")
    third = longcap.run(str(folder), out, config(), quiet=True)
    assert [name(r) for r in third.to_arrow().to_pylist()] == ["b.mkv"]
    assert [name(f) for f in third.failures()] == ["a.mp4"]


def test_selection_and_recaption(clips: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    only = longcap.Selection(only=("short.mp4",))
    first = longcap.run(str(clips), out, config(), selection=only, quiet=True)
    assert [name(r) for r in first.to_arrow().to_pylist()] == ["short.mp4"]
    before = hashes(out)
    anew = longcap.Selection(only=("short.mp4",), recaption=("short.mp4",))
    again = longcap.run(str(clips), out, config(), selection=anew, quiet=True)
    assert again.report.segments_captioned == 1 and hashes(out) == before
    none = longcap.Selection(only=("short.mp4", "late.mkv"), max_hours=1 / 3600)
    assert len(Job([str(clips)], out, config(), none, quiet=True).plan()[0].videos) == 1
