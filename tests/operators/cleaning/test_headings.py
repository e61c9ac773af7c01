"""Words in front of a caption that name, number or announce it go; those that belong to it stay."""

from __future__ import annotations

import pytest

from bench.cleaning import judged
from operators.cleaning.context import NOTHING
from operators.cleaning.headings import announcements, headings
from tests.support.talk_lists import HELD_HEADS, ODD_HEADS

FIRST = "Two boys paddle a canoe across a lake."
SECOND = "One of them drops his paddle."


def stays(head: str, first: str) -> bool:
    text, gate = judged(f"{head}{first} {SECOND}")
    return (text[:1].upper() + text[1:], gate) != (f"{FIRST} {SECOND}", None)


@pytest.mark.parametrize("first", [FIRST, FIRST[:1].lower() + FIRST[1:]])
def test_odd_words_before_a_caption_are_removed(first: str) -> None:
    assert [head for head in ODD_HEADS if stays(head, first)] == []


@pytest.mark.parametrize("first", [FIRST, FIRST[:1].lower() + FIRST[1:]])
def test_most_words_before_a_caption_that_nobody_has_seen_are_removed(first: str) -> None:
    """No rule was written after these."""
    stayed = [head for head in HELD_HEADS if stays(head, first)]
    assert len(stayed) <= 0.25 * len(HELD_HEADS), stayed


@pytest.mark.parametrize(
    "caption",
    [
        "Two pictures: one of a dog and one of a cat, hang above the bed.",
        "Second attempt: the boy clears the bar and lands on the mat.",
        "Text on the wall: no bathing in the lake.",
        "The score on the board: three to one.",
        "The caption under the photo - a name and a year - is hard to read.",
        "Part of the fence has fallen over - a cow steps out.",
        "What happens is a surprise to all: the cake explodes.",
        "Here comes the bride: the guests rise from their chairs.",
        "My attempt at a cake: it falls apart in my hands.",
        "It reads like this: keep out of the field.",
        "One moment the boy sits still, the next he jumps up.",
        "Following your car, a dog runs down the street.",
        "Looking at the pictures, a woman begins to cry.",
        "In a nutshell lies a ring, and he kneels down.",
        '"Caption": that is what the boy writes on the board.',
        "Summary:",
    ],
)
def test_words_that_belong_to_a_caption_stay(caption: str) -> None:
    assert announcements(headings(caption, NOTHING), NOTHING) == caption


def test_of_several_ends_the_last_counts_and_the_rest_begins_with_a_capital() -> None:
    assert headings("[Window 2 | 10-20 s] two boys run.", NOTHING) == "Two boys run."
    assert headings("Caption: Scene 3: a man: tall and thin.", NOTHING) == "A man: tall and thin."
    assert announcements("One moment. Let me think. Here goes nothing: a man runs.", NOTHING) == "A man runs."
