"""Stories to try the pipeline on."""

from __future__ import annotations

from pathlib import Path

import pytest

from operators.video.facts import probe
from pipeline.cli.main import main
from pipeline.evaluation.exam.language import read_sentence
from pipeline.evaluation.exam.story import write_story


def test_stories_come_with_their_scripts_and_always_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "again"):
        assert main(["demo", str(tmp_path / name), "--stories", "2", "--seconds", "20", "--seed", "4"]) == 0
    said = capsys.readouterr().out
    assert said.count("story-5.mp4: ") == 2
    for number in (4, 5):
        video, again = (tmp_path / name / f"story-{number}.mp4" for name in ("one", "again"))
        assert again.with_suffix(".txt").read_text() == video.with_suffix(".txt").read_text()
        assert probe(str(video))["duration_s"] == pytest.approx(20, abs=0.01)
        events = write_story(20, number).events
        lines = video.with_suffix(".txt").read_text().splitlines()
        assert len(lines) == len(events) > 2
        for line, event in zip(lines, events, strict=True):
            span, _, predicted = line.partition("  ")
            read = read_sentence(predicted, event.start_s, event.end_s)
            assert read is not None and (read.what, read.size) == (event.what, event.size)
            assert [_seconds(part) for part in span.split(" to ")] == pytest.approx([event.start_s, event.end_s])


def _seconds(clock: str) -> float:
    minutes, _, seconds = clock.partition(":")
    return 60 * int(minutes) + float(seconds)


def test_files_of_others_are_replaced_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo = ["demo", str(tmp_path), "--stories", "1", "--seconds", "10", "--seed", "4"]
    (tmp_path / "story-4.mp4").write_bytes(b"mine")
    assert main(demo) == 2
    assert "story-4.mp4 exists" in capsys.readouterr().err
    (tmp_path / "story-4.txt").write_bytes(b"mine")
    assert main(demo) == 2
    assert (tmp_path / "story-4.mp4").read_bytes() == (tmp_path / "story-4.txt").read_bytes() == b"mine"
    assert main([*demo, "--force"]) == main(demo) == 0, "and its own are made again"
    assert main(["eval", "truth", str(tmp_path)]) == 2
    assert "contains no exam" in capsys.readouterr().err


def test_a_folder_that_cannot_be_one_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", str(tmp_path / "file" / "below")]) == 2
    assert "cannot be used as a folder (Not a directory)" in capsys.readouterr().err
