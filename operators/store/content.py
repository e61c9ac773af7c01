"""Content hashes: equal input and config give equal hashes, independent of host, order and number of attempts."""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa

from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.core.keys import plain_key

OUTSIDE = frozenset({"content_hash", "run_id", "host", "timings", "attempts", "usage", "bytes_fetched", "config"})
"""Columns and struct fields, at any depth, that describe how a row was made and are not part of its content."""

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
        "match_score",
        "rating",
    }
)
"""Columns and struct fields, at any depth, that were added after version 1 of the output format. They are left out if
they are null, so that earlier rows keep their hashes."""

NOTHING = pa.schema([])
_LEAVES = frozenset({str, int, float, bool, type(None)})  # most values: a call for each would take most of the time


def content_hash(row: Row, schema: pa.Schema, always: pa.Schema | None = None) -> str:
    """Hash the columns of `row` that config and input determine: 32 hex digits, also after the row was superseded.

    Args:
        schema: columns of its table.
        always: columns that are included even if they are null; None for all. Columns that a later recipe adds to a
            table are not among them, so that rows without them keep their hashes.
    """
    fixed = frozenset((schema if always is None else always).names)
    counted = {name: row.get(name) for name in schema.names if name in fixed or row.get(name) is not None}
    if isinstance(key := counted.get("key"), str):
        counted["key"] = plain_key(key)
    return digest(content_of(counted), hex_digits=32)


def content_of(value: Any) -> Any:
    """`value` without fields outside of its content, at any depth, and with bytes replaced by their hash."""
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
