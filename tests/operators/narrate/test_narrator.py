"""A long caption as a model writes it: length, citations, small contexts, the outline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

from operators.engines.base import Generation, PromptTooLong, Request, RunningEngine
from operators.narrate.narrate import Narrate
from tests.operators.narrate.films import check_citations, film, model
from tests.support.engines import Model, asked


def test_ten_minutes_become_more_than_a_thousand_words_without_repetition() -> None:
    made, requests = model("long", film(), words_per_minute=120.0)
    assert made["words"] > 1000
    assert sum(len(s["text"].split()) for s in made["sections"]) > 1000
    check_citations(made, range(119))
    for section in made["sections"]:
        told = [s["text"] for s in section["sentences"]]
        assert len(set(told)) == len(told)
    assert made["integrity"] is True
    assert [s["problem"] for s in made["sections"]] == [None] * 10
    kinds = [r.kind for r in requests]
    # the last request is for an opening that does not repeat the sections: this model knows no other words
    assert (kinds[0], kinds[-2:], set(kinds[1:-2])) == ("outline", ["video", "repair"], {"section"})
    assert (made["wanted_words"], made["repeated_sentences"]) == (sum(s["wanted_words"] for s in made["sections"]), 0)
    for section in made["sections"]:
        assert section["length"] is None
        assert 0.9 <= len(section["text"].split()) / section["wanted_words"] <= 1.25


def test_sentences_cite_the_window_that_says_them() -> None:
    made, _ = model("cite", film(), words_per_minute=120.0)
    for section in made["sections"]:
        for sentence in section["sentences"]:
            for number in re.findall(r"number (\d+)", sentence["text"]):
                assert int(number) in sentence["windows"]


def test_the_text_so_far_is_in_the_next_prompt() -> None:
    made, requests = model("so far", film(), words_per_minute=60.0, continuations=0)
    sections = [r for r in requests if r.kind == "section"]
    assert "The description so far ends so:" not in sections[0].prompt
    for before, request in zip(made["sections"], sections[1:], strict=False):
        assert before["sentences"][-1]["text"] in request.prompt


@pytest.mark.parametrize("context", [600, 400])
def test_a_small_context_reduces_everything_and_keeps_the_citations(context: int) -> None:
    made, requests = model(f"small {context}", film(), context=context, words_per_minute=60.0)
    check_citations(made, range(119))
    engine = Model(context=context)
    with engine.open() as running:
        fitting = [r for r in requests if r.kind == "section"]
        assert fitting and all(len(r.prompt.split()) + running.answer_tokens(r) <= context for r in fitting)
    assert any(r.kind == "digest" for r in requests)
    assert made["coverage"] == 1.0


@pytest.mark.parametrize("context", [60, 150, 250])
def test_a_context_too_small_for_any_prompt_lets_the_captions_stand(context: int) -> None:
    made, _ = model(f"tiny {context}", film(minutes=2), context=context, words_per_minute=60.0)
    check_citations(made, range(23))
    assert made["caption"].split("\n\n")[0]
    if context == 60:
        assert made["integrity"] is False
        assert all("the model has room for" in s["problem"] for s in made["sections"])


class Stingy(Model):
    """Counts fewer tokens than a prompt takes, as a tokenizer does that sees the parts of it apart."""

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        with Model.open(self) as running:
            running.count_tokens = lambda text: len(text.split()) * 2 // 3  # type: ignore[method-assign]
            yield running


def test_a_prompt_too_long_in_spite_of_counting_is_made_smaller() -> None:
    with Narrate(engine=Stingy(context=700, log="stingy"), words_per_minute=60.0).open() as apply:
        made = apply(film())
    check_citations(made, range(119))
    assert [s["problem"] for s in made["sections"]] == [None] * 10
    assert made["integrity"] is True


class Full(Model):
    """Has no room for outlines."""

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        with Model.open(self) as running:
            submit = running.submit

            def refuse(request: Request) -> Future[Generation]:
                answer = submit(request)
                if request.kind == "outline":
                    answer = Future()
                    answer.set_exception(PromptTooLong(None, 10))
                return answer

            running.submit = refuse  # type: ignore[method-assign]
            yield running


def test_a_prompt_that_gets_no_shorter_is_not_submitted_again() -> None:
    with Narrate(engine=Full(context=900, log="full"), words_per_minute=60.0).open() as apply:
        made = apply(film(minutes=2))
    prompts = [r.prompt for r in asked("full") if r.kind == "outline"]
    assert 1 < len(prompts) < 6 and len(set(prompts)) == len(prompts)
    assert [s["topic"] for s in made["sections"]] == [None] * 2


def test_the_outline_gives_topics_and_words() -> None:
    made, requests = model("outline", film(), words_per_minute=60.0, continuations=0)
    outline, *sections = [r for r in requests if r.kind not in ("video", "repair")]
    assert outline.schema is not None and len(outline.texts) == 10
    assert "600 words" in outline.prompt
    planned = [t.split(".")[0][:100] for t in outline.texts]
    assert [s["topic"] for s in made["sections"]] == planned
    for number, request in enumerate(sections, 1):  # each section sees the whole plan
        assert f"you write number {number}:" in request.prompt
        assert all(topic in request.prompt for topic in planned)
    words = [s["wanted_words"] for s in made["sections"]]
    assert all(25 <= w <= 120 for w in words)
    assert abs(sum(words) - 600) <= 10


def test_the_outline_sees_one_sentence_of_every_window() -> None:
    _, requests = model("every window", film(), words_per_minute=60.0)
    (outline,) = [r for r in requests if r.kind == "outline"]
    assert all(f"number {k} " in outline.prompt or f"poster {k + 200}." in outline.prompt for k in range(119))
    _, requests = model("every window", film(), words_per_minute=60.0, context=2400)
    (outline,) = [r for r in requests if r.kind == "outline"][-1:]
    assert sum(len(t.split(". ")) for t in outline.texts) == 119  # shorter sentences, of all the same
    assert len(outline.prompt.split()) < 2400


@pytest.mark.parametrize("rule", [{"do": "empty"}, {"do": "say", "text": '{"sections": []}'}])
def test_without_a_good_outline_time_shares_the_words_out(rule: dict[str, Any]) -> None:
    script = [{"kind": "outline", **rule}]
    made, requests = model(f"even {rule}", film(), script=script, words_per_minute=60.0, continuations=0, tries=2)
    words = [s["wanted_words"] for s in made["sections"]]
    # a section is 11 or 12 cells of 5 s, the last one more
    assert set(words) <= {55, 60, 65} and abs(sum(words) - 600) <= 10
    assert [s["topic"] for s in made["sections"]] == [None] * 10
    assert [r.kind for r in requests].count("outline") == 2
    assert made["integrity"] is True  # a plan is a help, no part of what is told


@pytest.mark.parametrize(
    "options", [{"outline": False, "words_per_minute": 60.0}, {"outline": True}, {"section_s": 600.0}]
)
def test_no_outline_is_asked_for_where_there_is_nothing_to_plan(options: dict[str, Any]) -> None:
    _, requests = model(f"unplanned {options}", film(), **options)
    assert not any(r.kind == "outline" for r in requests)
