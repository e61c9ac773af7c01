"""Prompts are rendered again from what an output holds, and their hash says whether that is what the model saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from operators.analysis.facts import Facts, Light, Line, Piece
from operators.caption.caption import Caption
from operators.core.base import Row
from operators.coreference.names import with_renames
from operators.coreference.rewriting import rewritten
from pipeline.viewer.prompts import Whole, frame_prompt, read_config, section_prompt, window_prompt_of
from tests.operators.narrate.films import film, model
from tests.support.engines import Scripted, asked
from tests.support.rows import decoded, section

FACTS = Facts(
    start_s=0.0,
    end_s=100.0,
    transitions=(),
    pieces=tuple(
        Piece(start_s=5.0 * k, end_s=5.0 * k + 5, light=Light(level="dark", mean=0.2, contrast=0.1)) for k in range(20)
    ),
    subtitles=(Line(text="To the river!", start_s=12.0, end_s=14.0),),
)


def captioned(log: str, **options: Any) -> tuple[Row, dict[str, Any]]:
    """A segment that an engine with a log has captioned, and the config of the run as plain values."""
    caption = Caption(engine=Scripted(script="[]", log=log), **options)
    with caption.open() as work:
        made = work(decoded("v", 0, facts=FACTS.dump()))
    return made, {"caption": {**options, "engine": {"kind": "scripted"}}}


@pytest.mark.parametrize("options", [{}, {"chain": "none"}, {"language": "French", "warm_up_windows": 0}])
def test_what_is_shown_is_what_the_model_saw(options: dict[str, Any]) -> None:
    log = f"prompts-{options}"
    made, config = captioned(log, **options)
    requests = {r.start_s: r.prompt for r in asked(log) if r.kind == "window"}
    texts = {w["window_index"]: w["text"] for w in made["windows"]}
    for window in made["windows"]:
        before = texts.get(window["previous_window"], "")
        shown = window_prompt_of(config, window, before, FACTS)
        assert shown.exact and shown.text == requests[window["start_s"]]
    frame = frame_prompt(config, made["frames"][3])
    assert frame.exact and frame.text in {r.prompt for r in asked(log) if r.kind == "frame"}
    third = window_prompt_of(
        config, made["windows"][2], texts[1] if made["windows"][2]["previous_window"] else "", FACTS
    )
    assert "To the river!" in third.text and "dark" in third.text


def test_a_prompt_that_cannot_be_rendered_again_is_said_to_be_a_template() -> None:
    made, config = captioned("prompts-other")
    shown = window_prompt_of(config, made["windows"][2], "another caption before", FACTS)
    assert not shown.exact and "{{ pictures }}" in shown.text and made["windows"][2]["prompt_hash"] in shown.note


def whole(sections: list[Row], segments: list[Row], names: Sequence[Row] = (), duration_s: float = 100.0) -> Whole:
    facts = [found for s in segments if (found := Facts.of(s)) is not None]
    return Whole(
        sections=sections,
        names=names,
        segments=segments,
        duration_s=duration_s,
        facts=Facts.merge(facts) if facts else None,
        heard=None,
    )


def test_the_prompt_of_a_section_is_rendered_again_with_the_names_that_stood_in_the_captions() -> None:
    row = film(minutes=2, text=lambda k: f"A woman opens door number {k} of the house.")
    names = [{"name_id": "n0", "name": "Anna", "aliases": ["a woman"], "windows": list(range(30)), "looks": []}]
    named = [rewritten(s, names) for s in row["captioned"]]
    stored = with_renames(names, [one for _, renames in named for one in renames])
    made, requests = model("viewer-section", {**row, "captioned": [s for s, _ in named]}, words_per_minute=60.0)
    asked_for = [r.prompt for r in requests if r.kind == "section"]
    config = {"narrate": {"words_per_minute": 60.0}}
    for number in range(2):
        shown = section_prompt(config, number, whole(made["sections"], row["captioned"], stored, 120.0))
        assert shown.exact and shown.text in asked_for and "Anna opens door" in shown.text
    other = [{**s, "windows": [{**w, "text": "Changed."} for w in s["windows"]]} for s in row["captioned"]]
    for names_of in (stored, []):
        shown = section_prompt(config, 1, whole(made["sections"], other, names_of, 120.0))
        assert not shown.exact and "{{" in shown.text and made["sections"][1]["prompt_hash"] in shown.note


@pytest.mark.parametrize("name", ["/etc/passwd", "../../secret.j2", "/tmp/own.j2", 7, None])
def test_no_file_that_an_output_names_is_read(name: Any) -> None:
    made, config = captioned(f"prompts-file-{name}")
    config["caption"] |= {"window_prompt": name, "frame_prompt": name}
    assert window_prompt_of(config, made["windows"][0], "", FACTS).text == ""
    assert frame_prompt(config, made["frames"][0]).text == ""
    assert section_prompt({"narrate": {"section_prompt": name}}, 0, whole([section()], [])).text == ""


@pytest.mark.parametrize("data", [None, b"", b"[1, 2]", b"{", b"\xff", b"a: !!python/object:os.system {}"])
def test_a_config_that_is_none_is_empty(data: bytes | None) -> None:
    assert read_config(data) == {}


def test_a_config_is_read_as_plain_values() -> None:
    assert read_config(yaml.safe_dump({"caption": {"language": "French"}}).encode()) == {
        "caption": {"language": "French"}
    }
