"""A table of speech in a job: made once, and each word of it in the prompts of the right windows and sections."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pipeline as longcap
from operators.core.grid import Grid
from operators.engines.base import Request
from pipeline.config.load import load_config
from pipeline.output.verification import verify
from pipeline.terminal.errors import UsageError
from tests.support.engines import asked
from tests.support.speech import mixed, needs_espeak, spoken, write_clip

LONG = "Yesterday evening we walked along the old harbour and watched the ships come in."
TEXTS = ["alpha bravo charlie delta", "echo foxtrot golf hotel india juliett kilo lima"]
LENGTH_S = 24.0

RECIPE = """
extends: speech
tables:
  speech:
    level: video
    steps: [{{listen: {{recogniser: {{kind: "tests.support.speech:Planted", texts: {texts}}}}}}}]
caption: {{engine: {{kind: "tests.support.engines:Scripted", log: {log}}}}}
narrate: {{engine: {{kind: "tests.support.engines:Scripted", log: {log}}}, section_s: 12}}
plan: {{segment_s: 10}}
run: {{flush_s: 0}}
"""


def recipe(tmp_path: Path, log: str, texts: list[str] = TEXTS) -> longcap.Config:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(texts=json.dumps(texts), log=log))
    return longcap.load_config(path)


@needs_espeak
def test_each_word_is_in_the_prompts_of_its_windows_and_of_no_others(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    said = [(1.0, spoken("Hello everybody and welcome to this talk.")), (7.5, spoken(LONG))]  # over a segment's end
    write_clip(tmp_path / "in" / "talk.mp4", [mixed(LENGTH_S, said)], length_s=LENGTH_S)
    config = recipe(tmp_path, "words")
    result = longcap.run(str(tmp_path / "in"), str(tmp_path / "out"), config, quiet=True)
    assert result.ok and result.report.tables["speech"]["done"] == 1
    (row,) = result.table("speech").to_pylist()
    words = [w for line in row["speech"] for w in line["words"]]
    assert [w["text"] for w in words] == " ".join(TEXTS).split()

    requests = asked("words")
    grid = Grid(LENGTH_S, 10.0, 5.0)
    windows = {(r.start_s, r.end_s): r for r in requests if r.kind == "window"}
    assert set(windows) == {(s.start_s, s.end_s) for s in map(grid.window, range(4))}
    sections = [r for r in requests if r.kind == "section"]
    assert len(sections) == 2
    for request in [*windows.values(), *sections]:
        for word in words:
            middle_s = (word["start_s"] + word["end_s"]) / 2
            assert (word["text"] in request.prompt) == (request.start_s <= middle_s < request.end_s), (
                word,
                request.start_s,
            )
    assert all(quoted(r) == spoken_in(r) for r in windows.values())
    assert verify(longcap.open(str(tmp_path / "out"))).findings == []

    before = len(requests)
    again = longcap.run(str(tmp_path / "in"), str(tmp_path / "out"), config, quiet=True)
    assert again.ok and len(asked("words")) == before, "nothing is made again"


def quoted(request: Request) -> int:
    return request.prompt.count("heard: ")


def spoken_in(request: Request) -> int:
    assert request.facts is not None and request.facts.subtitles is not None and request.facts.heard
    return len(request.facts.subtitles)


def test_the_shipped_recipe_fits_and_the_default_one_does_not_know_of_it() -> None:
    config = load_config("speech")
    assert set(config.tables) == {"speech", "segments", "dataset"}
    assert not load_config().tables


def test_a_narrators_prompt_must_have_a_place_for_speech() -> None:
    server = "narrate.engine={kind: openai, model: m, base_url: 'https://host/v1', api_key_env: null}"
    load_config("speech", [server])
    with pytest.raises(UsageError, match="section_prompt to section_speech"):
        load_config("speech", [server, "narrate.section_prompt=section"])
