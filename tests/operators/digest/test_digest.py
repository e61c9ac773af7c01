"""A digest: vague captions out, alike neighbours together, and every second of the video in one place."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from longcap.testing import check_operator
from operators.core.base import Row
from operators.digest.digest import Digest
from tests.support.embedders import Counting

TEXTS = ["A dog runs.", "A dog runs!", "The man looks around.", "A dog runs.", "Boxes jump over quick vans."]


def row(texts: list[str], invalid: int | None = None) -> Row:
    windows: list[dict[str, Any]] = [
        {"window_index": k, "start_s": 5.0 * k, "end_s": 5.0 * k + 10, "text": text, "valid": k != invalid}
        for k, text in enumerate(texts)
    ]
    return {"captioned": [{"windows": windows[:2]}, {"windows": windows[2:]}], "duration_s": 5.0 * len(texts) + 3}


def test_vague_captions_go_and_alike_neighbours_merge() -> None:
    other = {"similarity": 0.5, "least_words": 1, "vague": ()}
    (made,) = check_operator(Digest(embedder=Counting()), [row(TEXTS)], other=other)
    assert [d["windows"] for d in made["digest"]] == [[0, 1], [3], [4]]
    assert [(d["window_index"], d["why"]) for d in made["dropped"]] == [(2, "vague: looks around")]
    spans = sorted((d["start_s"], d["end_s"]) for d in (*made["digest"], *made["dropped"]))
    assert spans[0][0] == 0.0 and spans[-1][1] == 28.0
    assert all(a[1] == b[0] for a, b in pairwise(spans)), "no gap and no overlap"


def test_a_vague_phrase_beside_facts_stays_and_a_failed_caption_is_named() -> None:
    texts = ["She looks around the crowded market for her lost brother.", "A red kite."]
    (made,) = check_operator(Digest(embedder=Counting()), [row(texts, invalid=1)])
    assert [d["text"] for d in made["digest"]] == texts[:1]
    assert [d["why"] for d in made["dropped"]] == ["not captioned"]
