"""Lanes of the tables that a recipe adds, for any items with a time and a text: speech, text on screen, chapters.

A column is shown if it is a list of structs with `start_s`, `end_s` and one of `TEXTS`; nothing else of a table is
read. A table named `speech` or `text` replaces the lane of that name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from operators.core.keys import current_key
from operators.store.store import Store
from pipeline.viewer.lanes import Item, lane, short

TEXTS = ("text", "caption", "title", "topic", "label", "name", "sentence", "question")
"""Fields that can label an item; the first one that it has is used."""

_ORDER = ("key", "run_id")
_KNOWN = {"speech": "Speech", "text": "Text on screen"}


def timed_columns(schema: pa.Schema) -> dict[str, str]:
    """Column -> the field that labels its items, for the columns that can be shown on a timeline."""
    found = {}
    for field in schema:
        item = field.type.value_type if pa.types.is_list(field.type) or pa.types.is_large_list(field.type) else None
        if item is None or not pa.types.is_struct(item):
            continue
        fields = {item.field(k).name: item.field(k).type for k in range(item.num_fields)}
        label = next((name for name in TEXTS if name in fields and pa.types.is_string(fields[name])), None)
        if label is not None and all(pa.types.is_floating(fields.get(n, pa.null())) for n in ("start_s", "end_s")):
            found[field.name] = label
    return found


def further_lanes(store: Store, video_id: str) -> list[dict[str, Any]]:
    """Return the lanes of an output's further tables that have items for a video, ordered by name."""
    lanes = []
    for name in sorted(store.derived):
        table = store.derived[name]
        columns = timed_columns(table.schema)
        if not columns or "video_id" not in table.schema.names:
            continue
        rows = current(table.lookup("video_id", video_id, columns=[*columns, *_ORDER, *_segment(table.schema)]))
        for column, label in columns.items():
            shown = _KNOWN.get(name, name.replace("_", " ").capitalize())
            if len(columns) > 1:
                shown = f"{shown}: {column.replace('_', ' ')}"
            key = name if name in _KNOWN and len(columns) == 1 else f"table-{name}-{column}"
            made = lane(key, shown, _items(rows[column], f"{name}.{column}.", label))
            lanes += [made] if made["items"] else []
    return lanes


def _segment(schema: pa.Schema) -> list[str]:
    return ["segment_index"] if "segment_index" in schema.names else []


def _items(lists: pa.ChunkedArray, prefix: str, label: str) -> Iterator[Item]:
    flat = pc.list_flatten(lists)
    values = (pc.struct_field(flat, name).to_pylist() for name in ("start_s", "end_s", label))
    for k, (start_s, end_s, text) in enumerate(zip(*values, strict=True)):
        if start_s is not None and end_s is not None and text:
            yield start_s, end_s, f"{prefix}{k}", short(text), "ok"


def current(rows: pa.Table) -> pa.Table:
    """Return a video's rows of the newest key, in order."""
    return of_key(rows, current_key(runs_and_keys(rows), None)) if rows.num_rows else rows


def runs_and_keys(rows: pa.Table) -> Iterator[tuple[str | None, str]]:
    """Yield run and key of each row."""
    return zip(rows["run_id"].to_pylist(), rows["key"].to_pylist(), strict=True)


def of_key(rows: pa.Table, key: str | None) -> pa.Table:
    """Return the rows with a key, in order."""
    mine = rows.filter(pc.equal(rows["key"], key))
    return mine.sort_by("segment_index") if "segment_index" in mine.column_names else mine
