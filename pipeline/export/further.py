"""Rows of further tables that go into an export: of the output itself, or of another output made from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from operators.core.base import Row
from operators.store.reader import TableReader
from pipeline.export.base import ITEMS, Sample, Unfit
from pipeline.output.annotations import opening_of
from pipeline.output.output import Output

_SHORT = 3  # words; a shorter text occurs in others by chance


def further_tables(output: Output, place: str | None) -> dict[str, TableReader]:
    """Return the further tables of an output, and those of the output at `place`, which take precedence.

    Raises:
        UsageError: no output exists at `place`.
    """
    return {**output.store.derived, **(Output(place).store.derived if place else {})}


def rows_of(table: TableReader, video_ids: Sequence[str]) -> dict[str, tuple[Row, ...]]:
    """video_id -> its rows, by segment."""
    found: dict[str, list[Row]] = {}
    for row in table.lookup("video_id", *video_ids).to_pylist():
        found.setdefault(row["video_id"], []).append(row)
    return {v: tuple(sorted(some, key=lambda r: (r.get("segment_index") or 0, r["key"]))) for v, some in found.items()}


def texts_gone(before: Row, now: Row) -> frozenset[str]:
    """Return the texts of a long caption that a person rejected or corrected."""
    if before is now:
        return frozenset()
    return frozenset(_texts(before)) - frozenset(_texts(now))


def standing_rows(rows: Iterable[Row], gone: frozenset[str]) -> tuple[Row, ...]:
    """Drop rows and items that repeat a text which a person rejected or corrected."""
    if not gone:
        return tuple(rows)
    found = []
    for row in rows:
        kept: Row = row
        if isinstance(row.get(ITEMS), list):
            kept = {**row, ITEMS: [item for item in row[ITEMS] if not _says(item, gone)]}
        if not _says({name: value for name, value in kept.items() if name != ITEMS}, gone):
            found.append(dict(kept))
    return tuple(found)


def items_of(sample: Sample, table: str, column: str = ITEMS) -> list[Row]:
    """Return the rows of a table that a sample has. A row with a list in `column` gives its items, each with the other
    columns of the row. An item that an engine answered with fields (the step `ask`) has these as columns; an invalid
    item is left out.

    Raises:
        Unfit: the table has no row of the video.
    """
    if not sample.beside:
        raise Unfit(f"table {table} has no row of the video")
    found: list[Row] = []
    for row in sample.beside:
        items = row.get(column)
        if isinstance(items, list):
            rest = {name: value for name, value in row.items() if name != column}
            found += [{**rest, **_columns(item)} for item in items if not _failed(item)]
        else:
            found.append(dict(row))
    return found


def _failed(item: Any) -> bool:
    return isinstance(item, dict) and item.get("valid") is False


def _columns(item: Any) -> Row:
    if not isinstance(item, dict):
        return {"text": item}
    with suppress(TypeError, ValueError):  # not a text, or not JSON
        fields = json.loads(item.get("fields"))  # type: ignore[arg-type]
        return {**item, **fields} if isinstance(fields, dict) else item
    return item


def _texts(row: Row) -> Iterable[str]:
    for section in row["sections"] or ():
        yield from (_plain(s["text"]) for s in section["sentences"] or ())
        yield _plain(section["text"])
    yield _plain(opening_of(row))
    yield _plain(row["caption"])


def _plain(text: str | None) -> str:
    return " ".join((text or "").split()).rstrip(".")


def _says(value: Any, gone: frozenset[str]) -> bool:
    if isinstance(value, str):
        text = _plain(value)
        return any(one in text for one in gone if len(one.split()) >= _SHORT)
    if isinstance(value, Mapping):
        return any(_says(v, gone) for v in value.values())
    return isinstance(value, list) and any(_says(v, gone) for v in value)
