"""Rows become Arrow tables: one call for a good batch, row by row where one of them does not fit.

A value that no column can hold (a lone surrogate, an integer over its width, another type) or a row that is too
large is the fault of one item. It becomes that item's failure and never an exception that would end the whole stage.
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
    """Rows as one Arrow table of exactly `schema`; columns a row lacks are null.

    Text with surrogates is repaired. A row that still does not convert, or that takes more than `MAX_ROW_BYTES`, keeps
    the columns that do and gets a `failure` of class `invalid` that names the column. A failure it already has stays.

    Args:
        stage: which stage such a failure names, or a function from the column at fault to the stage.

    Raises:
        ItemError: class `invalid`: such a row, where `schema` has no column `failure`.
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
    """The row as it leaves `to_table`, for rows that do not travel as Arrow."""
    fit: Row = to_table([row], schema, stage=stage).to_pylist()[0]
    return fit


def failure(stage: str, failure_class: str, message: str, attempts: int = 1) -> Row:
    """A value of `structs.FAILURE` that always converts: one line of bounded length, a count within 32 bits."""
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
    """An array of one value, repaired where that is enough."""
    try:
        return pa.array([value], kind)
    except UnicodeError:
        return pa.array([repaired_value(value)], kind)


def _reason(error: Exception) -> str:
    said = printable(" ".join(str(error).split()))[:_REASON_CHARACTERS]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
