"""Sub-captions, chapters, highlights, dialogues, documents and pairs of a finished video."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longcap.testing import check_operator
from operators.core.base import ItemError
from operators.training.chapters import Chapters
from operators.training.dialogues import PLACE, Dialogues, written
from operators.training.documents import Documents
from operators.training.highlights import Highlights
from operators.training.pairs import Pairs
from operators.training.subcaptions import Subcaptions
from operators.training.timeline import events_of
from tests.operators.training import films


@pytest.mark.parametrize(
    ("operator", "other"),
    [
        (Subcaptions(), {"min_words": 9}),
        (Chapters(), {"min_s": 60.0}),
        (Highlights(), {"share": 0.5}),
        (Dialogues(), {"turns": 2}),
        (Documents(), {"words": 40}),
    ],
)
def test_the_contract_holds(operator: Any, other: dict[str, Any]) -> None:
    (made,) = check_operator(operator, [films.row()], other=other)
    assert made["items"]


def test_subcaptions_have_the_spans_of_their_windows() -> None:
    row = films.row(12)
    row["sections"][0]["sentences"][0]["windows"] = [0, 1, 4]
    items = Subcaptions().made(row)["items"]
    assert items[0]["spans"] == [{"start_s": 0.0, "end_s": 20.0}, {"start_s": 40.0, "end_s": 50.0}]
    assert (items[0]["start_s"], items[0]["end_s"], items[0]["support"]) == (0.0, 50.0, 0.5)
    assert [i["text"] for i in items] == [films.text_of(k) for k in range(12)]
    assert Subcaptions(min_support=0.6).made(row)["items"] == []
    assert [e.support for e in events_of(films.row(5, support=None), "sections")] == [None]
    row["sections"][0]["sentences"][0]["text"] = "一只狗跑过田野。"
    assert Subcaptions().made(row)["items"][0]["words"] == 4


@given(count=st.integers(1, 60), min_s=st.floats(0, 300), apart=st.booleans())
@settings(max_examples=60, deadline=None)
def test_chapters_cover_the_video_once(count: int, min_s: float, apart: bool) -> None:
    row = films.row(count, apart=apart)
    items = Chapters(min_s=min_s).made(row)["items"]
    assert items[0]["start_s"] == 0 and items[-1]["end_s"] == row["duration_s"]
    assert all(a["end_s"] == b["start_s"] for a, b in pairwise(items))
    assert len(items) == 1 or all(i["end_s"] - i["start_s"] >= min_s for i in items)
    assert items[0]["title"] == "Part 0"
    assert " ".join(i["text"] for i in items) == " ".join(s["text"] for s in row["sections"])


@given(count=st.integers(1, 60), share=st.floats(0.01, 1), fps=st.sampled_from([0.5, 1.0, 2.0]), apart=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_mask_has_its_length_and_share(count: int, share: float, fps: float, apart: bool) -> None:
    row = films.row(count, apart=apart)
    row["duration_s"] -= 0.3
    made = Highlights(share=share, fps=fps).made(row)
    frames = math.ceil(row["duration_s"] * fps - 1e-9)
    assert len(made["mask"]) == frames and sum(made["mask"]) == math.ceil(share * frames - 1e-9)
    chosen = {k for i in made["items"] for k in range(frames) if i["start_s"] <= k / fps < i["end_s"]}
    assert chosen == {k for k, value in enumerate(made["mask"]) if value}
    assert all(i["text"] in row["caption"] for i in made["items"])


def test_a_summary_chooses_what_it_tells_of() -> None:
    row = {**films.row(40), "summary": films.text_of(23)}
    made = Highlights(share=0.025).made(row)
    assert made["text"] == films.text_of(23) and [i["text"] for i in made["items"]] == [films.text_of(23)]


def test_an_event_with_several_spans_is_in_the_text_once() -> None:
    row = films.row(12)
    said = [sentence for section in row["sections"] for sentence in section["sentences"]]
    said[0]["windows"], said[5]["text"] = [0, 5], ""
    made = Highlights(share=1.0).made(row)
    first = films.text_of(0)
    assert [i["text"] for i in made["items"]].count(first) == 2 and made["text"].count(first) == 1
    assert made["text"].startswith(first)


@given(count=st.integers(1, 40), turns=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_dialogues_have_a_place_for_each_span(count: int, turns: int) -> None:
    row = films.row(count)
    items = Dialogues(turns=turns).made(row)["items"]
    seen: list[tuple[float, float]] = []
    for item in items:
        assert [t["role"] for t in item["turns"]] == ["user", "assistant"] * (len(item["turns"]) // 2)
        assert sum(t["text"].count(PLACE) for t in item["turns"]) == len(item["spans"])
        seen += [(s["start_s"], s["end_s"]) for s in item["spans"]]
        assert {s["score"] for s in item["spans"]} == {0.5} and PLACE not in item["question"] + item["answer"]
    assert sorted(seen) == [(10.0 * k, 10.0 * k + 10) for k in range(count)], "each event is asked about once"


def test_dialogues_leave_out_what_is_weak_and_hold_off_marks_in_captions() -> None:
    assert Dialogues(min_score=0.6).made(films.row())["items"] == []
    assert Dialogues(min_score=0.1).made(films.row(support=None))["items"] == []
    row = films.row(1)
    row["sections"][0]["sentences"][0]["text"] = "A sign says <time> {now}."
    (item,) = Dialogues().made(row)["items"]
    assert sum(t["text"].count(PLACE) for t in item["turns"]) == 1 and "[time] {now}" in str(item["turns"])
    assert written(["x <time>, <time>"], [{"start_s": 1, "end_s": 2}, {"start_s": 3, "end_s": 4.25}]) == [
        "x 1.0 s to 2.0 s, 3.0 s to 4.2 s"
    ]


@given(count=st.integers(1, 60), words=st.integers(20, 200))
@settings(max_examples=40, deadline=None)
def test_documents_hold_all_captions_in_order_within_their_length(count: int, words: int) -> None:
    row = films.row(count)
    items = Documents(words=words).made(row)["items"]
    lines = [line for item in items for line in item["text"].splitlines()]
    assert [line.split(": ", 1)[1] for line in lines] == [films.text_of(k) for k in range(count)]
    assert all(item["words"] <= words for item in items)
    assert [i["start_s"] for i in items] == sorted(i["start_s"] for i in items)


def test_pairs_have_a_gap_above_their_least() -> None:
    texts, scores = ("a.dataset.caption", "b.caption", "c.caption"), ("a.dataset.coverage", "b.marks.f1", "c.f1")
    parents = {
        "a.dataset": {"caption": "A good text.", "coverage": 0.9},
        "b": {"caption": "A bad one.", "marks": {"f1": 0.2}},
        "c": {"caption": "In between.", "f1": 0.5},
    }
    (made,) = check_operator(Pairs(texts=texts, scores=scores), [{"parents": parents}], other={"min_gap": 0.8})
    (pair,) = made["items"]
    assert (pair["chosen"], pair["rejected"], pair["chosen_from"]) == ("A good text.", "A bad one.", texts[0])
    assert pair["score_gap"] == pytest.approx(0.7)
    every = list(Pairs(texts=texts, scores=scores, every=True, min_gap=0.35)._items(parents))
    assert [(p["chosen"], p["rejected"]) for p in every] == [
        ("A good text.", "In between."),
        ("A good text.", "A bad one."),
    ]
    assert list(Pairs(texts=texts[:2], scores=scores[:2])._items({**parents, "b": None})) == []
    with pytest.raises(ItemError, match="there is no column or field f2"):
        list(Pairs(texts=texts[:2], scores=(scores[0], "b.marks.f2"))._items(parents))
    with pytest.raises(ItemError, match=r"names no parent; the parents are a\.dataset, b, c"):
        list(Pairs(texts=("x.caption", "b.caption"), scores=scores[:2])._items(parents))
    with pytest.raises(ValueError, match="2 texts and 3 scores"):
        Pairs(texts=texts[:2], scores=scores)
