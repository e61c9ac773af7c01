"""Content hashes: equal input and config give equal hashes, whatever the host, the order or the number of attempts."""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa

from operators.core.base import Row
from operators.core.fingerprint import digest

OUTSIDE = frozenset({"content_hash", "run_id", "host", "timings", "attempts", "usage", "bytes_fetched", "config"})
"""Columns and struct fields, at any depth, that say how an output came about rather than what it is."""

ADDED: frozenset[str] = frozenset(
    {
        "discontinuities",
        "incomplete",
        "subtitles",
        "looks",
        "renames",
        "wanted_words",
        "repeated_sentences",
        "opening",
        "grounding",
        "length",
        "cut",
        "speech_share",
        "silence_share",
        "music_share",
        "speech_language",
    }
)
"""Columns and struct fields, at any depth, that were added to the schemas after version 1 of the output contract: left
out where they are null, so that rows written before keep their hashes."""

NOTHING = pa.schema([])
_LEAVES = frozenset({str, int, float, bool, type(None)})  # most values: a call for each would take most of the time


def content_hash(row: Row, schema: pa.Schema, always: pa.Schema | None = None) -> str:
    """32 hex digits over what of `row` the config and the input determine.

    Args:
        schema: columns of its table.
        always: those that count where they are null, too; None: all. A column that a later recipe adds to a table is
            not among them, so that the rows without it keep their hashes.
    """
    fixed = frozenset((schema if always is None else always).names)
    counted = {name: row.get(name) for name in schema.names if name in fixed or row.get(name) is not None}
    return digest(content_of(counted), hex_digits=32)


def content_of(value: Any) -> Any:
    """`value` without what is outside of its content, at any depth; of bytes, such as vectors, their hash."""
    if isinstance(value, dict):
        return {
            k: v if type(v) in _LEAVES else content_of(v)
            for k, v in value.items()
            if k not in OUTSIDE and not (v is None and k in ADDED)
        }
    if isinstance(value, list | tuple):
        return [v if type(v) in _LEAVES else content_of(v) for v in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"bytes {hashlib.sha256(value).hexdigest()}"
    return value
