"""Captions from answers: what a time must be, what is dropped, and which numbers the speech supports."""

from __future__ import annotations

import json
from typing import Any

import pytest

from longcap.testing import check_operator
from operators.audio.lines import SpeechLine
from operators.core.base import Row
from operators.core.registry import make
from operators.talk.timed import Timed


def row(entries: list[dict[str, Any]], *, start_s: float = 0.0, end_s: float = 60.0, **more: Any) -> Row:
    answer = {"index": 0, "start_s": start_s, "end_s": end_s, "fields": json.dumps({"entries": entries}), "valid": True}
    return {"answers": [answer], "duration_s": 3600.0, **more}


def times(made: Row) -> list[tuple[float, float]]:
    return [(c["start_s"], c["end_s"]) for c in made["captions"]]


def test_an_answer_that_was_refused_is_counted() -> None:
    one = row([{"start_s": 5, "text": "Cut it."}])
    refused = {"index": 1, "start_s": 60.0, "end_s": 120.0, "fields": None, "valid": False}
    with Timed(of="answers").open() as apply:
        made = apply({**one, "answers": [*one["answers"], refused]})
    assert times(made) == [(5, 13)] and made["captions_dropped"] == 1


@pytest.mark.parametrize(
    ("start_s", "end_s", "expected"),
    [
        (5, 12, [(5, 12)]),
        (5, None, [(5, 13)]),  # only a missing end is made up
        (5, 60.9, [(5, 60.9)]),  # models write whole seconds
        (5, 3000, []),
        (25, 20, []),
        (25, 25, []),
        (25, -1, []),
        (61.5, None, []),
    ],
)
def test_a_time_outside_of_the_block_or_an_end_before_the_start_is_dropped(
    start_s: float, end_s: float | None, expected: list[tuple[float, float]]
) -> None:
    entry = {"start_s": start_s, "text": "Cut it."} | ({} if end_s is None else {"end_s": end_s})
    (made,) = check_operator(Timed(of="answers"), [row([entry])], other={"length_s": 9.0})
    assert times(made) == expected and made["captions_dropped"] == 1 - len(expected)


def test_the_end_of_a_video_ends_its_last_entry() -> None:
    (made,) = check_operator(Timed(of="answers"), [row([{"start_s": 57, "text": "Cut it."}], duration_s=59.6)])
    assert times(made) == [(57, 59.6)]


@pytest.mark.parametrize(
    ("entry", "supported"),
    [
        ({"text": "Faire cuire la crème brûlée.", "quantities": ["une pincée"]}, True),
        ({"text": "Bake for 40 minutes."}, False),  # the second of a line is not said
        ({"text": "Add 3 eggs.", "quantities": ["3"], "count": 3.0, "sure": True}, True),
        ({"text": "S1 adds 3 eggs."}, True),
        ({"text": "Add 1 egg."}, False),  # a speaker's label is not said
        ({"text": "Add 2 eggs.", "why": {"quantities": [4]}}, False),
    ],
)
def test_numbers_must_be_said(entry: dict[str, Any], supported: bool) -> None:
    lines = [
        SpeechLine(start_s=40, end_s=42, text="Une pincée, and 3 eggs.", speaker="S1").row(),
        SpeechLine(start_s=43, end_s=44, text="Then 2 more.").row(),
    ]
    with make("blocks", {}).open() as blocks:
        blocked = blocks({"speech": lines, "duration_s": 60.0})["blocks"]
    with Timed(of="answers", source="blocks").open() as apply:
        made = apply(row([{"start_s": 40, **entry}], blocks=blocked))
    assert made["captions"][0]["supported"] is supported


def test_chapters_start_with_the_video_and_each_ends_at_the_next() -> None:
    entries = [{"start_s": 5, "text": "One"}, {"start_s": 40, "end_s": 3, "text": "Two"}]
    with Timed(of="answers", until="next").open() as apply:
        assert times(apply(row(entries, duration_s=60.0))) == [(0, 40), (40, 60)]
        # a long opening belongs to no chapter
        assert times(apply(row(entries[1:], duration_s=60.0))) == [(40, 60)]
