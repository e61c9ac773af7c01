"""Rows of further tables as they enter exports."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.export.base import Sample, Unfit
from pipeline.export.formats.sharegpt import ShareGPT
from pipeline.export.further import items_of, standing_rows


def sample(*beside: dict[str, Any]) -> Sample:
    return Sample(
        key="v",
        video_id="v",
        uri="/v.mp4",
        split="train",
        media="/v.mp4",
        duration_s=20.0,
        span=None,
        text="A text.",
        parts=(),
        opening="",
        windows=(),
        row={},
        beside=beside,
    )


def test_answers_of_an_engine_are_rows() -> None:
    told = json.dumps({"question": "Why?", "answer": "It rains."})
    asked = [
        {"start_s": 0.0, "end_s": 10.0, "text": "Why?", "fields": told, "valid": True},
        {"start_s": 10.0, "end_s": 20.0, "text": "", "fields": None, "valid": False},
        {"start_s": 10.0, "end_s": 20.0, "text": "Plain.", "fields": "no JSON", "valid": True},
    ]
    first, second = items_of(sample({"key": "k", "asked": asked}), "t", "asked")
    assert (first["question"], first["answer"], first["key"], first["end_s"]) == ("Why?", "It rains.", "k", 10.0)
    assert second["text"] == "Plain."
    (row,) = ShareGPT(table="t", items="asked").rows(sample({"asked": asked[:2]}))
    assert [turn["content"] for turn in row["messages"]] == ["<video>Why?", "It rains."]
    assert [r["text"] for r in items_of(sample({"items": ["a", "b"]}), "t")] == ["a", "b"]
    with pytest.raises(Unfit, match="table t has no row of the video"):
        items_of(sample(), "t")


def test_a_row_that_tells_what_is_gone_is_left_out() -> None:
    gone = frozenset({"A ferry leaves the harbour"})
    rows = [
        {"items": [{"text": "Then a ferry."}, {"options": [{"text": "A ferry leaves the harbour."}]}]},
        {"text": "First: A ferry leaves the harbour, then nothing."},
    ]
    assert standing_rows(rows, gone) == ({"items": [{"text": "Then a ferry."}]},)
    assert standing_rows(rows, frozenset()) == tuple(rows)
