"""Content hashes: equal input and config give equal hashes, whatever the host, the order or the number of attempts."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from operators.base import Row
from operators.fingerprint import digest

OUTSIDE = frozenset({"content_hash", "run_id", "host", "timings", "attempts", "usage", "bytes_fetched"})
"""Columns and struct fields, at any depth, that say how an output came about rather than what it is."""


def content_hash(row: Row, schema: pa.Schema) -> str:
    """32 hex digits over what of `row` the config and the input determine."""
    return digest({n: _content(row.get(n)) for n in schema.names if n not in OUTSIDE}, hex_digits=32)


def _content(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _content(v) for k, v in value.items() if k not in OUTSIDE}
    if isinstance(value, list | tuple):
        return [_content(v) for v in value]
    return value
