"""Rows to Arrow: good batches in one call, and a row that does not fit costs that row alone."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.core import rows, structs
from operators.core.arrow import MAX_MESSAGE_CHARACTERS, failure, fitted, to_table
from operators.core.base import ItemError

GOOD: dict[str, Any] = {"video_id": "good", "segment_index": 3, "uri": "/v.mp4", "key": "k"}
SCHEMA = pa.schema([*rows.CAPTIONED_SEGMENT, pa.field("failure", structs.FAILURE), pa.field("attempts", pa.int32())])


def usage(**values: Any) -> dict[str, Any]:
    return {"prompt_tokens": 1, "cached_tokens": 0, "output_tokens": 1, "engine_s": 0.1, "cost_usd": 0.0, **values}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("usage", usage(prompt_tokens=10**20)),
        ("usage", usage(prompt_tokens="many")),
        ("usage", usage(cost_usd="free")),
        ("usage", [1, 2]),
        ("segment_count", 2**31),
        ("segment_count", "two"),
        ("start_s", object()),
        ("frames", [{"text": 12345}]),
        ("frames", 7),
        ("windows", [{"text": "A dog.", "window_index": -(2**31) - 1}]),
        ("facts", b"\xff\xfe"),
        ("facts", ["a list"]),
        ("attempts", 10**400),
    ],
    ids=lambda value: "an object" if type(value) is object else f"{value!r:.40}",  # an address differs in each process
)
def test_a_value_that_does_not_fit_is_the_failure_of_its_row_and_named(column: str, value: Any) -> None:
    table = to_table([GOOD, {**GOOD, "video_id": "bad", column: value}, GOOD], SCHEMA, stage="caption")
    assert table.schema == SCHEMA
    before, bad, after = table.to_pylist()
    assert before == after == {**dict.fromkeys(SCHEMA.names), **GOOD}
    assert bad["failure"] == {**bad["failure"], "stage": "caption", "class": "invalid", "attempts": 1}
    assert f"column {column} cannot be stored" in bad["failure"]["message"]
    assert (bad["video_id"], bad["segment_index"], bad["key"], bad[column]) == ("bad", 3, "k", None)


def test_text_with_a_lone_surrogate_is_repaired_wherever_it_stands() -> None:
    row = {**GOOD, "uri": "half \ud83d", "windows": [{"text": "A dog \ud83d\ude00 \udc41.", "pts_s": [0.5]}]}
    (got,) = to_table([row], SCHEMA).to_pylist()
    assert (got["uri"], got["windows"][0]["text"], got["failure"]) == ("half \ufffd", "A dog \U0001f600 \ufffd.", None)


def test_a_failure_that_does_not_fit_is_made_to() -> None:
    bad = {"stage": "caption", "class": "engine", "message": "boom \ud83d\n" + "x" * 10**6, "attempts": 2**40}
    (got,) = to_table([{**GOOD, "failure": bad, "segment_count": 2**40}], SCHEMA).to_pylist()
    assert got["failure"]["message"].startswith("boom \ufffd xxx")
    assert (got["failure"]["class"], got["failure"]["attempts"]) == ("engine", 2**31 - 1)
    assert len(got["failure"]["message"]) == MAX_MESSAGE_CHARACTERS + 1
    assert failure("s", "engine", "a\n b\udc00", -1) == {
        "stage": "s",
        "class": "engine",
        "message": "a b\ufffd",
        "attempts": 0,
    }


def test_a_row_over_the_limit_is_refused_alone_and_its_largest_column_is_named() -> None:
    schema = pa.schema([rows.COLUMNS[name] for name in ("video_id", "images", "facts", "failure")])
    jpeg = b"x" * (rows.MAX_ROW_BYTES // 2)
    large = [{"time_s": float(k), "jpeg": jpeg} for k in range(3)]
    fits = {"video_id": "fits", "images": large[:1]}
    table = to_table([fits, {"video_id": "bad", "images": large, "facts": "kept"}, fits], schema, stage="decode")
    before, bad, after = table.to_pylist()
    assert before["images"] == after["images"] and before["failure"] is None
    assert (bad["video_id"], bad["facts"], bad["images"]) == ("bad", "kept", None)
    assert (bad["failure"]["stage"], bad["failure"]["class"]) == ("decode", "invalid")
    assert "images; at most 16777216 fit" in bad["failure"]["message"]
    assert table.nbytes < 2 * rows.MAX_ROW_BYTES


def test_many_rows_together_may_be_larger_than_one() -> None:
    schema = pa.schema([pa.field("jpeg", pa.binary())])
    assert to_table([{"jpeg": b"x" * (rows.MAX_ROW_BYTES - 8)}] * 3, schema).num_rows == 3


def test_without_a_column_for_failures_the_error_says_which_column() -> None:
    with pytest.raises(ItemError, match=r"invalid: the row takes .* in jpeg; at most 16777216 fit"):
        to_table([{"jpeg": b"x" * (rows.MAX_ROW_BYTES + 1)}], pa.schema([pa.field("jpeg", pa.binary())]))


def test_a_row_that_does_not_travel_as_arrow_is_fitted_too() -> None:
    got = fitted({**GOOD, "usage": usage(prompt_tokens=2**70), "images": "dropped"}, SCHEMA, stage="caption")
    assert got["failure"]["class"] == "invalid" and "images" not in got


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a\ud83d\x00é", max_size=4) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["text", "prompt_tokens", "message", "\ud800"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from(SCHEMA.names), _JSON, max_size=4), max_size=4))
def test_whatever_a_row_holds_there_is_a_row_for_it(items: list[dict[str, Any]]) -> None:
    assert to_table([*items, GOOD], SCHEMA).to_pylist()[len(items) :] == [{**dict.fromkeys(SCHEMA.names), **GOOD}]
