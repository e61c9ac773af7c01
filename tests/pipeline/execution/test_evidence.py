"""Tables of evidence in a job: each item in the prompts of the windows and sections of its time, and in no others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import pipeline as longcap
from pipeline.output.verification import verify
from pipeline.terminal.errors import UsageError
from tests.support.engines import asked

TEXTS = ["alpha harbour", "bravo station", "charlie market", "delta museum"]
RECIPE = """
tables:
  text: {{level: segment, steps: [decode, {{'tests.support.operators:Signs': {{texts: {texts}}}}}]}}
  segments: {{from: [videos, text], steps: [decode, measure, caption]}}
  dataset: {{from: [segments, text], steps: [narrate]}}
caption: {{engine: {{kind: "tests.support.engines:Scripted", log: {log}}}, window_prompt: window_evidence}}
narrate: {{engine: {{kind: "tests.support.engines:Scripted", log: {log}}}, section_s: 13, section_prompt: {section}}}
plan: {{segment_s: 10}}
run: {{flush_s: 0}}
"""


def recipe(tmp_path: Path, log: str, section: str = "section_evidence") -> longcap.Config:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(texts=TEXTS, log=log, section=section))
    return longcap.load_config(path)


def test_each_sign_is_in_the_prompts_of_its_time_and_in_no_others(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(clips / "two_shots.mp4", tmp_path / "in")
    config = recipe(tmp_path, "signs")
    result = longcap.run(str(tmp_path / "in"), str(tmp_path / "out"), config, quiet=True)
    assert result.ok and result.report.tables["text"]["done"] == 2
    requests = [r for r in asked("signs") if r.kind in ("window", "section")]
    assert {r.kind for r in requests} == {"window", "section"}
    for request in requests:
        for k, text in enumerate(TEXTS):
            inside = min(request.end_s, 7 * k + 5) - max(request.start_s, 7 * k)
            count = request.prompt.count(f'text on screen: "{text}"')
            assert count == (inside >= 0.5), (request.kind, request.start_s, request.end_s, text)
    assert verify(longcap.open(str(tmp_path / "out"))).findings == []
    before = len(asked("signs"))
    again = longcap.run(str(tmp_path / "in"), str(tmp_path / "out"), config, quiet=True)
    assert again.ok and len(asked("signs")) == before, "nothing is made again"


def test_a_prompt_without_a_place_for_evidence_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(texts=TEXTS, log="unused", section="section_evidence"))
    server = "{kind: openai, model: m, base_url: 'https://host/v1', api_key_env: null}"
    models = [f"caption.engine={server}", f"narrate.engine={server}"]
    longcap.load_config(path, models)
    with pytest.raises(UsageError, match=r"set narrate.section_prompt to section_evidence"):
        longcap.load_config(path, [*models, "narrate.section_prompt=section_speech"])
    with pytest.raises(UsageError, match=r"set caption.window_prompt to window_evidence"):
        longcap.load_config(path, [*models, "caption.window_prompt=window_speech"])
