"""Prompts of sections are rendered again from rows: one of the candidates has the hash that the row keeps."""

from __future__ import annotations

from typing import Any

import pytest

from operators.analysis.facts import Facts
from operators.audio.heard import Heard
from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.core.grid import Grid
from operators.core.windows import Windows
from operators.narrate.grounding.toolkit import Toolkit
from operators.narrate.replay import section_prompts
from operators.narrate.whole import Cells
from operators.prompts import load_prompt
from tests.operators.narrate.films import film, loaded, model, run

_SPEECH = [
    {"start_s": 12.0, "end_s": 14.0, "text": "To the river!", "source": "recognised", "language": "en", "words": None}
]


def replayed(row: Row, made: Row, number: int, prompt: str = "section") -> list[str]:
    segments = row["captioned"]
    grid = Grid(row["duration_s"], row["window_s"], row["stride_s"])
    facts = [Facts.of(s) for s in segments]
    layout = Windows(grid=grid, rule=row["window_rule"], min_shot_s=row["min_shot_s"])
    measured = [f for f in facts if f is not None]
    indices = set(made["sections"][number]["windows"])
    return list(
        section_prompts(
            load_prompt(prompt),
            number,
            made["sections"],
            [w for s in segments for w in s["windows"] if w["window_index"] in indices],
            [f for s in segments for f in s["frames"] if f["valid"]],
            cells=Cells.of(layout, segments, facts),
            grid=grid,
            facts=Facts.merge(measured) if measured else Facts(start_s=0.0, end_s=100.0, cell_s=5.0),
            heard=Heard.of(row.get("speech")),
            toolkit=Toolkit(),
            language="English",
        )
    )


@pytest.mark.parametrize("options", [{}, {"words_per_minute": 60.0}, {"words_per_minute": 90.0, "outline": False}])
def test_one_candidate_is_what_the_model_saw(options: dict[str, Any]) -> None:
    row = film()
    made, requests = model(f"replay-{len(options)}", row, **options)
    asked = {r.prompt for r in requests if r.kind == "section"}
    for number, section in enumerate(made["sections"]):
        found = [text for text in replayed(row, made, number) if digest(text) == section["prompt_hash"]]
        assert found and found[0] in asked
    assert any("The plan of the whole" in prompt for prompt in asked) == (options == {"words_per_minute": 60.0})


def test_what_is_said_stands_in_it() -> None:
    row = {**loaded(), "speech": _SPEECH}
    made, _ = run("replay-speech", row, section_prompt="section_speech")
    texts = [t for t in replayed(row, made, 0, "section_speech") if digest(t) == made["sections"][0]["prompt_hash"]]
    assert texts and "To the river!" in texts[0]


def test_other_captions_give_none_of_its_hash() -> None:
    row = loaded()
    made, _ = run("replay-other", row)
    for segment in row["captioned"]:
        segment["windows"] = [{**w, "text": "Something else."} for w in segment["windows"]]
    assert not [t for t in replayed(row, made, 1) if digest(t) == made["sections"][1]["prompt_hash"]]
