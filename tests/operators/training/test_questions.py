"""Questions from timed captions: a solver that knows only the spans gives the same answers."""

from __future__ import annotations

import re
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longcap.testing import check_operator
from operators.training.questions import Questions
from operators.training.skills import SKILLS
from tests.operators.training import films


def solved(item: dict[str, Any]) -> set[int]:
    """Indices of the options that are right, from spans alone."""
    options, about = item["options"], item["about"]
    starts = [o["spans"][0]["start_s"] if o["spans"] else None for o in options]
    ends = [o["spans"][-1]["end_s"] if o["spans"] else None for o in options]
    indices = range(len(options))
    if item["skill"] == "first":
        return {min(indices, key=lambda k: starts[k])}
    if item["skill"] == "last":
        return {max(indices, key=lambda k: starts[k])}
    if item["skill"] == "after":
        return {min((k for k in indices if starts[k] >= about[0]["end_s"]), key=lambda k: starts[k])}
    if item["skill"] == "before":
        return {max((k for k in indices if ends[k] <= about[0]["start_s"]), key=lambda k: starts[k])}
    if item["skill"] == "between":
        return {k for k in indices if starts[k] >= about[0]["end_s"] and ends[k] <= about[1]["start_s"]}
    if item["skill"] == "order":
        listed = [span["start_s"] for span in about]
        right = [p for p in permutations(range(len(listed))) if [listed[k] for k in p] == sorted(listed)]
        return {k for k, o in enumerate(options) if o["text"] == ", ".join(str(n + 1) for n in right[0])}
    if item["skill"] == "count":
        number = sum(span["end_s"] <= about[0]["start_s"] for span in about[1:])
        return {k for k, o in enumerate(options) if o["text"] == str(number)}
    if item["skill"] == "at":
        time_s = _seconds(item["question"].rsplit(" ", 1)[1].rstrip("?"))
        return {k for k, o in enumerate(options) if any(s["start_s"] <= time_s < s["end_s"] for s in o["spans"])}
    if item["skill"] == "when":
        return {k for k, o in enumerate(options) if o["spans"] == about}
    assert item["skill"] == "said"
    low, high = about[0]["start_s"], about[0]["end_s"]
    return {k for k in indices if starts[k] < high and ends[k] > low}


def _seconds(clock: str) -> float:
    minutes, seconds = clock.split(":")
    return 60.0 * int(minutes) + int(seconds)


@given(count=st.integers(1, 40), apart=st.booleans(), options=st.integers(2, 6), seed=st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_a_solver_that_knows_the_spans_agrees(count: int, apart: bool, options: int, seed: int) -> None:
    row = films.row(count, apart=apart, lines=min(count, 8))
    for item in Questions(options=options, seed=seed).made(row)["items"]:
        if item["right"] is None:
            assert item["skill"] in ("describe", "summary") and item["answer"] == item["letter"]
            continue
        assert solved(item) == {item["right"]}, item["prompt"]
        assert item["options"][item["right"]]["text"] == item["answer"]
        assert len({o["text"] for o in item["options"]}) == len(item["options"]) <= max(options, 4)
        assert f"{item['letter']}. {item['answer']}" in item["prompt"]
        assert all(0 <= s["start_s"] < s["end_s"] <= row["duration_s"] for s in item["evidence"])


def test_times_in_questions_are_those_of_the_right_event_alone() -> None:
    # "at 0:02" was asked about [1, 2), whose middle is written so, and offered [2, 3) as wrong
    rows = []
    for length_s, shift_s in ((1.0, 0.0), (1.0, 0.5), (0.7, 0.0), (0.4, 0.0), (2.5, 0.3)):
        row = films.row(12)
        for k, window in enumerate(row["captioned"][0]["windows"]):
            window |= {"start_s": shift_s + k * length_s, "end_s": shift_s + (k + 1) * length_s}
        rows.append(row)
    asked = {"at": 0, "when": 0, "describe": 0}
    for row in rows:
        for item in Questions(skills=("at", "when", "describe"), each=12).made(row)["items"]:
            asked[item["skill"]] += 1
            if item["skill"] == "at":
                assert solved(item) == {item["right"]}, item["prompt"]
                continue
            shown = [item["question"]] if item["right"] is None else [o["text"] for o in item["options"]]
            spans = [[_seconds(t) for t in re.findall(r"\d+:\d\d", text)] for text in shown]
            assert all(start < end for start, end in spans), item
            if item["right"] is None:
                (own,) = item["about"]
                assert own["start_s"] <= spans[0][0] and spans[0][1] <= own["end_s"], item
            else:
                starts = sorted(spans)
                assert all(a[1] <= b[0] for a, b in pairwise(starts)), item
    assert min(asked.values()) > 20, asked


def test_every_skill_asks_and_keeps_its_number() -> None:
    items = Questions(each=4).made(films.row(40, lines=10))["items"]
    counts = {skill: sum(i["skill"] == skill for i in items) for skill in SKILLS}
    assert counts == {**dict.fromkeys(SKILLS, 4), "summary": 2}
    right = [i["letter"] for i in items if i["right"] is not None]
    assert len(set(right)) == 4, "the right option stands anywhere"


def test_what_may_be_mistaken_is_not_asked_about() -> None:
    items = Questions().made(films.row(30, alike=True))["items"]
    assert {i["skill"] for i in items} == {"summary"}


@pytest.mark.parametrize("source", ["windows", "sections", "sentences"])
def test_the_contract_holds(source: str) -> None:
    operator = Questions(source=source)  # type: ignore[arg-type]
    (made,) = check_operator(operator, [films.row()], other={"each": 2, "seed": 9})
    assert made["items"]
