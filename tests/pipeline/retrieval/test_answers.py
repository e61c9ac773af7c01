"""Answers to a file of questions as a committed table: resumed, made anew where it counts, failures as rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pipeline as longcap
from operators.core.base import ItemError
from operators.store.table import Table
from pipeline.retrieval.answers import ANSWERS, Question, commit_answers
from pipeline.retrieval.ask import NOT_FOUND, Answer
from pipeline.terminal.errors import UsageError
from tests.pipeline.retrieval.conftest import Stories
from tests.pipeline.retrieval.test_ask import UNANSWERABLE, Reader
from tests.support import planted

VIOLIN = "Who drops a violin into the canal?"


def rows(place: Path) -> dict[str, dict[str, Any]]:
    return {r["question_id"]: r for r in Table(f"{place}/answers", ANSWERS).read().to_pylist()}


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    def write(*lines: dict[str, Any] | str) -> str:
        path = tmp_path / "questions.jsonl"
        path.write_text("\n".join(s if isinstance(s, str) else json.dumps(s) for s in lines) + "\n")
        return str(path)

    return write


def test_a_file_of_questions_becomes_a_table(stories: Stories, file: Callable[..., str], tmp_path: Path) -> None:
    out, places = stories
    other = next(v for v in ("v0", "v1", "v2") if v != places[0][0])
    asked = file(
        {"id": "a", "question": VIOLIN, "answer": "a man"},
        {"id": "b", "question": VIOLIN, "video": places[0][0]},
        {"id": "c", "question": VIOLIN, "video": other},
        UNANSWERABLE[0],
    )
    place = tmp_path / "answers"
    done = longcap.answer_questions(out, asked, place)
    assert (done.asked, done.found, done.refused, done.failed) == (4, 2, 2, 0)
    found = rows(place)
    start_s, end_s = planted.span_of(places[0][1])
    for name in ("a", "b"):
        (cite,) = found[name]["cites"]
        assert cite["video_id"] == places[0][0] and cite["start_s"] < end_s and cite["end_s"] > start_s
    assert json.loads(found["a"]["columns"]) == {"answer": "a man"} and found["b"]["video"] == places[0][0]
    assert found["c"]["answer"] == NOT_FOUND and found["c"]["found"] is False
    assert longcap.answer_questions(out, asked, place).asked == 0, "what is answered is not asked again"
    with pytest.raises(UsageError, match="lies in the output"):
        longcap.answer_questions(out, asked, f"{out}/answers")
    fewer = longcap.answer_questions(out, file({"id": "a", "question": VIOLIN, "answer": "a man"}), place)
    assert (fewer.asked, set(rows(place))) == (0, {"a"})
    changed = longcap.answer_questions(out, file({"id": "a", "question": "Who builds a snowman?"}), place, k=3)
    assert changed.asked == 1 and rows(place)["a"]["question"] == "Who builds a snowman?"


def test_an_interrupted_batch_goes_on_and_failures_are_rows(tmp_path: Path) -> None:
    questions = [Question(str(k), f"Question {k}?") for k in range(5)]
    calls: list[str] = []

    def answer(question: Question) -> Answer:
        calls.append(question.question_id)
        if len(calls) == 3:
            raise KeyboardInterrupt
        if question.question_id == "4" and len(calls) < 7:
            raise ItemError("engine", "it is gone")
        return Answer(question=question.text, answer="Yes.", found=True, strategy="clips", calls=1)

    place = str(tmp_path / "answers")
    with pytest.raises(KeyboardInterrupt):
        commit_answers(place, questions, [1], answer, model=None)
    assert set(rows(Path(place))) == {"0", "1"}
    done = commit_answers(place, questions, [1], answer, model=None)
    assert calls == ["0", "1", "2", "2", "3", "4"] and (done.asked, done.found, done.failed) == (3, 4, 1)
    assert rows(Path(place))["4"]["problem"] == "engine: it is gone"
    again = commit_answers(place, questions, [1], answer, model=None)
    assert (again.asked, again.failed, again.found) == (1, 0, 5)
    assert commit_answers(place, questions, [2], answer, model=None).asked == 5, "other settings ask anew"


def test_an_engine_answers_a_file(stories: Stories, file: Callable[..., str], tmp_path: Path) -> None:
    out, _ = stories
    config = longcap.Config()
    config = replace(config, narrate=replace(config.narrate, engine=Reader()))
    asked = file(VIOLIN, UNANSWERABLE[1])
    done = longcap.answer_questions(out, asked, tmp_path / "a", config=config, strategy="clips")
    assert (done.found, done.refused) == (1, 1)
    assert {r["model"] for r in rows(tmp_path / "a").values()} == {Reader().model_id}
    assert longcap.answer_questions(out, asked, tmp_path / "a", config=config).asked == 2, "another strategy"


def test_the_command_line(
    stories: Stories, file: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.cli.main import main

    asked, place = file(VIOLIN, UNANSWERABLE[0]), str(tmp_path / "t")
    assert main(["ask", stories[0], "--questions", asked, "-o", place]) == 0
    assert "2 questions: 1 answered, 1 not in the captions, 0 failed; 2 asked now" in capsys.readouterr().out
    assert main(["ask", stories[0], "--questions", asked, "-o", place, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["asked"] == 0
    assert main(["ask", stories[0], VIOLIN, "-o", place]) == 2
    assert main(["ask", stories[0], "--questions", asked, "-o", str(tmp_path)]) == 2


def test_what_is_wrong_is_one_line(stories: Stories, file: Callable[..., str], tmp_path: Path) -> None:
    for line, why in (
        ('{"question": 1}', 'line 1: "question" is missing'),
        ('{"question": "Who?", "video": 3}', "must be the name of a video"),
        ('{"question": "Who?", "id": ["a"]}', "line 1: id is \\['a'\\]; it must be a text or a number"),
        ('{"question": "Who?", "id": 1}\n{"question": "What?", "id": 1}', "line 2: the id or question 1 appears twice"),
        ('{"question": "Who?", "video": "v99"}', "no video 'v99'"),
        ("{", "line 1: "),
        ("", "contains no question"),
    ):
        with pytest.raises(UsageError, match=why):
            longcap.answer_questions(stories[0], file(line), tmp_path / "a")
