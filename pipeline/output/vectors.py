"""Vectors as Arrow tables: one per row, as fixed-size lists of float16."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from operators.embedding.vectors import as_list_array
from pipeline.terminal.errors import UsageError

_COLUMNS = {"frame_vectors": "frame_embedder", "text_vectors": "text_embedder"}
"""Column of vectors -> column of the model that made them."""


def vectors_of(table: pa.Table, name: str) -> pa.Table:
    """Return the vectors in a table whose rows hold lists of vectors; see `Output.vectors`."""
    column = next((c for c in _COLUMNS if c in table.schema.names), None)
    if column is None:
        raise UsageError(
            f"table {name} has no column {' or '.join(_COLUMNS)}: make one with the step embed or embed_text"
        )
    models = sorted(m for m in pc.unique(table[_COLUMNS[column]]).to_pylist() if m is not None)
    if len(models) > 1:
        raise UsageError(
            f"table {name} holds vectors of several models, {', '.join(models)}: run again to keep one of them"
        )
    lists = table[column].combine_chunks()
    rows = pc.list_parent_indices(lists)
    items = pc.list_flatten(lists)
    fields = {field.name: items.field(field.name) for field in items.type}
    made = {"video_id": table["video_id"].take(rows)}
    index = (
        table["segment_index"].take(rows) if "segment_index" in table.schema.names else pa.nulls(len(rows), pa.int32())
    )
    vector = as_list_array(fields.pop("vector"))
    found = pa.table({**made, "segment_index": index, **fields, "vector": vector})
    found = found.append_column("embedder", pa.array([models[0] if models else None] * len(rows), pa.string()))
    return found.sort_by([("video_id", "ascending"), ("start_s", "ascending"), ("end_s", "ascending")])
