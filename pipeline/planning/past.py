"""The plans of earlier runs, as they were written: OUT/runs/<run_id>/videos.parquet."""

from __future__ import annotations

from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from operators.store.store import Store


def planned_by(store: Store, run_id: str) -> pa.Table:
    """Return `video_id`, `key` and `narrator` of a run's plan; no rows if it is missing or not readable."""
    columns = ["video_id", "key", "narrator"]
    plan = store.read_file(f"runs/{run_id}/videos.parquet")
    try:
        return pq.read_table(BytesIO(plan or b""), columns=columns)
    except (pa.ArrowException, OSError, ValueError):
        return pa.table({name: pa.array([], pa.string()) for name in columns})
