"""Check that the tables of a recipe can be written to the tables that an output already has."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pyarrow as pa
from deltalake import Schema

from operators.core import rows
from operators.core.base import Level
from operators.store.reader import stored_schema
from pipeline.terminal.errors import UsageError


def check_stored(uri: str, tables: Mapping[str, pa.Schema]) -> None:
    """Refuse a table whose stored rows have another level, or a column of another type.

    Rows of two levels or types cannot be in one table: it would be neither readable nor checkable.

    Args:
        tables: further tables of a run, and `segments` and `dataset` if its recipe adds columns to them.

    Raises:
        UsageError: there is one; nothing was changed.
    """
    for name, schema in tables.items():
        place = f"{uri.rstrip('/')}/{name}"
        with suppress(FileNotFoundError):
            _check(name, place, stored_schema(place), schema)
    if "dataset" in tables:  # has the columns of the dataset, too
        place = f"{uri.rstrip('/')}/filtered"
        with suppress(FileNotFoundError):
            _check("dataset", place, stored_schema(place), tables["dataset"])


def _check(name: str, place: str, stored: pa.Schema, schema: pa.Schema) -> None:
    core = rows.CORE.get(name)
    if core is None and _level(stored) != _level(schema):
        raise UsageError(
            f"{place} holds rows of level {_level(stored)}, and tables.{name} is of level {_level(schema)}: give the "
            f"table another name, or remove {place}"
        )
    there = {field.name: field.type for field in stored}
    for field in _as_stored(schema):
        if (core is not None and field.name in core.names) or field.name not in there:
            continue
        if not _fits(there[field.name], field.type):
            remedy = "give the column another name" + (f", or remove {place}" if core is None else "")
            raise UsageError(
                f"{place} holds {there[field.name]} in the column {field.name}, and the steps of {name} write "
                f"{field.type}: {remedy}"
            )


def _level(schema: pa.Schema) -> Level:
    if "segment_index" in schema.names:
        return "segment"
    return "video" if "video_id" in schema.names else "run"


def _as_stored(schema: pa.Schema) -> pa.Schema:
    """Return a schema with the types in which Delta Lake stores it, which has fewer than Arrow."""
    try:
        return pa.schema(Schema.from_arrow(schema).to_arrow())
    except Exception:  # of any kind: a type that cannot be stored, which is reported when the table is made
        return pa.schema([])


def _fits(stored: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether values of a type can be added; structs may gain and lose fields."""
    if pa.types.is_struct(stored) and pa.types.is_struct(wanted):
        there = {field.name: field.type for field in stored}
        return all(_fits(there[field.name], field.type) for field in wanted if field.name in there)
    if pa.types.is_list(stored) and pa.types.is_list(wanted):
        return _fits(stored.value_type, wanted.value_type)
    return bool(stored == wanted)
