"""The lines of manifests in CSV, JSON Lines and Parquet: each a row, or what is wrong with it."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from operators.rows import MAX_ROW_BYTES
from pipeline.sources.files import open_bytes, suffix_of
from pipeline.terminal.errors import UsageError

MANIFEST_SUFFIXES = (".parquet", ".csv", ".jsonl")
_INTEGER_CHARACTERS = 20  # of the longest integer of 64 bits with its sign; a longer one becomes text
_BATCH_ROWS = 1024
_WIDE_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True)
class Line:
    """One row of a manifest.

    Attributes:
        where: the manifest and the row or line, for errors.
        values: column -> value; empty where `problem` says why there are none.
        problem: why the row cannot be used.
    """

    where: str
    values: dict[str, Any]
    problem: str | None = None


Columns: TypeAlias = Callable[[Sequence[str]], Sequence[str]]
"""From the columns of a manifest to those that are read. Raises `UsageError` for one that is missing."""


def read_lines(uri: str, columns: Columns) -> tuple[list[Line], list[str]]:
    """The rows of a manifest in its order, and its columns.

    Raises:
        UsageError: the manifest as a whole cannot be read: no file of its kind, a quote that is never closed, two
            columns of one name.
    """
    return _READERS[suffix_of(uri)](uri, columns)


# -- csv ---------------------------------------------------------------------------------------------------------------


def _csv(uri: str, _columns: Columns) -> tuple[list[Line], list[str]]:
    limit = csv.field_size_limit(sys.maxsize)  # the text is in memory already; what a row may hold is checked later
    try:
        reader = csv.reader(io.StringIO(_text(uri), newline=""), strict=True)
        try:
            header = next(reader, [])
        except csv.Error as error:
            raise UsageError(f"{uri} line 1 is no CSV: {error}") from error
        if _not_utf8("".join(header)):
            raise UsageError(f"{uri} line 1 is not UTF-8; save the manifest as UTF-8")
        _check_unique(uri, header)
        return list(_csv_lines(uri, reader, header)), header
    finally:
        csv.field_size_limit(limit)


def _csv_lines(uri: str, reader: Any, header: list[str]) -> Iterator[Line]:
    number = 0
    while True:
        first = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # a quote that is closed lines later, or never, has swallowed rows that nothing would speak of
            if reader.line_num > first or "end of data" in str(error):
                raise UsageError(f"{uri} line {first} is no CSV: {error}") from error
            number += 1
            yield Line(f"{uri} row {number}", {}, f"line {first} is no CSV: {error}")
            continue
        if not fields:
            continue
        number += 1
        where = f"{uri} row {number}"
        bad = next((k for k, field in enumerate(fields) if _not_utf8(field)), None)
        if len(fields) != len(header):
            said = f"has not as many fields as the header has columns ({len(fields)}, not {len(header)})"
            yield Line(where, {}, said)
        elif bad is not None:
            yield Line(where, {}, f"{header[bad]} is not UTF-8; save the manifest as UTF-8")
        else:
            yield Line(where, dict(zip(header, fields, strict=True)))


# -- json lines --------------------------------------------------------------------------------------------------------


def _jsonl(uri: str, _columns: Columns) -> tuple[list[Line], list[str]]:
    data = _bytes(uri)
    separator = b"\n" if b"\n" in data else b"\r"
    lines = []
    names: dict[str, None] = {}
    number = 0
    for at, raw in enumerate(data.split(separator), start=1):
        if not raw.strip():
            continue
        number += 1
        values, problem = _object(raw)
        names.update(dict.fromkeys(values))
        lines.append(Line(f"{uri} row {number}", values, f"line {at} {problem}" if problem else None))
    return lines, list(names)


def _object(raw: bytes) -> tuple[dict[str, Any], str | None]:
    """A line's JSON object, or what is wrong with it."""
    try:
        return _parsed(raw), None
    except UnicodeDecodeError:
        return {}, "is not UTF-8; save the manifest as UTF-8"
    except json.JSONDecodeError as error:
        return {}, f"is no JSON: {error}"
    except RecursionError:
        return {}, "is nested too deep"
    except ValueError as error:
        return {}, str(error)


