"""What the tests beside it share."""

from __future__ import annotations

from typing import Any

import fsspec
import pyarrow as pa

from operators.store import table as module
from operators.store.table import Table

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("n", pa.int32()),
        pa.field("parts", pa.list_(pa.struct([pa.field("text", pa.string())]))),
    ]
)


def rows(*ids: str, n: int = 0) -> pa.Table:
    return pa.Table.from_pylist([{"id": i, "n": n, "parts": [{"text": f"of {i}"}]} for i in ids], schema=SCHEMA)


def held(table: Table) -> list[tuple[str, int]]:
    return sorted((r["id"], r["n"]) for r in table.read(["id", "n"]).to_pylist())


def files(uri: str) -> list[str]:
    """The parquet files that a plain glob finds."""
    system, path = fsspec.core.url_to_fs(uri)
    system.invalidate_cache()
    return sorted(system.glob(f"{path}/*.parquet"))


class Unlucky:
    """`land`, with answers that get lost after, or requests that get lost before, the commit."""

    def __init__(self, error: Exception, *, times: int, lands: bool) -> None:
        self._real = module.land
        self.error, self.times, self.lands = error, times, lands

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        if self.times and not self.lands:
            self.times -= 1
            raise self.error
        self._real(*args, **kwargs)
        if self.times:
            self.times -= 1
            raise self.error
