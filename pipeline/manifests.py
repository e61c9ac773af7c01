"""Manifests: tables that name videos, with your own ids and columns (.parquet, .csv, .jsonl).

The dataset of another run is one, too: its videos keep their ids and what `metadata` holds; what that run said and
measured does not travel.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any

from operators.addresses import redacted_text
from pipeline.config import SourceOptions
from pipeline.errors import UsageError, nearest
from pipeline.files import normalise, open_bytes, path_of, suffix_of

MANIFEST_SUFFIXES = (".parquet", ".csv", ".jsonl")
_ID_COLUMN = "video_id"  # taken for the ids where options.id_column is None and the manifest has it
_METADATA = "metadata"  # of a dataset: the columns that its own manifest had
_OF_A_DATASET = frozenset({_ID_COLUMN, _METADATA, "uri", "source_version", "content_hash"})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One video as an input names it.

    Attributes:
        uri: normalised; a manifest's relative uris are relative to the manifest.
        video_id: the user's own, not yet checked; None: there is none.
        metadata: the user's columns as a JSON object.
        where: who names it, for errors.
    """

    uri: str
    video_id: str | None = None
    metadata: str = "{}"
    where: str = ""


def read_manifest(uri: str, options: SourceOptions) -> list[Entry]:
    """The videos that a manifest names, in its order.

    Raises:
        UsageError: it cannot be read, a column is missing, a row names no video, or a value cannot stand in JSON.
    """
    rows, columns = _READERS[suffix_of(uri)](uri, partial(_needed, uri, options))
    chosen = _needed(uri, options, columns)
    id_column, kept = chosen.id_column, chosen.kept
    base = path_of(uri).rpartition("/")[0] or "/"
    entries = []
    for number, row in enumerate(rows, start=1):
        where = f"{uri} row {number}"
        named = row.get(options.uri_column)
        if not isinstance(named, str) or not named.strip():
            raise UsageError(f"{where}: {options.uri_column} is {named!r}; it must say where the video is")
        metadata = {column: _plain(row.get(column), f"{where}: {column}") for column in kept}
        if chosen.dataset:
            metadata |= json.loads(row.get(_METADATA) or "{}")
        entries.append(
            Entry(
                uri=normalise(named.strip(), base=base),
                video_id=_id(row.get(id_column), f"{where}: {id_column}") if id_column else None,
                metadata=json.dumps(metadata, sort_keys=True, ensure_ascii=False),
                where=where,
            )
        )
    return entries


@dataclass(frozen=True, kw_only=True)
class _Needed:
    """Which columns of a manifest are read; `dataset`: the metadata of a run's own dataset, as JSON, is unpacked."""

    id_column: str | None
    kept: list[str]
    dataset: bool
    columns: list[str]


def _needed(uri: str, options: SourceOptions, columns: Sequence[str]) -> _Needed:
    """What to read of a manifest with these columns.

    Raises:
        UsageError: one that the options name is not there.
    """
    for column in (options.uri_column, options.id_column, *_asked_metadata(options)):
        if column is not None and column not in columns:
            known = ", ".join(columns)
            raise UsageError(f"{uri} has no column {column}{nearest(column, columns)} Its columns: {known}")
    id_column = options.id_column or (_ID_COLUMN if _ID_COLUMN in columns else None)
    kept = _asked_metadata(options)
    dataset = options.metadata_columns == "*" and set(columns) >= _OF_A_DATASET
    if options.metadata_columns == "*" and not dataset:
        kept = [column for column in columns if column not in (options.uri_column, id_column)]
    read = [options.uri_column, *([id_column] if id_column else []), *kept, *([_METADATA] if dataset else [])]
    return _Needed(id_column=id_column, kept=kept, dataset=dataset, columns=list(dict.fromkeys(read)))


def _asked_metadata(options: SourceOptions) -> list[str]:
    return [] if options.metadata_columns == "*" else list(options.metadata_columns)


def _id(value: Any, where: str) -> str:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise UsageError(f"{where} is {value!r}; an id must be text or a whole number")


def _plain(value: Any, where: str) -> Any:
    """A value of a manifest as JSON has it: times as ISO 8601, decimals as text, not-a-number as null.

    URLs in it lose their secrets: it is stored.
    """
    if isinstance(value, str):
        return redacted_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value if not isinstance(value, float) or math.isfinite(value) else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item, where) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, where) for item in value]
    raise UsageError(
        f"{where} holds {type(value).__name__}, which cannot travel as JSON; "
        "name the columns that shall travel with sources.metadata_columns"
    )


# -- formats -----------------------------------------------------------------------------------------------------------


def _parquet(uri: str, needed: Callable[[Sequence[str]], _Needed]) -> tuple[Iterable[dict[str, Any]], Sequence[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_bytes(uri) as file:
            found = pq.ParquetFile(file)
            names = found.schema_arrow.names
            table = found.read(needed(names).columns)  # the captions of a large dataset would fill the memory
    except pa.ArrowException as error:
        raise UsageError(f"{uri} is no parquet file: {error}") from error
    return (row for batch in table.to_batches() for row in batch.to_pylist()), names


def _csv(uri: str, _needed: Callable[[Sequence[str]], _Needed]) -> tuple[Iterable[dict[str, Any]], Sequence[str]]:
    reader = csv.DictReader(io.StringIO(_text(uri), newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise UsageError(f"{uri} line {reader.line_num} is no CSV: {error}") from error
    ragged = next((n for n, row in enumerate(rows, start=1) if None in row or None in row.values()), None)
    if ragged is not None:
        raise UsageError(f"{uri} row {ragged} has not as many fields as the header has columns")
    return rows, list(reader.fieldnames or [])


def _jsonl(uri: str, _needed: Callable[[Sequence[str]], _Needed]) -> tuple[Iterable[dict[str, Any]], Sequence[str]]:
    rows = []
    for number, line in enumerate(_text(uri).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{uri} line {number} is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise UsageError(f"{uri} line {number} is no JSON object: {line[:60]!r}")
        rows.append(row)
    return rows, list(dict.fromkeys(key for row in rows for key in row))


def _text(uri: str) -> str:
    with open_bytes(uri) as file:
        data: bytes = file.read()
    try:
        return data.decode("utf-8-sig")  # spreadsheets put a byte order mark before the first column's name
    except UnicodeDecodeError as error:
        raise UsageError(f"{uri} is not UTF-8: {error}") from error


_READERS = {".parquet": _parquet, ".csv": _csv, ".jsonl": _jsonl}
