"""`expand` and `optimise_prompt` with engines whose answers are written down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from longcap.testing import check_operator
from operators.core.base import ItemError, Row
from operators.expand.expand import Expand
from operators.expand.optimise import OptimisePrompt
from tests.recipes.engine import Said
from tests.support.embedders import Counting


def said(**answers: Any) -> Said:
    return Said(says=json.dumps(answers))


def segment() -> Row:
    images = [{"time_s": float(k), "pts_s": float(k), "until_s": None, "jpeg": b"%d" % k} for k in range(10)]
    return {
        "video_id": "v",
        "segment_index": 0,
        "start_s": 0.0,
        "end_s": 10.0,
        "duration_s": 10.0,
        "images": images,
    }


def test_key_points_are_found_once_and_every_verifier_must_agree() -> None:
    finder = said(key_points={"points": ["A dog runs.", "A dog runs.", "Kites fly high."]})
    yes, no = said(verdict={"right": [True, True]}), said(verdict={"right": [True, False]})
    step = Expand(engine=finder, verifiers=(yes, no), rollouts=4, embedder=Counting())
    (made,) = check_operator(
        step, [segment()], other={"rollouts": 5, "same": 0.9, "concurrency": 9, "verifiers": (yes,)}
    )
    assert [(p["text"], p["confirmed"]) for p in made["key_points"]] == [
        ("A dog runs.", True),
        ("Kites fly high.", False),
    ]
    assert [r["found"] for r in made["rollouts"]] == [2, 0, 0, 0] and made["rollouts"][0]["kind"] == "detail"


def test_failed_questions_are_named_and_a_segment_without_answers_fails() -> None:
    step = Expand(engine=said(key_points="no JSON"), rollouts=3, embedder=Counting(), tries=1)
    with (
        pytest.raises(ItemError, match="no question could be answered: the answer does not parse"),
        step.open() as apply,
    ):
        apply(segment())
    found: dict[str, Any] = {"engine": said(key_points={"points": ["A dog."]}), "rollouts": 1, "embedder": Counting()}
    silent = Expand(**found, verifiers=(said(verdict="no JSON"),))
    with silent.open() as apply:
        made = apply(segment())
    assert [p["confirmed"] for p in made["key_points"]] == [False] and "parse" in made["rollouts"][0]["problem"]


@pytest.mark.parametrize("right", [[True], [True, False, True], [True, None]])
def test_verdicts_that_are_not_one_for_each_point_confirm_nothing(right: list[Any]) -> None:
    finder = said(key_points={"points": ["A dog runs.", "Kites fly high."]})
    verifier = said(verdict={"right": right})
    with Expand(engine=finder, verifiers=(verifier,), rollouts=1, embedder=Counting()).open() as apply:
        made = apply(segment())
    assert [p["confirmed"] for p in made["key_points"]] == [False, False]
    assert "does not parse" in made["rollouts"][0]["problem"]


def rounds(*scores: int, **options: Any) -> Row:
    windows = [{"start_s": 0.0, "end_s": 10.0, "text": "A dog runs.", "valid": True}]
    row: Row = {"video_id": "v", "duration_s": 10.0, "captioned": [{"windows": windows}]}
    answers = [{"score": score, "critique": "More of the dog."} for score in scores]
    step = OptimisePrompt(engine=Said(), evaluator=Judge(answers), optimiser=Said(), **options)
    with step.open() as apply:
        return apply(row)


def Judge(answers: list[dict[str, Any]]) -> Said:  # reads as the engine that it makes
    return said(meta_evaluate=answers)


def test_rounds_end_where_nothing_is_gained_and_the_best_is_kept() -> None:
    made = rounds(50)
    assert [r["score"] for r in made["summary_rounds"]] == [50.0, 50.0]
    assert made["summary"] == made["summary_rounds"][0]["text"]
    assert made["summary_rounds"][1]["instruction"] != made["summary_rounds"][0]["instruction"]
    assert len(rounds(50, rounds=1)["summary_rounds"]) == 1


def test_the_best_round_is_kept_though_it_gains_too_little_to_go_on() -> None:
    # an answer is chosen by the seed, which rises by three a round: the first round has 80 or 83 points
    for scores in ((80, 83), (83, 80)):
        made = rounds(*scores, gain=5)
        found = made["summary_rounds"]
        best = max(found, key=lambda r: r["score"])
        assert len(found) == 2 and {r["score"] for r in found} == {80.0, 83.0} and made["summary"] == best["text"]


def test_a_summary_without_a_fault_needs_no_critique_and_no_other_round() -> None:
    windows = [{"start_s": 0.0, "end_s": 10.0, "text": "A dog runs.", "valid": True}]
    row: Row = {"video_id": "v", "duration_s": 10.0, "captioned": [{"windows": windows}]}
    judge = said(meta_evaluate={"score": 100, "critique": ""})
    with OptimisePrompt(engine=Said(), evaluator=judge, optimiser=Said(), tries=1).open() as apply:
        made = apply(row)
    assert [(r["score"], r["problem"]) for r in made["summary_rounds"]] == [(100.0, None)]


def test_a_summary_that_is_not_judged_still_stands() -> None:
    windows = [{"start_s": 0.0, "end_s": 10.0, "text": "A dog runs.", "valid": True}]
    row: Row = {"video_id": "v", "duration_s": 10.0, "captioned": [{"windows": windows}]}
    step = OptimisePrompt(engine=Said(), evaluator=said(meta_evaluate="well"), optimiser=Said(), tries=1)
    (made,) = check_operator(step, [row], other={"rounds": 2, "gain": 3.0})
    assert made["summary"] and made["summary_rounds"][0]["problem"].startswith("evaluator: ")
    with pytest.raises(ItemError, match="there is no caption to summarise"), step.open() as apply:
        apply({**row, "captioned": []})
