"""Agreement of captioners: pairs, weights and scores."""

from __future__ import annotations

from typing import Any

from longcap.testing import check_operator
from operators.pick.agreement import Agreement
from tests.support.embedders import Counting


def candidates(*texts: dict[str, str]) -> list[dict[str, Any]]:
    found = []
    for k, said in enumerate(texts):
        options = [{"table": table, "text": text} for table, text in said.items()]
        found.append({"window_index": k, "start_s": 5.0 * k, "end_s": 5.0 * k + 10, "options": options})
    return found


def test_the_odd_one_out_weighs_less_and_scores_least() -> None:
    same, odd = "A dog runs.", "Puffy clouds, much rain"
    rows = [{"candidates": candidates({"a": same, "b": same, "c": odd}, {"a": same, "b": same, "c": same})}]
    (made,) = check_operator(Agreement(embedder=Counting()), rows, other={"embedder": Counting(side=5)})
    first, second = made["agreement"]
    assert first["matrix"][0][1] == 1.0 and first["scores"][0] == first["scores"][1] > first["scores"][2]
    assert first["value"] < second["value"] == 1.0
    weights = {w["table"]: w["weight"] for w in made["weights"]}
    assert weights["a"] == weights["b"] > weights["c"] and abs(sum(weights.values()) - 1) < 1e-3


def test_one_caption_alone_agrees_with_nobody() -> None:
    (made,) = check_operator(Agreement(embedder=Counting()), [{"candidates": candidates({"a": "A dog."}, {})}])
    assert [a["value"] for a in made["agreement"]] == [None, None]
    assert [a["scores"] for a in made["agreement"]] == [[0.0], []]
