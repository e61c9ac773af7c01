"""Read manifests in CSV, JSON Lines and Parquet: each line is a row of values or a problem."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

from operators.core.causes import explained
from operators.core.rows import MAX_ROW_BYTES
from pipeline.sources.files import open_bytes, suffix_of
from pipeline.terminal.errors import UsageError

MANIFEST_SUFFIXES = (".parquet", ".csv", ".jsonl")
_INTEGER_CHARACTERS = 20  # the longest signed 64-bit integer; a longer number becomes text
_BATCH_ROWS = 1024
_BATCH_BYTES = 64 * 2**20  # bytes of a Parquet file that are decoded at a time
_TOO_LONG = f"takes more than {MAX_ROW_BYTES} bytes"
_OTHER_FORMATS = {  # first bytes -> what the file is
    b"\xff\xfe\0\0": "is not UTF-8 but UTF-32; save the manifest as UTF-8",
    b"\0\0\xfe\xff": "is not UTF-8 but UTF-32; save the manifest as UTF-8",
    b"\xff\xfe": "is not UTF-8 but UTF-16; save the manifest as UTF-8",
    b"\xfe\xff": "is not UTF-8 but UTF-16; save the manifest as UTF-8",
    b"\x1f\x8b": "is compressed (gzip); unpack it first",
    b"\x28\xb5\x2f\xfd": "is compressed (zstd); unpack it first",
    b"PK\x03\x04": "is a zip archive or a spreadsheet; unpack it, or save it as CSV",
}


@dataclass(frozen=True)
class Line:
    """One row of a manifest.

    Attributes:
        where: the manifest and the row or line, for error messages.
        values: column -> value; empty if `problem` is set.
        problem: why the row cannot be used.
    """

    where: str
    values: dict[str, Any]
    problem: str | None = None


Columns: TypeAlias = Callable[[Sequence[str]], Sequence[str]]
"""Map the columns of a manifest to the columns to read. Raises `UsageError` if one is missing."""


def read_lines(uri: str, columns: Columns) -> tuple[list[Line], list[str]]:
    """Return the rows of a manifest in order, and its columns.

    Raises:
        UsageError: the manifest cannot be read as a whole: wrong format, a quote that is never closed, a duplicate
                column name.
    """
    return _READERS[suffix_of(uri)](uri, columns)


# -- csv ---------------------------------------------------------------------------------------------------------------


def _csv(uri: str, _columns: Columns) -> tuple[list[Line], list[str]]:
    limit = csv.field_size_limit(MAX_ROW_BYTES)
    try:
        with _Text(uri) as text:
            reader = csv.reader(text, strict=True)
            try:
                header = next(reader, [])
            except csv.Error as error:
                raise UsageError(f"{uri} line 1 is not valid CSV: {error}") from error
            if text.cut:
                raise UsageError(f"{uri} line 1 is not a header: it {_TOO_LONG}")
            if _not_utf8("".join(header)):
                raise UsageError(f"{uri} line 1 is not UTF-8; save the manifest as UTF-8")
            _check_unique(uri, header)
            return list(_csv_lines(uri, reader, header, text)), header
    finally:
        csv.field_size_limit(limit)


def _csv_lines(uri: str, reader: Any, header: list[str], text: _Text) -> Iterator[Line]:
    number = 0
    while True:
        first = reader.line_num + 1
        text.cut = False
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # a quote that is closed some lines later, or never, has consumed rows that no error would name
            if reader.line_num > first or "end of data" in str(error):
                raise UsageError(f"{uri} line {first} is not valid CSV: {error}") from error
            number += 1
            yield Line(f"{uri} row {number}", {}, f"line {first} is not valid CSV: {error}")
            continue
        if not fields and not text.cut:
            continue
        number += 1
        where = f"{uri} row {number}"
        if text.cut:
            yield Line(where, {}, f"line {first} {_TOO_LONG}")
            continue
        bad = next((k for k, field in enumerate(fields) if _not_utf8(field)), None)
        if len(fields) != len(header):
            said = f"has {len(fields)} fields; the header has {len(header)} columns"
            yield Line(where, {}, said)
        elif bad is not None:
            yield Line(where, {}, f"{header[bad]} is not UTF-8; save the manifest as UTF-8")
        else:
            yield Line(where, dict(zip(header, fields, strict=True)))


# -- json lines --------------------------------------------------------------------------------------------------------


def _jsonl(uri: str, _columns: Columns) -> tuple[list[Line], list[str]]:
    lines = []
    names: dict[str, None] = {}
    number = 0
    with _Text(uri) as text:
        for at, line in enumerate(text, start=1):
            if not line.strip() and not text.cut:
                continue
            number += 1
            values, problem = ({}, _TOO_LONG) if text.cut else _object(line)
            text.cut = False
            names.update(dict.fromkeys(values))
            lines.append(Line(f"{uri} row {number}", values, f"line {at} {problem}" if problem else None))
    return lines, list(names)


def _object(line: str) -> tuple[dict[str, Any], str | None]:
    """Return the JSON object of a line, and the problem if there is one."""
    if _not_utf8(line):
        return {}, "is not UTF-8; save the manifest as UTF-8"
    try:
        return _parsed(line), None
    except json.JSONDecodeError as error:
        return {}, f"is not valid JSON: {error}"
    except RecursionError:
        return {}, "is nested too deeply"
    except ValueError as error:
        return {}, str(error)


def _parsed(line: str) -> dict[str, Any]:
    """Parse a line. Raises `ValueError` with the problem, and `RecursionError` for deep nesting."""
    outermost: list[tuple[str, Any]] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        outermost[:] = found  # the last call is for the outermost object
        return dict(found)

    value = json.loads(line, object_pairs_hook=pairs, parse_int=_integer)
    if not isinstance(value, dict):
        raise ValueError(f"is not a JSON object: {line[:60]!r}")
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
            # the captions of a large dataset would not fit into memory
            wanted = list(columns(names))
            _check_unique(uri, [name for name in names if name in wanted])
            for batch in found.iter_batches(batch_size=_rows_at_once(found.metadata), columns=wanted):
                for values, problem in _values(batch):
                    lines.append(Line(f"{uri} row {len(lines) + 1}", values, problem))
    except UsageError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise UsageError(f"{uri} is not a Parquet file: {' '.join(str(error).split())[:300]}") from error
    return lines, names


def _rows_at_once(facts: Any) -> int:
    """Return how many rows to decode at a time: well compressed rows may be large."""
    groups = [facts.row_group(k) for k in range(facts.num_row_groups)]
    largest = max((group.total_byte_size / group.num_rows for group in groups if group.num_rows > 0), default=0)
    return max(1, min(_BATCH_ROWS, int(_BATCH_BYTES / max(largest, 1))))


def _values(batch: Any) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Yield the rows of a record batch; a value that Python cannot represent fails only its own row."""
    try:
        rows = batch.to_pylist()
    except Exception:  # times out of Python's range, text that is not UTF-8, and other values of damaged files
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
        return scalar.cast(pa.string()).as_py()  # years after 9999 and nanoseconds, in Arrow's format


