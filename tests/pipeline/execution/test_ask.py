"""Steps `ask`, `candidates` and `pick` in a recipe: what is made, what is made anew, what a wrong recipe says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

import pipeline as longcap
from pipeline.output.verification import verify
from pipeline.terminal.errors import UsageError
from tests.support.engines import asked

RECIPE = """
engines:
  vlm: {kind: "tests.support.engines:Scripted", log: %(log)s-vlm}
  llm: {kind: "tests.support.engines:Scripted", log: %(log)s-llm, script: '%(script)s'}
tables:
  one: {level: segment, steps: [decode, measure, {caption: {as: a, engine: vlm}}]}
  two: {level: segment, steps: [decode, measure, {caption: {as: b, engine: vlm, tries: 2}}]}
  choices:
    level: segment
    from: [one, two]
    steps:
      - candidates
      - ask: {as: judge, engine: llm, prompt: pick, column: choices, each: candidates, fields: %(fields)s}
  segments: {from: [choices, one, two], steps: [pick]}
  titles:
    level: video
    from: [segments]
    steps:
      - ask: {as: notes, engine: llm, prompt: %(prompt)s, column: notes, each: segments.windows}
      - ask: {as: title, engine: llm, prompt: %(title)s, column: title}
"""
CHOICE = {"best": 2, "why": "It is longer."}


@pytest.fixture
def recipe(tmp_path: Path, clips: Path) -> Path:
    (tmp_path / "in").mkdir()
    shutil.copy(clips / "short.mp4", tmp_path / "in")
    (tmp_path / "notes.j2").write_text("{# version: 1 #}\nNote: {{ item.text }}")
    (tmp_path / "title.j2").write_text("{# version: 1 #}\nTitle: {% for n in notes %}{{ n.text }}{% endfor %}")
    path = tmp_path / "recipe.yaml"
    script = [{"kind": "choices", "do": "say", "text": json.dumps(CHOICE)}]
    values = {"log": str(tmp_path), "script": json.dumps(script), "fields": "{best: integer, why: text}"}
    path.write_text(RECIPE % {**values, "prompt": tmp_path / "notes.j2", "title": tmp_path / "title.j2"})
    return path


def run(recipe: Path, *overrides: str, replace: bool = False) -> longcap.Result:
    config = longcap.load_config(recipe, ["plan.segment_s=10", "run.flush_s=0", "run.report_frames_s=0", *overrides])
    return longcap.run(str(recipe.parent / "in"), str(recipe.parent / "out"), config, quiet=True, replace=replace)


def kinds(recipe: Path, engine: str) -> list[str]:
    return [request.kind for request in asked(f"{recipe.parent}-{engine}")]


def test_a_picker_and_titles_from_small_steps(recipe: Path) -> None:
    result = run(recipe)
    assert result.ok, result.failures()
    assert verify(longcap.open(str(recipe.parent / "out"))).findings == []
    choices = result.table("choices").to_pylist()
    assert all(json.loads(c["fields"])["best"] == 2 for row in choices for c in row["choices"])
    second = {(r["video_id"], r["segment_index"]): r for r in result.table("two").to_pylist()}
    for row in result.store.segments.read().to_pylist():
        assert row["windows"] == second[row["video_id"], row["segment_index"]]["windows"]
    titles = result.table("titles").to_pylist()
    assert len(titles) == 1 and all(t["title"].startswith("This title lasts") and t["notes"] for t in titles)
    asked_llm = len(kinds(recipe, "llm"))
    assert asked_llm == sum(t["usage"]["output_tokens"] for t in titles) + sum(len(r["choices"]) for r in choices)

    before = len(kinds(recipe, "vlm"))
    (recipe.parent / "title.j2").write_text("{# version: 2 #}\nA title of: {{ notes[0].text }}")
    assert run(recipe).ok
    new = kinds(recipe, "llm")[asked_llm:]
    assert set(new) == {"notes", "title"}, "another prompt makes its own table anew"
    picked = yaml.safe_load(recipe.read_text())["tables"]["segments"] | {"steps": [{"pick": {"margin": 1.0}}]}
    again = len(kinds(recipe, "llm"))
    assert run(recipe, f"tables.segments={json.dumps(picked)}", replace=True).ok
    assert set(kinds(recipe, "llm")[again:]) == {"notes", "title"}, "another picker asks no judge again"
    assert len(kinds(recipe, "vlm")) == before, "and captions nothing anew"


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ({"column": "uri"}, "ask: it writes the column uri, which already exists"),
        ({"column": "x", "each": "scenes"}, "ask reads the column scenes, which nothing before it writes"),
        ({"column": "x", "prompt": "nowhere"}, "no prompt 'nowhere'"),
        ({"column": "x", "fields": {"a": "string"}}, "fields.a is 'string'; it must be text"),
        ({"column": "x", "engine": None}, "engine"),
    ],
)
def test_a_wrong_step_is_one_line(step: dict[str, object], line: str) -> None:
    options = {k: v for k, v in {"engine": "measure", "prompt": "frame", **step}.items() if v is not None}
    tables = {"x": {"level": "segment", "steps": ["decode", {"ask": options}]}}
    with pytest.raises(UsageError) as error:
        longcap.load_config(None, [f"tables={json.dumps(tables)}"])
    assert line in str(error.value) and "\n" not in str(error.value)
