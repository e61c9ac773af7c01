from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.narrate.grounding.clauses import clauses, rejoined


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        ("A man lifts a heavy barbell.", ["A man lifts a heavy barbell."]),
        ("A man lifts a barbell and a woman claps her hands.", ["A man lifts a barbell", "a woman claps her hands."]),
        (
            "A man lifts a barbell, while the crowd cheers loudly.",
            ["A man lifts a barbell", "the crowd cheers loudly."],
        ),
        ("In a gym, a man lifts a barbell.", ["In a gym, a man lifts a barbell."]),
        ("A tall man and a young woman.", ["A tall man and a young woman."]),
        ("He runs, jumps and falls.", ["He runs, jumps and falls."]),
        ("He cuts the bread with a butter knife.", ["He cuts the bread with a butter knife."]),
        ("She watches the man who's wearing a red shirt.", ["She watches the man who's wearing a red shirt."]),
        ("", [""]),
    ],
)
def test_where_clauses_begin(sentence: str, parts: list[str]) -> None:
    assert [text for _, text in clauses(sentence)] == parts


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        ((True, True), "A man lifts a barbell, and a woman claps her hands!"),
        ((True, False), "A man lifts a barbell!"),
        ((False, True), "A woman claps her hands!"),
        ((False, False), ""),
    ],
)
def test_what_is_left_is_a_sentence(kept: tuple[bool, ...], left: str) -> None:
    assert rejoined(clauses("A man lifts a barbell, and a woman claps her hands!"), kept) == left


def test_a_clause_without_a_subject_does_not_stand_alone() -> None:
    parts = clauses("A dragon burns castles and lifts a heavy barbell.")
    assert rejoined(parts, [False, True]) == ""


def test_no_word_is_left_that_needs_what_was_cut() -> None:
    parts = [("", "The first wall is bright green, which is"), (" ", "followed by grey walls.")]
    assert rejoined(parts, [True, False]) == "The first wall is bright green."
    assert rejoined(parts, [True, True]).startswith("The first wall is bright green, which is")


@settings(deadline=None)
@given(st.text(alphabet="ab ,;.and while then\n", max_size=80))
def test_all_clauses_are_the_sentence(sentence: str) -> None:
    assert rejoined(clauses(sentence), [True] * len(clauses(sentence))) == sentence