# -- text --------------------------------------------------------------------------------------------------------------


class _Text(AbstractContextManager["_Text"], Iterator[str]):
    """Iterate over the lines of a manifest, with their line ends. Only one line is in memory at a time.

    Bytes that are not UTF-8 become lone surrogates, so that only the rows that hold them are refused.

    Attributes:
        cut: set if a line was too long; an empty line replaces it. The reader resets it.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._file = open_bytes(uri)
        self._text = io.TextIOWrapper(self._file, "utf-8", "surrogateescape", newline="")
        self._begun = self.cut = False

    def __exit__(self, *exc_info: object) -> None:
        self._text.close()

    def __next__(self) -> str:
        line = self._read()
        if not self._begun:
            line = self._first(line)
        if len(line) > MAX_ROW_BYTES:
            self.cut = True
            while line and line[-1] not in "\r\n":
                line = self._read()
            return "\n"
        if not line:
            raise StopIteration
        return line

    def _read(self) -> str:
        try:
            return self._text.readline(MAX_ROW_BYTES + 1)
        except Exception as error:  # clients of stores raise errors of any type
            raise UsageError(f"cannot read {self._uri}: {explained(error)}") from error

    def _first(self, line: str) -> str:
        self._begun = True
        for mark, what in _OTHER_FORMATS.items():
            if line.startswith(mark.decode("utf-8", "surrogateescape")):
                raise UsageError(f"{self._uri} {what}")
        return line.removeprefix("\ufeff")  # spreadsheets write a byte order mark before the first column name


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
