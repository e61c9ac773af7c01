"""Conversion of rows to Arrow tables: a batch in one call, or row by row if a row does not fit.

A value that its column cannot hold (a lone surrogate, an integer overflow, another type) and a row that is too large
are failures of one item. They are recorded in that item's `failure` and never raise an exception that would end the
stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from operators.core.addresses import redacted_text
from operators.core.base import ItemError, Row
from operators.core.rows import MAX_ROW_BYTES
from operators.core.structs import FAILURE
from operators.core.text import printable, repaired_value

MAX_MESSAGE_CHARACTERS = 2000
_INT32_MAX = 2**31 - 1
_REASON_CHARACTERS = 200

_Stage = str | Callable[[str], str]


def to_table(items: Sequence[Row], schema: pa.Schema, *, stage: _Stage = "internal") -> pa.Table:
    """Convert rows to one Arrow table with the schema `schema`; missing columns are null.

    Text with surrogates is repaired. A row that still does not convert, or that exceeds `MAX_ROW_BYTES`, keeps the
    columns that convert and gets a `failure` of class `invalid` that names the column. An existing failure is kept.

    Args:
        stage: the stage that such a failure names, or a function from the offending column to the stage.

    Raises:
        ItemError: class `invalid`, for such a row if `schema` has no column `failure`.
    """
    named = [{name: row.get(name) for name in schema.names} for row in items]
    try:
        table = pa.Table.from_pylist(named, schema=schema)
    except (pa.ArrowException, *_REFUSED):
        table = None
    if table is not None and (
        table.nbytes <= MAX_ROW_BYTES or all(table.slice(k, 1).nbytes <= MAX_ROW_BYTES for k in range(table.num_rows))
    ):
        return table
    return pa.concat_tables([_row_table(row, schema, stage) for row in named])


def fitted(row: Row, schema: pa.Schema, *, stage: _Stage) -> Row:
    """The row as `to_table` returns it, for rows that are not passed on as Arrow."""
    fit: Row = to_table([row], schema, stage=stage).to_pylist()[0]
    return fit


def failure(stage: str, failure_class: str, message: str, attempts: int = 1) -> Row:
    """A value of `structs.FAILURE` that always converts: the message is one line of bounded length."""
    line = redacted_text(" ".join(str(repaired_value(message)).split()))
    if len(line) > MAX_MESSAGE_CHARACTERS:
        line = line[:MAX_MESSAGE_CHARACTERS] + "…"
    return {
        "stage": stage,
        "class": failure_class,
        "message": line,
        "attempts": max(0, min(attempts, _INT32_MAX)),
    }


_REFUSED = (UnicodeError, OverflowError, TypeError, ValueError, KeyError, AttributeError, RecursionError)


def _row_table(row: Row, schema: pa.Schema, stage: _Stage) -> pa.Table:
    """One row as a table, with a failure where it does not fit."""
    columns: dict[str, pa.Array] = {}
    problems: list[tuple[str, str]] = []  # column, what is wrong with it
    for field in schema:
        value = row[field.name]
        if field.name == "failure" and isinstance(value, dict):
            texts = [str(repaired_value(value.get(name) or "")) for name in ("stage", "class", "message")]
            attempts = value.get("attempts")
            value = failure(texts[0], texts[1], texts[2], attempts if isinstance(attempts, int) else 1)
        try:
            columns[field.name] = _column(value, field.type)
        except (pa.ArrowException, *_REFUSED) as error:
            columns[field.name] = pa.nulls(1, field.type)
            problems.append((field.name, f"column {field.name} cannot be stored: {_reason(error)}"))
    sizes = {name: column.nbytes for name, column in columns.items()}
    total = sum(sizes.values())
    if total > MAX_ROW_BYTES:
        largest = max(sizes, key=lambda name: sizes[name])
        said = f"the row takes {total} bytes, {sizes[largest]} of them in {largest}; at most {MAX_ROW_BYTES} fit"
        problems.insert(0, (largest, said))
        for name in sorted(sizes, key=lambda name: -sizes[name]):
            if total <= MAX_ROW_BYTES:
                break
            columns[name] = pa.nulls(1, schema.field(name).type)
            total -= sizes[name]
    if problems:
        column, message = problems[0]
        if "failure" not in columns:
            raise ItemError("invalid", message)
        if not columns["failure"][0].is_valid:
            where = stage if isinstance(stage, str) else stage(column)
            columns["failure"] = pa.array([failure(where, "invalid", message)], FAILURE)
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _column(value: Any, kind: pa.DataType) -> pa.Array:
    """An array of one value, with its text repaired if that is sufficient."""
    try:
        return pa.array([value], kind)
    except UnicodeError:
        return pa.array([repaired_value(value)], kind)


def _reason(error: Exception) -> str:
    said = printable(" ".join(str(error).split()))[:_REASON_CHARACTERS]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
