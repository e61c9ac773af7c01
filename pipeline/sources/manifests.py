"""Manifests: tables that name videos, with user ids and columns (.parquet, .csv, .jsonl).

A manifest that cannot be read as a whole, or that lacks a column, is a usage error. A single unusable row becomes an
entry with `problem` set; if every row is unusable, the manifest is a usage error.

The dataset of another run is a valid manifest: its videos keep their ids and the columns in `metadata`; the captions
and measurements of that run are not copied.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from operators.core.addresses import redacted_text
from operators.core.rows import MAX_ROW_BYTES
from operators.core.storage import is_chain
from operators.core.text import nearest, printable, repaired
from pipeline.config.types import SourceOptions
from pipeline.sources.files import CHAINED, normalise, path_of, suffix_of
from pipeline.sources.formats import MANIFEST_SUFFIXES, Line, read_lines
from pipeline.terminal.errors import UsageError

__all__ = ["MANIFEST_SUFFIXES", "MAX_ID_CHARACTERS", "Entry", "checked_id", "read_manifest"]

MAX_ID_CHARACTERS = 200
_MAX_URI_CHARACTERS = 8192  # a signed URL has up to a few thousand characters
_MAX_METADATA_BYTES = MAX_ROW_BYTES * 3 // 4  # the long caption is in the same row
_MAX_DEPTH = 64
_SHOWN = 60  # a message shows at most this many characters of a value
_ID_COLUMN = "video_id"  # default for options.id_column, if the manifest has it
_METADATA = "metadata"  # the column of a dataset with the columns of its own manifest
_OF_A_DATASET = frozenset({_ID_COLUMN, _METADATA, "uri", "source_version", "content_hash"})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One video as an input names it.

    Attributes:
        uri: normalised uri; relative uris of a manifest are relative to the manifest.
        video_id: the user's id, unchecked; None if there is none.
        metadata: the user's columns as a JSON object.
        where: the input or row that names the video, for error messages.
        problem: why the row is unusable; None if it is usable. `uri` equals `where` if the row has no uri.
    """

    uri: str
    video_id: str | None = None
    metadata: str = "{}"
    where: str = ""
    problem: str | None = None


class _Refused(ValueError):
    """A value of a row is invalid."""


def read_manifest(uri: str, options: SourceOptions) -> list[Entry]:
    """Return the videos that a manifest names, in order.

    Raises:
        UsageError: the manifest cannot be read, a column is missing, or no row is usable.
    """
    lines, columns = read_lines(uri, lambda names: _needed(uri, options, names).columns)
    refused = next((line for line in lines if line.problem is not None), None)
    if refused is not None and all(line.problem is not None for line in lines):
        raise UsageError(_said(refused.where, refused.problem or ""))
    chosen = _needed(uri, options, columns)
    base = path_of(uri).rpartition("/")[0] or "/"
    entries = [_entry(line, base, options, chosen, sparse=suffix_of(uri) == ".jsonl") for line in lines]
    bad = next((entry for entry in entries if entry.problem is not None), None)
    if bad is not None and all(entry.problem is not None for entry in entries):
        raise UsageError(_said(bad.where, bad.problem or ""))
    return entries


def _said(where: str, problem: str) -> str:
    return f"{where} {problem}" if problem.startswith("has ") else f"{where}: {problem}"


def _entry(line: Line, base: str, options: SourceOptions, chosen: _Needed, *, sparse: bool) -> Entry:
    """Return one row as an entry.

    Args:
        base: the folder of the manifest.
        sparse: omit columns that the row does not have, so that rows of many different keys stay small.
    """
    uri, video_id, metadata, problem = line.where, None, "{}", line.problem
    if problem is None:
        try:
            uri = normalise(_uri(line.values.get(options.uri_column), options.uri_column), base=base)
            if chosen.id_column:
                video_id = checked_id(line.values.get(chosen.id_column), chosen.id_column)
            metadata = _metadata(line, chosen, sparse=sparse)
        except _Refused as error:
            problem = str(error)
    return Entry(uri=uri, video_id=video_id, metadata=metadata, where=line.where, problem=problem)


