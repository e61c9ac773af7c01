from __future__ import annotations

import pytest

from operators.narrate.grounding.ground import Sentence
from operators.narrate.length import Habit, shortfall, trimmed, words_of


def told(*said: tuple[int, int]) -> list[Sentence]:
    """Sentences of so many words, each resting on one window; the first least supported."""
    return [
        Sentence(" ".join(["word"] * words), (window,), {"support": 0.5 + k / 100})
        for k, (words, window) in enumerate(said)
    ]


@pytest.mark.parametrize("ratio", [0.35, 0.6, 1.0, 1.6, 2.5])
def test_a_habit_is_learned_within_two_answers(ratio: float) -> None:
    habit = Habit()
    assert habit.ask(120) == 120
    for _ in range(2):
        asked = habit.ask(120)
        habit.note(asked, round(asked * ratio))
    assert 0.8 <= habit.ask(120) * ratio / 120 <= 1.25


def test_one_odd_answer_asks_for_no_book() -> None:
    habit = Habit()
    habit.note(1000, 0)
    assert habit.ask(100) == 400
    assert habit.ask(1) == 10


def test_a_long_section_is_trimmed_by_whole_sentences() -> None:
    sentences = told((20, 1), (20, 1), (20, 2), (20, 3), (20, 4), (20, 5), (20, 6))
    left = trimmed(sentences, 100)
    assert words_of(left) == 120
    assert left == sentences[1:]  # of the two that rest on window 1 the less supported went
    assert trimmed(sentences, 140) == sentences
    assert trimmed(told((300, 1)), 100) == told((300, 1))
    assert trimmed([], 100) == []


def test_the_reason_is_said_where_the_length_is_missed() -> None:
    assert shortfall(told((95, 1)), 100, "") is None
    assert shortfall(told((50, 1)), 100, "nothing new") == "50 of 100 words: nothing new"
    assert shortfall(told((300, 1)), 100, "") == "300 of 100 words: no sentence of it could be left out"
