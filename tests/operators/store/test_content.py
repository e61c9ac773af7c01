"""What a content hash leaves out, so that rows of earlier versions keep theirs."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from operators.store import content
from operators.store.content import content_hash

OLDER = pa.schema([pa.field("id", pa.string()), pa.field("facts", pa.list_(pa.struct([pa.field("x", pa.int32())])))])
NEWER = pa.schema([*OLDER, pa.field("added", pa.string())])


def test_an_added_column_that_is_null_changes_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    row: dict[str, Any] = {"id": "a", "facts": [{"x": None}]}
    before = content_hash(row, OLDER)
    monkeypatch.setattr(content, "ADDED", frozenset())
    grown = {"id": "a", "facts": [{"x": None, "y": None}], "added": None}
    assert content_hash(grown, NEWER) != before
    monkeypatch.setattr(content, "ADDED", frozenset({"added", "y"}))
    assert content_hash(grown, NEWER) == before
    assert content_hash({**grown, "added": "z"}, NEWER) != before
    assert content_hash({**grown, "facts": [{"x": None, "y": 1}]}, NEWER) != before
    assert content_hash({**grown, "config": "k"}, pa.schema([*NEWER, pa.field("config", pa.string())])) == before
