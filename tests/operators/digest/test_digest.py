"""A digest: vague captions out, alike neighbours together, and every second of the video in one place."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

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


def test_a_failed_segment_is_a_dropped_span_and_no_caption_goes_on_over_it() -> None:
    made = row(["A dog runs."] * 4)
    windows = [w for segment in made["captioned"] for w in segment["windows"]]
    captioned = [
        {"segment_index": 0, "start_s": 0.0, "end_s": 10.0, "windows": windows[:2]},
        {"segment_index": 2, "start_s": 15.0, "end_s": 20.0, "windows": windows[3:]},
    ]
    (found,) = check_operator(Digest(embedder=Counting()), [{"captioned": captioned, "duration_s": 23.0}])
    spans = [(d["start_s"], d["end_s"], d["windows"]) for d in found["digest"]]
    assert spans == [(0.0, 10.0, [0, 1]), (15.0, 20.0, [3])]
    assert [(d["start_s"], d["end_s"], d["window_index"], d["why"]) for d in found["dropped"]] == [
        (10.0, 15.0, None, "not captioned"),
        (20.0, 23.0, None, "not captioned"),
    ]


@pytest.mark.parametrize(
    ("text", "vague"),
    [
        ("He is still running.", False),
        ("This still image shows a car.", False),
        ("The man is still.", True),
        ("It is still in the room.", True),
        ("She looks around.", True),
        ("Nothing happens.", True),
    ],
)
def test_still_is_vague_only_of_what_does_not_move(text: str, vague: bool) -> None:
    (made,) = check_operator(Digest(embedder=Counting()), [row([text])])
    assert [d["why"].startswith("vague: ") for d in made["dropped"]] == [True] * vague


def test_a_vague_phrase_beside_facts_stays_and_a_failed_caption_is_named() -> None:
    texts = ["She looks around the crowded market for her lost brother.", "A red kite."]
    (made,) = check_operator(Digest(embedder=Counting()), [row(texts, invalid=1)])
    assert [d["text"] for d in made["digest"]] == texts[:1]
    assert [d["why"] for d in made["dropped"]] == ["not captioned"]
