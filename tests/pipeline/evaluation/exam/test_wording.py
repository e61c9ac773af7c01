from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pipeline.evaluation.exam.events import Event
from pipeline.evaluation.exam.language import sentence
from pipeline.evaluation.exam.story import write_story
from pipeline.evaluation.exam.wording import read, worded


def _bare(event: Event) -> Event:
    return replace(event, start_s=0.0, end_s=0.0)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_told_in_real_wording_reads_back_to_the_same_events(seed: int) -> None:
    story = write_story(120.0, seed)
    predicted = worded(story.events, random.Random(seed))
    found = list(read(" ".join(predicted)))
    assert len(found) == len(story.events)
    for event, back in zip(story.events, found, strict=True):
        who = event.who if back.who else None  # "it"
        size = event.size if event.kind == "enter" else None
        assert _bare(replace(event, who=who, size=size)) == back


def test_words_differ_from_telling_to_telling_and_from_the_little_language() -> None:
    story = write_story(120.0, 1)
    tellings = {tuple(worded(story.events, random.Random(k))) for k in range(10)}
    assert len(tellings) == 10
    plain = {sentence(e) for e in story.events}
    assert not plain & {s for predicted in tellings for s in predicted}
    every = [s for predicted in tellings for s in predicted]
    assert any(" while " in s or ", and " in s for s in every) and any(s.startswith("It ") for s in every)


@pytest.mark.parametrize("text", ["The red circle sings.", "Nothing moves.", "The red circle does not get bigger.", ""])
def test_a_sentence_that_tells_of_no_event_is_passed_over(text: str) -> None:
    assert list(read(text)) == []
