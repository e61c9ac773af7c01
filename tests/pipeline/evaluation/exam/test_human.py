from __future__ import annotations

import json
from pathlib import Path

import pytest

from operators.engines.base import Request
from pipeline.cli.main import main
from pipeline.evaluation.exam.exam import HUMAN, Sheet, verdict
from pipeline.evaluation.exam.marks import Marks
from pipeline.evaluation.exam.wording import read
from pipeline.evaluation.exam.writer import DEFECTS, answer, marked

CAPTIONS = ("The red circle gets bigger. It travels left.", "A tiny blue box comes in from the left.")


def _section(seed: int, kind: str = "section") -> str:
    return answer(Request(kind=kind, start_s=0.0, end_s=10.0, prompt="", texts=CAPTIONS, seed=seed))


def test_the_writer_answers_equal_requests_equally_and_writes_defects_and_falsehoods() -> None:
    texts = [_section(k) for k in range(60)]
    assert texts == [_section(k) for k in range(60)] and len(set(texts)) > 40
    assert 5 < sum(map(marked, texts)) < 30
    true = {
        ("grow", "red circle", None, None),
        ("move", "red circle", "left", None),
        ("enter", "blue square", "left", None),
    }
    predicted = [{e.what for e in read(t.replace(" [1]", "").replace(" [2]", ""))} for t in texts]
    assert 5 < sum(bool({w for w in events if w[1]} - true) for events in predicted) < 40


def test_each_defect_is_seen() -> None:
    assert all(marked(d.format("The red circle gets bigger.")) for d in DEFECTS)
    assert not marked("The red circle gets bigger. The screen reads HOME.")


@pytest.fixture(scope="module")
def sat(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    folder = tmp_path_factory.mktemp("human")
    return main(["eval", "truth", str(folder), "--wording", "human", "--lengths", "30", "--stories", "3"]), folder


def test_real_wording_goes_through_the_chain_without_a_defect(sat: tuple[int, Path]) -> None:
    code, folder = sat
    predicted = json.loads((folder / "truth.json").read_text())
    assert code == 0 and predicted["wrong"] == [] and predicted["chain"]["landed"] == []
    assert predicted["chain"]["cleaned"] > 3 and predicted["chain"]["answers"] >= 15
    ways = {w["way"]: w for w in predicted["ways"]}
    assert ways[HUMAN[0]]["invented"] > 0
    for way in ways.keys() - {HUMAN[0]}:
        assert ways[way]["invented"] < ways[HUMAN[0]]["invented"] and ways[way]["recall"] > 0.5
    assert not (folder / "videos").exists()  # nothing is rendered
    assert "captions kept a defect" in (folder / "truth.md").read_text()


def test_falsehoods_that_no_grounding_cuts_fail() -> None:
    written = Marks(events=10, predicted=10, invented=2)
    assert verdict([Sheet(HUMAN[0], 30, written), Sheet(HUMAN[1], 30, written)], {}) == [
        "human, lexical, 30 s: no falsehood was removed"
    ]
    assert verdict([Sheet(HUMAN[0], 30, written), Sheet(HUMAN[1], 30, Marks(events=10, predicted=9))], {}) == []


def test_a_model_that_sees_and_real_wording_exclude_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "truth", str(tmp_path / "x"), "--wording", "human", "--model", "some/folder"]) == 2
    assert "--model some/folder: --wording human uses a scripted model" in capsys.readouterr().err
