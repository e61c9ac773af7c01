"""Stories whose script is known: perfect captions reach 1, and each way of spoiling them moves its own metric only."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

import pytest

from pipeline.evaluation.exam.language import sentence
from pipeline.evaluation.exam.story import write_story
from pipeline.evaluation.scores.captions import Caption, Event
from pipeline.evaluation.scores.overlap import frequencies
from pipeline.evaluation.scores.references import Reference
from pipeline.evaluation.scores.scoring import score
from pipeline.evaluation.scores.tokens import hashed, ptb_words

SECONDS = 300.0
TRUTH = ("event_precision", "event_recall", "event_order", "event_times", "event_words", "event_polarity")
REACHED = (
    *TRUTH,
    *("soda_d", "soda_c_rouge_l", "dense_rouge_l", "tiou_f1", "ranges_iou", "ranges_precision", "ranges_recall"),
    *("temporal_f1", "mask_f1", "mask_kendall", "mask_spearman", "moment_recall_5", "boundary_recall_1s"),
    *("rouge_1", "rouge_2", "rouge_l_google", "rouge_l_coco", "bleu_4", "hal_precision", "hal_recall"),
)


def script(seed: int) -> list[Event]:
    """The events of a story; a cut, which takes no time, is given a second."""
    events = write_story(SECONDS, seed).events
    return [(e.start_s, max(e.end_s, e.start_s + 1), sentence(e)) for e in events]


def shuffle(events: Sequence[Event]) -> list[Event]:
    found = list(events)
    random.Random(1).shuffle(found)
    return found


def drop(events: Sequence[Event]) -> list[Event]:
    return [e for k, e in enumerate(events) if k % 5]


def swap(events: Sequence[Event]) -> list[Event]:
    """Each shape is another one."""
    other = {"circle": "square", "square": "circle", "triangle": "cross", "cross": "triangle"}
    return [(s, e, re.sub("|".join(other), lambda m: other[m.group()], text)) for s, e, text in events]


def shift(events: Sequence[Event]) -> list[Event]:
    return [(s + 20, e + 20, text) for s, e, text in events]


def negate(events: Sequence[Event]) -> list[Event]:
    return [(s, e, f"It is not true: {text}" if k % 3 == 0 else text) for k, (s, e, text) in enumerate(events)]


def invent(events: Sequence[Event]) -> list[Event]:
    made = [(s + 1, s + 2, "Somebody rides an elephant through heavy snow.") for s, _, _ in events[::4]]
    return sorted([*events, *made])


SPOILS: dict[str, tuple[Callable[[Sequence[Event]], list[Event]], str]] = {
    "shuffle": (shuffle, "event_order"),
    "drop": (drop, "event_recall"),
    "swap": (swap, "event_words"),
    "shift": (shift, "event_times"),
    "negate": (negate, "event_polarity"),
    "invent": (invent, "event_precision"),
}


def scored(events: Sequence[Event], true: Sequence[Event]) -> dict[str, float]:
    text = " ".join(t for _, _, t in true)
    known = frequencies([[hashed(ptb_words(text))], [hashed(["other"])]])
    caption = Caption(
        video_id="v", duration_s=SECONDS, text=" ".join(t for _, _, t in events), events=tuple(events)
    )  # fmt: skip
    return score(caption, [Reference(text, tuple(true), True, SECONDS)], known)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_perfect_captions_reach_1(seed):
    row = scored(script(seed), script(seed))
    assert {name: round(row[name], 6) for name in REACHED} == dict.fromkeys(REACHED, 1.0)
    assert (row["chrf"], row["sacrebleu"]) == pytest.approx((100.0, 100.0))
    assert row["cider_d"] == pytest.approx(10.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", SPOILS)
def test_each_way_of_spoiling_moves_its_own_metric_only(name, seed):
    spoil, own = SPOILS[name]
    row = scored(spoil(script(seed)), script(seed))
    assert row[own] < 0.95
    others = {n: row[n] for n in TRUTH if n != own}
    assert all(v >= 0.999 for v in others.values()), others


@pytest.mark.parametrize(
    "denial", ["It is not true that ", "It's false: ", "That isn't the case: ", "It was never so: "]
)
def test_a_denial_is_polarity_and_no_word_of_the_event(denial):
    true = script(1)
    row = scored([(s, e, f"{denial} {text}") for s, e, text in true], true)
    assert (row["event_words"], row["event_polarity"], row["event_recall"]) == pytest.approx((1.0, 0.0, 1.0))
