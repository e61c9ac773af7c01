"""Columns that the steps of a recipe added to the table `dataset`, for the list of videos."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from operators.core import rows
from operators.store.reader import TableReader, stored_schema
from operators.store.store import Store
from pipeline.viewer.columns import flat, scalar

_TABLES = ("dataset", "filtered")


def added_fields(store: Store, taken: Collection[str]) -> dict[str, pa.Field]:
    """Name in the list -> column of text, numbers or booleans. `dataset.X` if the list has an own X."""
    found: dict[str, pa.Field] = {}
    for name in _TABLES:
        try:
            stored = stored_schema(f"{store.uri}/{name}")
        except FileNotFoundError:
            continue
        for field in stored:
            if field.name not in rows.FILTERED.names and scalar(field):
                found.setdefault(f"dataset.{field.name}" if field.name in taken else field.name, field)
    return found


def added_column(store: Store, field: pa.Field, ids: Any) -> pa.Array:
    """Return the values of such a column for these videos; null if a video has none."""
    schema = pa.schema([rows.LONG_CAPTION.field("video_id"), field])
    parts = []
    for name in _TABLES:
        read = TableReader(f"{store.uri}/{name}", schema).read()
        at = pc.index_in(ids, value_set=flat(read["video_id"]))
        parts.append(flat(read[field.name]).take(flat(at)))
    return pc.coalesce(*parts)
