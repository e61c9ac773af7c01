"""The recipes over speech, with scripted engines: their calls, what they keep, and that nothing is asked twice."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

import pipeline as longcap
from operators.engines.base import Request
from pipeline.config.load import _recipe_folder
from tests.support.engines import asked
from tests.support.speech import mixed, needs_espeak, spoken, write_clip

LENGTH_S = 24.0
TEXTS = ["add two cups of flour Anna", "stir for 10 minutes"]
PLANTED = {"kind": "tests.support.speech:Planted", "texts": TEXTS}
ENTRY = {"start_s": 8.0, "end_s": 10.0, "text": "Stir for 10 minutes.", "title": "Stirring", "quantities": ["20 g"]}
SCRIPTED = {
    "recogniser": PLANTED,
    "embedder": {"kind": "tests.support.talk:Brightness"},
    "speakers": {"kind": "tests.support.talk:Turns"},
}
VALUES = {
    "entries": [ENTRY, {**ENTRY, "start_s": 1.0, "text": "Add flour.", "quantities": []}, {**ENTRY, "start_s": 400.0}],
    "names": [{"speaker": "S1", "name": "Anna"}, {"speaker": "S2", "name": "Bob"}],
}
CASES: dict[str, dict[str, int]] = {  # kind of request -> how many, of 24 s in four windows and one segment
    "howtocaption": {"answers": 1},
    "align": {},
    "av": {"heard": 4, "av_en": 4, "av_zh": 4},
    "chapters": {"proposed": 1},
    "procedural": {"answers": 1},
    "storyteller": {"guesses": 1, "stories": 1},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("talk")
    said = [(1.0, spoken("Hello everybody, add two cups of flour.")), (7.5, spoken("Stir it for ten minutes, please."))]
    write_clip(found / "talk.mp4", [mixed(LENGTH_S, said)], length_s=LENGTH_S)
    description = "A cake\n0:00 Mixing\n0:08 - Stirring"
    (found / "list.jsonl").write_text(json.dumps({"uri": str(found / "talk.mp4"), "description": description}) + "\n")
    return found


def scripted(name: str) -> longcap.Config:
    """A shipped recipe with its models replaced."""
    raw = yaml.safe_load(Path(str(_recipe_folder() / f"{name}.yaml")).read_text())
    engine = {"kind": "tests.support.published:Obliging", "log": f"talk {name}", "values": json.dumps(VALUES)}
    for table in raw["tables"].values():
        for step in table["steps"]:
            for options in step.values() if isinstance(step, dict) else ():
                options.update({k: SCRIPTED[k] for k in options if k in SCRIPTED})
    if "speech" not in raw["tables"] and raw["extends"] == "speech":
        raw["tables"]["speech"] = {"level": "video", "steps": [{"listen": {"recogniser": PLANTED}}]}
    engines = [f"engines.{engine_name}={json.dumps(engine)}" for engine_name in raw.get("engines", {})]
    return longcap.load_config(name, [*engines, f"tables={json.dumps(raw['tables'])}", "run.flush_s=0"])


@needs_espeak
@pytest.mark.parametrize("name", CASES)
def test_a_recipe_makes_the_requests_that_it_should_once(name: str, folder: Path, tmp_path: Path) -> None:
    config = scripted(name)
    for _ in range(2):  # the second run asks nothing
        result = longcap.run(str(folder / "list.jsonl"), str(tmp_path / "out"), config, quiet=True)
        assert result.ok, [f["message"] for f in result.failures()]
        requests = asked(f"talk {name}")
        assert dict(Counter(r.kind for r in requests)) == CASES[name]
    CHECKS[name](result, requests)


def only(result: longcap.Result, table: str) -> Any:
    (row,) = result.table(table).to_pylist()
    return row


def howtocaption(result: longcap.Result, requests: list[Request]) -> None:
    assert '1: "add two cups of flour Anna"' in requests[0].prompt, "each line keeps its second"
    said = only(result, "said")
    assert [(c["start_s"], c["end_s"]) for c in said["said_captions"]] == [(1.0, 9.0), (8.0, 16.0)]
    assert said["said_captions_dropped"] == 1, "a second behind the block"
    aligned = only(result, "pairs")["aligned"]
    assert [c["start_s"] - c["original_start_s"] for c in aligned] == [1.0, 4.0], "the brightest 8 s nearby"
    best = only(result, "best")
    scores = sorted((c["score"] for c in aligned), reverse=True)
    assert best["threshold"] == scores[0], "to the last digit: else the best itself would be dropped"
    assert (best["captions"], best["kept"]) == (2, sum(s >= scores[0] for s in scores))
    kept = only(result, "kept")
    assert kept["best"] == [c for c in aligned if c["score"] == scores[0]] and kept["dropped"] == 2 - best["kept"]


def align(result: longcap.Result, requests: list[Request]) -> None:
    row = only(result, "aligned")
    assert row["aligned"] and 0.0 <= row["not_alignable"] <= 1.0


def av(result: longcap.Result, requests: list[Request]) -> None:
    heard = {(r.start_s, r.end_s): r.prompt for r in requests if r.kind == "heard"}
    assert "flour" in heard[0.0, 10.0] and "flour" not in heard[10.0, 20.0]
    merged = [r for r in requests if r.kind == "av_zh"]
    assert all("in Chinese" in r.prompt and "The heard from" in r.prompt and r.schema for r in merged)
    row = only(result, "merged")
    assert set(json.loads(row["av_en"][0]["fields"])) == {"summary", "seen", "heard"}
    assert len(row["av_en"]) == len(row["av_zh"]) == 4


def chapters(result: longcap.Result, requests: list[Request]) -> None:
    listed = only(result, "listed")
    assert [(c["start_s"], c["end_s"], c["title"]) for c in listed["chapters"]] == [
        (0.0, 8.0, "Mixing"),
        (8.0, LENGTH_S, "Stirring"),
    ]
    made = only(result, "chapters")["made_chapters"]
    assert [(c["start_s"], c["end_s"], c["text"]) for c in made] == [
        (0.0, 8.0, "Stirring"),  # the answer says 1.0: the rest before it belongs to it
        (8.0, LENGTH_S, "Stirring"),
    ]
    assert "flour" in requests[0].prompt and "Seen:" in requests[0].prompt


def procedural(result: longcap.Result, requests: list[Request]) -> None:
    steps = only(result, "steps")["steps"]
    assert [(s["start_s"], s["text"], s["supported"]) for s in steps] == [
        (1.0, "Add flour.", True),
        (8.0, "Stir for 10 minutes.", False),  # nobody says 20 g
    ]
    assert json.loads(steps[1]["fields"])["quantities"] == ["20 g"]


def storyteller(result: longcap.Result, requests: list[Request]) -> None:
    cast = only(result, "cast")
    assert [(s["speaker"], s["name"], s["votes"]) for s in cast["speakers"]] == [("S1", "Anna", 1), ("S2", None, 0)]
    assert [line["speaker_name"] for line in cast["speech"]] == ["Anna", None]
    story = next(r for r in requests if r.kind == "stories").prompt
    assert 'Anna: "add two cups' in story and 'S2: "stir' in story and "Seen:" in story
    assert (story.count("- 0:00 to 0:10: "), story.count("- 0:15 to 0:24: ")) == (1, 1)


CHECKS = {f.__name__: f for f in (howtocaption, align, av, chapters, procedural, storyteller)}
