"""Names of speakers: one for the whole video, none twice, none that nobody says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from operators.audio.lines import SpeechLine
from operators.core.registry import make
from operators.talk.speakers import assign


def answer(*pairs: tuple[str, str], valid: bool = True) -> dict[str, Any]:
    return {"valid": valid, "fields": json.dumps({"names": [{"speaker": s, "name": n} for s, n in pairs]})}


def test_conflicts_are_decided_for_the_whole_video() -> None:
    assert assign({("S1", "Anna"): 2, ("S2", "Anna"): 3, ("S1", "Eva"): 1}) == {"S2": "Anna", "S1": "Eva"}
    assert assign({("S1", "Anna"): 1, ("S2", "anna"): 1}) == {"S1": "Anna"}


def test_what_nobody_says_is_no_name() -> None:
    lines = [
        SpeechLine(start_s=0, end_s=2, text="I am Anna.", speaker="S1").row(),
        SpeechLine(start_s=3, end_s=4, text="Hello.", speaker="S2").row(),
        SpeechLine(start_s=5, end_s=6, text="(music)").row(),
    ]
    guesses = [
        answer(("S1", "Anna"), ("S2", "Zoe")),
        answer(("S9", "Anna")),
        answer(("S2", "Anna"), ("S2", "Anna"), valid=False),
        {"valid": True, "fields": None},
    ]
    with make("name_speakers", {}).open() as run:
        row = run({"speech": lines, "guesses": guesses})
    assert [line["speaker_name"] for line in row["speech"]] == ["Anna", None, None]
    assert [(s["speaker"], s["name"], s["lines"], s["seconds"]) for s in row["speakers"]] == [
        ("S1", "Anna", 1, 2.0),
        ("S2", None, 1, 1.0),
    ]


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("I cannot also come.", "Ann", False),
        ("This is Ann's.", "Ann", True),
        ("THIS IS MARY-JANE O’NEIL.", "Mary Jane O'Neil", True),
        ("Mary came. Jane left.", "Jane Mary", False),
        ("我叫王伟，你好。", "王伟", True),
        ("我叫Ann。", "Ann", True),
        ("यह रामी है", "राम", False),
        ("यह राम है", "राम", True),
        ("Hello.", "…", False),
    ],
)
def test_a_name_is_said_as_whole_words(text: str, name: str, said: bool) -> None:
    lines = [SpeechLine(start_s=0, end_s=2, text=text, speaker="S1").row()]
    with make("name_speakers", {}).open() as run:
        row = run({"speech": lines, "guesses": [answer(("S1", name))]})
    assert row["speech"][0]["speaker_name"] == (name if said else None)


def test_a_name_is_said_within_one_line() -> None:
    lines = [SpeechLine(start_s=k, end_s=k + 1, text=text, speaker="S1").row() for k, text in enumerate(("Ann", "Lee"))]
    with make("name_speakers", {}).open() as run:
        row = run({"speech": lines, "guesses": [answer(("S1", "Ann Lee"))]})
    assert row["speakers"][0]["name"] is None