def _parsed(raw: bytes) -> dict[str, Any]:
    """Raises `ValueError` with what is wrong, and `RecursionError`."""
    if len(raw) > MAX_ROW_BYTES:
        raise ValueError(f"takes {len(raw)} bytes; at most {MAX_ROW_BYTES} fit")
    outermost: list[tuple[str, Any]] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        outermost[:] = found  # the last call is for the line's own object
        return dict(found)

    value = json.loads(raw.decode(), object_pairs_hook=pairs, parse_int=_integer)
    if not isinstance(value, dict):
        raise ValueError(f"is no JSON object: {raw[:60].decode(errors='replace')!r}")
    twice = next((key for key, count in Counter(key for key, _ in outermost).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"has the key {twice[:60]!r} twice")
    return value


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _INTEGER_CHARACTERS else text


# -- parquet -----------------------------------------------------------------------------------------------------------


def _parquet(uri: str, columns: Columns) -> tuple[list[Line], list[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    lines: list[Line] = []
    try:
        with open_bytes(uri) as file:
            found = pq.ParquetFile(file)
            names = list(found.schema_arrow.names)
            # the captions of a large dataset would fill the memory
            wanted = list(columns(names))
            _check_unique(uri, [name for name in names if name in wanted])
            for batch in found.iter_batches(batch_size=_BATCH_ROWS, columns=wanted):
                for values, problem in _values(batch):
                    lines.append(Line(f"{uri} row {len(lines) + 1}", values, problem))
    except UsageError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise UsageError(f"{uri} is no parquet file: {' '.join(str(error).split())[:300]}") from error
    return lines, names


def _values(batch: Any) -> Iterator[tuple[dict[str, Any], str | None]]:
    """The rows of a record batch; a value that Python cannot hold costs its row only."""
    try:
        rows = batch.to_pylist()
    except Exception:  # times out of Python's range, text that is not UTF-8, or what else a file may hold
        rows = None
    if rows is not None:
        yield from ((row, None) for row in rows)
        return
    for k in range(batch.num_rows):
        values, problem = {}, None
        for name in batch.schema.names:
            try:
                values[name] = _value(batch[name][k])
            except Exception as error:
                problem = problem or f"{name} cannot be read: {type(error).__name__}: {str(error)[:100]}"
        yield values, problem


def _value(scalar: Any) -> Any:
    import pyarrow as pa

    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        if not pa.types.is_temporal(scalar.type):
            raise
        return scalar.cast(pa.string()).as_py()  # a year beyond 9999, or nanoseconds, as Arrow writes them


# -- bytes and text ----------------------------------------------------------------------------------------------------


def _bytes(uri: str) -> bytes:
    with open_bytes(uri) as file:
        data: bytes = file.read()
    for mark, encoding in _WIDE_BOMS.items():
        if data.startswith(mark):
            raise UsageError(f"{uri} is not UTF-8 but {encoding}; save the manifest as UTF-8")
    return data.removeprefix(b"\xef\xbb\xbf")  # spreadsheets put a byte order mark before the first column's name


def _text(uri: str) -> str:
    """Bytes that are not UTF-8 become lone surrogates: the rows that hold them are refused, not the others."""
    return _bytes(uri).decode("utf-8", "surrogateescape")


def _not_utf8(text: str) -> bool:
    return not text.isascii() and any("\udc80" <= c <= "\udcff" for c in text)


def _check_unique(uri: str, names: Sequence[str]) -> None:
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise UsageError(f"{uri} has two columns named {twice[:60]!r}; rename one")


_READERS: dict[str, Callable[[str, Columns], tuple[list[Line], list[str]]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _jsonl,
}
