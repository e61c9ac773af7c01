"""Candidates side by side, and the best of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from longcap.testing import check_operator
from operators.core.base import ItemError, Row
from operators.pick.candidates import Candidates
from operators.pick.pick import Pick
from tests.support.operators import windows_of

SPAN = {"start_s": 0.0, "end_s": 15.0, "duration_s": 20.0}


def table(text: str, **bad: bool) -> Row:
    windows = [{**w, "text": text, "valid": str(w["window_index"]) not in bad} for w in windows_of(SPAN, text)]
    return {"windows": windows, "frames": [], "facts": None, "decode": None, "provenance": {"engine": text}}


def picked(parents: dict[str, Any], choices: list[Any], **options: Any) -> Row:
    row: Row = {"parents": parents, "choices": choices}
    row |= check_operator(Candidates(), [row])[0]
    return check_operator(Pick(**options), [row])[0]


def test_the_best_of_each_window_is_taken_and_all_are_kept() -> None:
    parents = {"a": table("A."), "b": table("B.", **{"2": True}), "choices": {"choices": []}}
    (lined,) = check_operator(Candidates(), [{"parents": parents}])
    assert [[o["table"] for o in c["options"]] for c in lined["candidates"]] == [["a", "b"], ["a", "b"], ["a"]]
    choices = [{"index": k, "fields": json.dumps({"best": best})} for k, best in enumerate([2, 1, 2])]
    made = picked(parents, choices)
    assert made["picked"] == ["b", "a", "a"] and [w["text"] for w in made["windows"]] == ["B.", "A.", "A."]
    assert made["provenance"] == {"engine": "A."}


def test_scores_pick_the_highest_and_a_margin_keeps_the_first() -> None:
    parents = {"a": table("A."), "b": table("B.")}
    scores = [{"scores": [0.2, 0.9]}, {"scores": [0.5, 0.6]}, {"scores": [0.5]}]
    assert picked(parents, scores)["picked"] == ["b", "b", "a"]
    assert picked(parents, scores, margin=0.3)["picked"] == ["b", "a", "a"]
    assert picked(parents, [])["picked"] == ["a", "a", "a"], "nobody said: the first"


def test_a_parent_that_failed_has_no_candidate() -> None:
    assert picked({"a": None, "b": table("B.")}, [])["picked"] == ["b"] * 3
    with pytest.raises(ItemError, match="gate: none of its parent tables has a valid caption"):
        picked({"a": None, "b": None}, [])
    with pytest.raises(AssertionError, match="choices"):
        check_operator(Pick(), [{"parents": {}, "candidates": []}])
