"""Sentences of talk: those that are known go, and most of those that nobody has seen; true ones stay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.cleaning import judged
from bench.talk import said_beside
from operators.cleaning.classifier import MEANING, classified, fitted, is_talk, talk_score
from operators.cleaning.context import Context, Embed
from operators.cleaning.medium import about_the_medium
from operators.embedding.sentences import embedder, installed
from tests.support.talk_lists import (
    HEADS,
    HELD_ODD_TALK,
    HELD_ODD_TRUE,
    HELD_TALK,
    HELD_TRUE,
    TALK,
    TRUE,
)

FIRST = "Two boys paddle a canoe across a lake."
SECOND = "One of them drops his paddle."


def _lands(sentence: str, embed: Embed | None = None) -> bool:
    text, gate = judged(f"{FIRST} {SECOND} {sentence}", embed=embed)
    assert gate is not None or text.startswith(f"{FIRST} {SECOND}"), sentence
    return gate is None and text != f"{FIRST} {SECOND}"


def _lost(sentence: str, embed: Embed | None = None) -> bool:
    """Whether less than half of the words of a true sentence are left; "The clip shows a dog." may become "A dog."."""
    text, gate = judged(f"{FIRST} {sentence} {SECOND}", embed=embed)
    words = set(sentence.lower().rstrip(".").split())
    return gate is not None or 2 * len(words & set(text.lower().rstrip(".").split())) < len(words)


def test_talk_of_every_wording_is_removed_and_the_caption_around_it_stays() -> None:
    landed = [s for s in TALK if _lands(s)]
    assert len(landed) <= 0.125 * len(TALK), landed


def test_most_talk_that_nobody_has_seen_is_removed() -> None:
    """Nothing is fitted on these: the share that lands is what an unknown model may expect."""
    landed = [s for s in HELD_TALK if _lands(s)]
    assert len(landed) <= 0.25 * len(HELD_TALK), landed


def test_half_of_the_talk_of_odd_kinds_is_removed() -> None:
    landed = [s for s in HELD_ODD_TALK if _lands(s)]
    assert len(landed) <= 0.5 * len(HELD_ODD_TALK), landed


def test_true_sentences_that_look_like_talk_stay() -> None:
    for true, share in (((*TRUE, *HELD_TRUE), 0.015), (HELD_ODD_TRUE, 0.05)):
        lost = [s for s in true if _lost(s)]
        assert len(lost) <= share * len(true), lost


@pytest.mark.skipif(not installed(), reason="the extra grounding is not installed")
def test_embeddings_find_more_talk_and_take_fewer_true_sentences() -> None:
    embed = embedder()
    for said, share in ((HELD_TALK, 0.2), (HELD_ODD_TALK, 0.25)):
        landed = [s for s in said if _lands(s, embed)]
        assert len(landed) <= share * len(said), landed
    lost = [s for s in (*HELD_TRUE, *HELD_ODD_TRUE) if _lost(s, embed)]
    assert len(lost) <= 0.02 * len((*HELD_TRUE, *HELD_ODD_TRUE)), lost


def test_nothing_is_fitted_on_what_is_held_out() -> None:
    assert not {*HELD_TALK, *HELD_ODD_TALK} & {*TALK, *said_beside()}
    assert not {*HELD_TRUE, *HELD_ODD_TRUE} & {*TRUE}


def test_only_sentences_with_words_of_talk_are_embedded_and_without_what_they_quote() -> None:
    texts: list[str] = []

    def embed(some: Sequence[str]) -> NDArray[np.float32]:
        texts.extend(some)
        return np.zeros((len(some), 384), np.float32)

    assert not is_talk(FIRST, embed) and not is_talk("Ok then", embed)
    said = "“Sure,” as requested, I have kept the description short. [3]"
    assert talk_score(FIRST) < fitted(MEANING).floor < talk_score(said)
    is_talk(said, embed)
    assert texts == ["“…” as requested, I have kept the description short."]


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.strip() or "blank")
def test_words_before_a_caption_are_removed(head: str) -> None:
    text, gate = judged(f"{head}two boys paddle a canoe across a lake. {SECOND}")
    assert (text[:1].upper() + text[1:], gate) == (f"{FIRST} {SECOND}", None)


def test_only_sentences_are_scored_that_it_can_read() -> None:
    said = "I have kept the description short, as requested."
    assert is_talk(said)
    assert talk_score("Ok then") == float("-inf")
    assert classified(f"{FIRST} {said}", Context(language="English")) == FIRST
    assert classified(f"{FIRST} {said}", Context(language="en-US")) == FIRST
    assert classified(f"{FIRST} {said}", Context(language="German")) == f"{FIRST} {said}"
    assert classified(said, Context()) == said  # an answer of nothing else is for the gates
    assert not is_talk("Daylight returns. [3]"), "a mark is no word"
    assert is_talk(f"{said} [3]") and about_the_medium("The girls' ages are not specified. [2, 4]")
    assert not is_talk(f'A woman says: "{said}"')


@pytest.mark.parametrize(
    ("sentence", "talks"),
    [
        ("The video maintains a steady pace throughout.", True),
        ("The footage was probably shot on a phone.", True),
        ("Viewers might find the scene heartwarming.", True),
        ("No dialogue is heard in the clip.", True),
        ("The girls' ages are not specified.", True),
        ("The video fades to black.", False),
        ("The video then cuts to a man on a motorcycle.", False),
        ("The video on his phone stops.", False),
        ("Viewers in the stand rise to their feet.", False),
        ("The clip snaps shut on the bag.", False),
        ("Perhaps startled by the whistle, the dog bolts.", False),
        ("There is no one on the platform.", False),
    ],
)
def test_the_subject_of_a_sentence_decides(sentence: str, *, talks: bool) -> None:
    assert about_the_medium(sentence) is talks


@pytest.mark.parametrize(
    "talk",
    [
        'The note says that the image is "brown and olive-like" but does not specify what kind of image it is.',
        "It doesn't mention what is happening to the image after the shot, which is the main image.",
    ],
)
def test_an_answer_of_nothing_but_talk_becomes_empty_where_another_text_replaces_it(talk: str) -> None:
    assert classified(talk, Context()) == talk
    assert classified(talk, Context(may_empty=True)) == ""
    assert classified(FIRST, Context(may_empty=True)) == FIRST
