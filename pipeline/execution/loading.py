"""Loading of parents' rows, and the columns that are passed between the stages of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from operators.core import rows
from operators.core.base import Operator
from operators.core.registry import instance
from operators.store.parents import (
    VIDEO_WORK,
    ByLines,
    LoadRun,
    LoadSegment,
    LoadVideo,
    Parent,
    joined_columns,
    list_of,
)
from pipeline.config.parents import level_of, schema_of, speech_parent
from pipeline.config.table import VIDEOS, TableSpec, column_type
from pipeline.config.tables import warm_up
from pipeline.config.types import Config

_ALWAYS = [rows.COLUMNS[name] for name in ("failure", "host", "timings")]


def loading(config: Config, specs: Mapping[str, TableSpec], spec: TableSpec, store: str) -> list[Operator]:
    """The operator that loads parents before the steps of a table, in the pool of the first step, if any."""
    parents = tuple(_parent(config, specs, name, store) for name in spec.parents if name != VIDEOS)
    load: Operator
    if spec.level == "segment":
        if not parents:
            return []
        load = LoadSegment(of=parents, by_lines=_by_lines(config, specs, spec))
    elif spec.level == "run":
        videos = Parent(name=VIDEOS, uri=f"{store}/{VIDEOS}", schema=rows.VIDEO, level="video")
        load = LoadRun(of=(*parents, *((videos,) if VIDEOS in spec.parents else ())))
    else:
        plan = config.plan
        load = LoadVideo(
            of=parents,
            videos=(store, *(uri.rstrip("/") for uri in config.inputs.values())),
            window_s=plan.window_s,
            stride_s=plan.stride_s,
            window_rule=plan.windows,
            min_shot_s=plan.min_shot_s,
        )
    return [instance(load, pool=spec.steps[0].pool)]


def beside_segments(config: Config, specs: Mapping[str, TableSpec], store: str) -> tuple[Parent, ...]:
    """The tables that long captions are made from, in addition to the captions of segments."""
    return tuple(
        _parent(config, specs, name, store) for name in specs["dataset"].parents if name not in (VIDEOS, "segments")
    )


def _by_lines(config: Config, specs: Mapping[str, TableSpec], spec: TableSpec) -> ByLines | None:
    speech = speech_parent(config, specs, spec) if config.plan.windows == "lines" else None
    if speech is None:
        return None
    plan = config.plan
    return ByLines(
        speech=speech,
        window_s=plan.window_s,
        stride_s=plan.stride_s,
        line_reach_s=plan.line_reach_s,
        warm_up=warm_up(config, spec),
    )


def _parent(config: Config, specs: Mapping[str, TableSpec], name: str, store: str) -> Parent:
    output, _, table = name.partition(".")
    uri = f"{store}/{name}" if name in specs else f"{config.inputs[output].rstrip('/')}/{table}"
    return Parent(name=name, uri=uri, schema=schema_of(config, specs, name), level=level_of(config, specs, name))


class Types:
    """The columns between the stages of a table, with their types."""

    def __init__(self, config: Config, specs: Mapping[str, TableSpec], spec: TableSpec) -> None:
        self._spec = spec
        base = rows.SEGMENT if spec.level == "segment" else VIDEO_WORK
        self._carried = {f.name: f.type for f in (*base, *_ALWAYS)}
        self._brought = {} if spec.level == "run" else brought_by(config, specs, spec)

    def between(self, before: Sequence[Operator], after: Sequence[Operator]) -> pa.Schema:
        """The columns passed on by the stage that ends with `before`: the table's own, and those read later."""
        needed = {*self._spec.schema.names, *(c for op in after for c in op.reads | op.may_read)}
        made = {c: column_type(op, c) for op in before if op.name != "load" for c in sorted(op.writes)}
        found = {**{c: t for c, t in self._brought.items() if c in needed}, **self._carried}
        found |= {c: t for c, t in made.items() if c in needed}
        return pa.schema([pa.field(name, kind) for name, kind in found.items()])


def brought_by(config: Config, specs: Mapping[str, TableSpec], spec: TableSpec) -> dict[str, pa.DataType]:
    """Types of the columns that loading adds."""
    found: dict[str, pa.DataType] = {}
    whole: list[pa.Field] = []
    if spec.level == "video":
        found |= {f.name: f.type for f in rows.VIDEO}
        found |= {"window_s": pa.float64(), "stride_s": pa.float64(), "min_shot_s": pa.float64()}
        found |= {"window_rule": pa.string(), "segments": pa.int32()}
    for name in spec.parents:
        if name == VIDEOS:
            continue
        schema = schema_of(config, specs, name)
        row = pa.struct(list(schema))
        if spec.level == "video" and level_of(config, specs, name) == "segment":
            column = list_of(name)
            found[column] = pa.list_(row)
            if column == "captioned":
                found["captioned_indices"] = pa.list_(pa.int32())
            found |= {c: schema.field(c).type for c in joined_columns(column, schema) if c not in found}
        else:
            whole.append(pa.field(name, row))
            found |= {f.name: f.type for f in schema if f.name not in found}
    return {**found, "parents": pa.struct(whole)} if whole else found