def _uri(value: Any, column: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Refused(f"{column} is {_shown(value)}; it must be the path or URL of the video")
    if len(value) > _MAX_URI_CHARACTERS:
        raise _Refused(f"{column} has {len(value)} characters; at most {_MAX_URI_CHARACTERS} are allowed")
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise _Refused(f"{column} is {_shown(value)}; a file name cannot contain a NUL or a lone surrogate")
    if is_chain(value.strip()):
        raise _Refused(f"{column} {CHAINED}")
    return value.strip()


def checked_id(value: Any, column: str) -> str:
    """Return the id of a video as text.

    Raises:
        ValueError: the id is neither text nor a whole number, is empty, too long, or contains a control character.
    """
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise _Refused(f"{column} is {_shown(value)}; an id must be text or a whole number")
    text = str(value)
    if not text.strip():
        raise _Refused(f"{column}: the id is empty; it must be 1 to {MAX_ID_CHARACTERS} characters")
    if len(text) > MAX_ID_CHARACTERS:
        raise _Refused(f"{column}: the id {text[:40]!r}... has {len(text)} characters; at most {MAX_ID_CHARACTERS} fit")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        raise _Refused(f"{column}: the id {text!r} contains a control character, such as a line break")
    return text


def _metadata(line: Line, chosen: _Needed, *, sparse: bool) -> str:
    kept = [c for c in chosen.kept if c in line.values] if sparse else chosen.kept
    metadata = {repaired(c): _plain(line.values.get(c), f"{line.where}: {c}", c) for c in kept}
    if chosen.dataset:
        try:
            own = json.loads(line.values.get(_METADATA) or "{}")
        except (ValueError, TypeError, RecursionError) as error:
            raise _Refused(f"{_METADATA} is not valid JSON: {type(error).__name__}") from error
        if not isinstance(own, dict):
            raise _Refused(f"{_METADATA} is not a JSON object")
        metadata |= _plain(own, f"{line.where}: {_METADATA}", _METADATA)
    text = json.dumps(metadata, sort_keys=True, ensure_ascii=False)
    if len(text) > _MAX_METADATA_BYTES // 4 and (size := len(text.encode())) > _MAX_METADATA_BYTES:
        largest = max(metadata, key=lambda c: len(str(metadata[c])))
        raise _Refused(
            f"{largest[:60]} makes the row's metadata {size} bytes; at most {_MAX_METADATA_BYTES} are allowed. "
            "sources.metadata_columns selects the columns to keep"
        )
    return text


def _shown(value: Any) -> str:
    """Format a value for a message, truncated."""
    text = (
        repr(value[: _SHOWN + 1] if isinstance(value, str | list) else value) if not _long(value) else "a long number"
    )
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]}..."


def _long(value: Any) -> bool:
    return isinstance(value, int) and abs(value) >= 2**64


@dataclass(frozen=True, kw_only=True)
class _Needed:
    """The columns of a manifest that are read. If `dataset` is set, the JSON in its metadata column is unpacked."""

    id_column: str | None
    kept: list[str]
    dataset: bool
    columns: list[str]


def _needed(uri: str, options: SourceOptions, columns: Sequence[str]) -> _Needed:
    """Return which of the columns of a manifest to read.

    Raises:
        UsageError: a column that the options name does not exist.
    """
    for column in (options.uri_column, options.id_column, *_asked_metadata(options)):
        if column is not None and column not in columns:
            known = printable(", ".join(columns[:40])[:600])
            raise UsageError(f"{uri} has no column {column}{nearest(column, columns)} Its columns: {known}")
    id_column = options.id_column or (_ID_COLUMN if _ID_COLUMN in columns else None)
    if id_column is None and (like := next((c for c in columns if c.strip().casefold() == _ID_COLUMN), None)):
        raise UsageError(
            f"{uri} has the column {printable(like[:60])!r}, which is not read as ids: name it {_ID_COLUMN}"
            f"{', without blanks around it and its values' if like != like.strip() else ''}, or set sources.id_column"
        )
    kept = _asked_metadata(options)
    dataset = options.metadata_columns == "*" and set(columns) >= _OF_A_DATASET
    if options.metadata_columns == "*" and not dataset:
        kept = [column for column in columns if column not in (options.uri_column, id_column)]
    read = [options.uri_column, *([id_column] if id_column else []), *kept, *([_METADATA] if dataset else [])]
    return _Needed(id_column=id_column, kept=kept, dataset=dataset, columns=list(dict.fromkeys(read)))


def _asked_metadata(options: SourceOptions) -> list[str]:
    return [] if options.metadata_columns == "*" else list(options.metadata_columns)


def _plain(value: Any, where: str, column: str, depth: int = 0) -> Any:
    """Convert a value of a manifest to JSON: times to ISO 8601, decimals to text, NaN to null.

    Text is repaired, and secrets are removed from URLs in it, since it is stored. An integer of more than 64 bits
    becomes text.
    """
    if depth > _MAX_DEPTH:
        raise _Refused(f"{column} is nested deeper than {_MAX_DEPTH} levels")
    if value is None or isinstance(value, bool | str | int | float):
        return _scalar(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {repaired(str(key)): _plain(item, where, column, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, where, column, depth + 1) for item in value]
    raise UsageError(
        f"{where} has a value of type {type(value).__name__}, which JSON cannot represent; "
        "list the columns to keep in sources.metadata_columns"
    )


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        return redacted_text(repaired(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if _long(value) else value
