"""Bounds on a whole video: what misses them, what is said of it, and what was not measured."""

from __future__ import annotations

from typing import Any

import pytest

from operators.analysis.facts import Camera, Facts, Motion, Piece
from operators.analysis.filter import Among, Bounds, Filter, reason_of

RULE = Filter(motion=Bounds(min=0.1, max=0.5), shots=Bounds(max=1), text_share=Bounds(max=0.2))


@pytest.mark.parametrize(
    ("row", "missed"),
    [
        ({"motion": 0.1, "shots": 1, "text_share": 0.2}, []),
        ({"motion": 0.5, "shots": 1, "text_share": 0.0}, []),
        ({"motion": 0.0999, "shots": 1, "text_share": 0.0}, ["motion"]),
        ({"motion": 0.6, "shots": 2, "text_share": 0.3}, ["motion", "text_share", "shots"]),
        ({"motion": None, "shots": 2}, ["shots"]),
        ({}, []),
    ],
)
def test_a_bound_is_missed_beyond_its_ends_and_never_by_what_was_not_measured(
    row: dict[str, Any], missed: list[str]
) -> None:
    assert [m["column"] for m in RULE.misses(row)] == missed
    assert RULE.unmeasured(row) == tuple(n for n in ("motion", "text_share", "shots") if row.get(n) is None)


def test_a_reason_names_column_value_and_bound() -> None:
    misses = RULE.misses({"motion": 0.012, "shots": 4})
    assert (
        reason_of(misses) == "motion is 0.012, wanted is at least 0.1 and at most 0.5; shots is 4, wanted is at most 1"
    )
    assert RULE.text() == "motion at least 0.1 and at most 0.5, text_share at most 0.2, shots at most 1"


def test_bounds_come_back_from_json_and_none_are_none() -> None:
    assert Filter.parse(RULE.dump()) == RULE
    assert Filter().dump() is None
    assert Filter.parse(None) == Filter() and not Filter().text()


@pytest.mark.parametrize("wrong", [lambda: Bounds(min=0.5, max=0.1), lambda: Filter(still=Bounds(max=5))])
def test_bounds_that_nothing_or_everything_keeps_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"min must not be above max|a share from 0 to 1"):
        wrong()


def test_a_language_is_one_of_those_that_are_wanted_or_not_known() -> None:
    rule = Filter(speech_language=Among(among=("de", "en")), speech_share=Bounds(min=0.1))
    assert rule.misses({"speech_language": "en", "speech_share": 0.5}) == []
    assert rule.misses({"speech_language": None, "speech_share": 0.5}) == []
    assert rule.unmeasured({"speech_language": None, "speech_share": 0.5}) == ("speech_language",)
    misses = rule.misses({"speech_language": "fr", "speech_share": 0.05})
    assert reason_of(misses) == (
        "speech_share is 0.05, wanted is at least 0.1; speech_language is none of those that are wanted"
    )
    assert rule.text() == "speech_share at least 0.1, speech_language one of de, en"
    assert Filter.parse(rule.dump()) == rule and Filter(speech_language=Among()) == Filter()


def row(*facts: Facts | None, segments: int) -> dict[str, Any]:
    captioned = [{"facts": f and f.dump(), "start_s": 5.0 * k, "end_s": 5.0 * k + 5} for k, f in enumerate(facts)]
    return {"captioned": captioned, "segments": segments, "duration_s": 10.0}


def lively(start_s: float) -> Facts:
    moves = Piece(
        start_s=start_s, end_s=start_s + 5, camera=Camera(state="still"), motion=Motion(level="much", share=0.4)
    )
    return Facts(start_s=start_s, end_s=start_s + 5, transitions=(), pieces=(moves,))


def test_the_operator_writes_what_the_whole_video_measures_and_what_it_misses() -> None:
    with Filter(motion=Bounds(max=0.1), longest_shot_s=Bounds(min=3)).open() as apply:
        found = apply(row(lively(0), lively(5), segments=2))
        assert (found["motion"], found["shots"], found["longest_shot_s"]) == (0.4, 1, 10.0)
        assert found["filtered"] == [{"column": "motion", "value": 0.4, "min": None, "max": 0.1}]
        part = apply(row(lively(0), segments=2))
        assert part["shots"] is None and [m["column"] for m in part["filtered"]] == ["motion"]
        nothing = apply(row(None, segments=1))
        assert nothing["motion"] is None and nothing["filtered"] is None
    with Filter().open() as apply:
        assert apply(row(lively(0), lively(5), segments=2))["filtered"] is None
