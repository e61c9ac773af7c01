"""The parents of a table: the columns that they contribute, and whether keys can be computed from the videos alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import pyarrow as pa

from operators.core import rows
from operators.core.base import ItemError, Level
from operators.core.text import nearest, printable
from operators.store.parents import VIDEO_WORK, joined_columns, list_of
from pipeline.config.table import VIDEOS, WORD, TableSpec
from pipeline.config.types import Config
from pipeline.terminal.errors import UsageError

_NO_PARENTS = {
    "videos": "is not needed: all tables are made from the videos of {output}, as the parent videos says",
    "filtered": "has the videos that the filter left out, and no table is made from these: name {output}.dataset",
    "failures": "has failures, and no table is made from these",
    "annotations": "has annotations, and no table is made from these",
}
"""Tables of a finished output that are no parents of tables of videos or segments -> why."""
_LAYOUT = ("window_s", "stride_s", "window_rule", "min_shot_s")


def level_of(config: Config, specs: Mapping[str, TableSpec], name: str) -> Level:
    """Level of a parent."""
    if name == VIDEOS:
        return "video"
    if name in specs:
        return specs[name].level
    return "segment" if "segment_index" in schema_of(config, specs, name).names else "video"


def schema_of(config: Config, specs: Mapping[str, TableSpec], name: str) -> pa.Schema:
    """Columns of a parent."""
    if name == VIDEOS:
        return rows.VIDEO
    if name in specs:
        return specs[name].schema
    output, _, table = name.partition(".")
    uri = f"{config.inputs[output].rstrip('/')}/{table}"
    base = rows.CORE.get(table)
    return _foreign_schema(uri) if base is None else rows.joined(base, _stored_columns(uri))


def _stored_columns(uri: str) -> pa.Schema:
    """The columns of `segments` or `dataset` of a finished output; empty if it is missing, which is reported later."""
    try:
        return _foreign_schema(uri)
    except UsageError:
        return pa.schema([])


@lru_cache(maxsize=64)
def _foreign_schema(uri: str) -> pa.Schema:
    from operators.store.reader import stored_schema

    try:
        return stored_schema(uri)
    except FileNotFoundError as error:
        raise UsageError(f"{uri} is no table of a finished output") from error
    except ItemError as error:
        raise UsageError(f"{uri} cannot be read: {error.message}") from error


def speech_parent(config: Config, specs: Mapping[str, TableSpec], spec: TableSpec) -> str | None:
    """The parent of a table whose rows have spoken lines in the column `speech`; None if there is none."""
    for parent in (p for p in spec.parents if p != VIDEOS):
        if level_of(config, specs, parent) == "video" and "speech" in schema_of(config, specs, parent).names:
            return parent
    return None


def is_static(specs: Mapping[str, TableSpec], name: str) -> bool:
    """Whether the keys of a table's rows can be computed from the videos alone, without its parents' rows."""
    if name == VIDEOS:
        return True
    if name not in specs:
        return False
    spec = specs[name]
    gathers = spec.level == "video" and any(p in specs and specs[p].level == "segment" for p in spec.parents)
    return spec.level != "run" and not gathers and all(is_static(specs, p) for p in spec.parents)


def check_names(config: Config, specs: Mapping[str, TableSpec]) -> None:
    """Reject invalid names of finished outputs, and parents that are not tables."""
    for name in config.inputs:
        if not WORD.fullmatch(name):
            raise UsageError(f"inputs.{printable(name)}: a finished output is named by a word such as done")
        if not config.inputs[name].strip().rstrip("/"):
            raise UsageError(
                f"inputs.{name} is {config.inputs[name]!r}; it must be the folder or prefix of a finished output"
            )
    for spec in specs.values():
        for parent in spec.parents:
            output, _, table = parent.partition(".")
            if parent == VIDEOS or parent in specs or (output in config.inputs and WORD.fullmatch(table)):
                continue
            known = [VIDEOS, *(n for n in specs if n != spec.name), *(f"{n}.dataset" for n in config.inputs)]
            raise UsageError(
                f"tables.{spec.name}.from names {printable(parent)}, which is no table{nearest(parent, known)} "
                f"Known: {', '.join(known)}"
            )


def check_parents(config: Config, spec: TableSpec, specs: Mapping[str, TableSpec]) -> None:
    """Reject parents from which the table cannot be made; all are tables without cycles."""
    where = f"tables.{spec.name}.from"
    for parent in spec.parents:
        dot = "." in parent
        if dot:
            _check_foreign(config, spec, parent)
        if parent in specs and specs[parent].level == "run" and (spec.level == "segment" or spec.name == "dataset"):
            raise UsageError(
                f"{where} names {parent}, which is of level run: only further tables of level video or run are made "
                "from it"
            )
        if spec.level == "segment" and not (is_static(specs, parent) or dot):
            raise UsageError(
                f"{where} names {parent}, whose rows depend on which segments are there: a table of segments cannot be "
                "made from it; make one of level video"
            )
    _check_lists(config, spec, specs)
    if spec.name == "dataset" and "segments" not in spec.parents:
        raise UsageError(f"{where} lacks segments, which long captions are made from")


def _check_foreign(config: Config, spec: TableSpec, parent: str) -> None:
    """Reject a table of a finished output that has no rows of videos or segments with a key, or that is missing."""
    output, _, table = parent.partition(".")
    found = schema_of(config, {}, parent)
    if spec.level == "run" or (table not in _NO_PARENTS and {"video_id", "key"} <= set(found.names)):
        return
    why = _NO_PARENTS.get(table, "is of level run: only tables of level run are made from it")
    raise UsageError(f"tables.{spec.name}.from names {parent}, which {why.format(output=output)}")


def _check_lists(config: Config, spec: TableSpec, specs: Mapping[str, TableSpec]) -> None:
    """Reject a list of rows with the name of another column; see `operators.store.parents`."""
    if spec.level != "video" or spec.name == "dataset":
        return
    gathered = [p for p in spec.parents if level_of(config, specs, p) == "segment"]
    owners = dict.fromkeys([*rows.VIDEO.names, *VIDEO_WORK.names, *_LAYOUT, "parents"], "every video")
    for parent in (p for p in spec.parents if p != VIDEOS):
        schema = schema_of(config, specs, parent)
        columns = joined_columns(list_of(parent), schema) if parent in gathered else schema.names
        owners |= {column: parent for column in columns if column not in owners}
    for parent in gathered:
        column = list_of(parent)
        if column in owners:
            raise UsageError(
                f"tables.{spec.name}.from names {parent}: a video gets the list of its rows as the column {column}, "
                f"and {owners[column]} has a column of that name, too: give the table, or the column, another name"
            )
        owners[column] = f"the list of rows of {parent}"


def columns_before(config: Config, spec: TableSpec, specs: Mapping[str, TableSpec]) -> set[str]:
    """Columns that the first step of a table finds: those of its level, the video's facts and its parents' columns.

    If two parents have the same column, that of the first is used; `parents` maps each table to its row.
    """
    if spec.level == "run":
        return {"tables"}
    base = set(rows.SEGMENT.names if spec.level == "segment" else [*rows.VIDEO.names, "segments", *_LAYOUT])
    brought: list[str] = []
    for parent in spec.parents:
        schema = schema_of(config, specs, parent)
        if parent == VIDEOS:
            continue
        if spec.level == "video" and level_of(config, specs, parent) == "segment":
            column = list_of(parent)
            if column == "captioned":
                brought += [column, "captioned_indices"]
            elif spec.name != "dataset":
                brought.append(column)
            brought += joined_columns(column, schema)
        else:
            brought += [n for n in schema.names if n not in base]
            brought += [] if spec.name == "dataset" else ["parents"]
    return {*base, *brought}
