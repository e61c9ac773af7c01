"""Finished outputs as parents (`inputs`): their videos, tables and keys."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from operators.core.addresses import redacted
from operators.core.base import Row
from operators.store.reader import TableReader
from operators.store.store import Store
from pipeline.config.grid import with_grid
from pipeline.config.parents import schema_of, speech_parent
from pipeline.config.tables import tables_of
from pipeline.config.types import Config
from pipeline.planning.plan import Plan
from pipeline.sources.listing import Listing, list_sources
from pipeline.terminal.errors import UsageError

_CUT = ("segment_s", "window_s", "stride_s", "window_rule", "min_shot_s", "line_reach_s")


def foreign_store(config: Config, name: str) -> TableReader:
    """Return a reader of the table `NAME.TABLE` of a finished output."""
    output, _, table = name.partition(".")
    return TableReader(f"{config.inputs[output].rstrip('/')}/{table}", schema_of(config, {}, name))


def foreign_videos(config: Config) -> list[Row]:
    """Return the videos of all finished outputs that a config names, each once, as rows of `rows.VIDEO`.

    Raises:
        UsageError: an output does not exist, or none has a video.
    """
    found: dict[str, Row] = {}
    for name, uri in config.inputs.items():
        store = Store(uri.rstrip("/"))
        if not store.exists():
            raise UsageError(f"inputs.{name}: {uri} is not an output of Longcap")
        for row in store.videos.read().to_pylist():
            if row["failure"] is None:
                found.setdefault(row["video_id"], row)
    if config.inputs and not found:
        names, uris = (", ".join(some) for some in (config.inputs, config.inputs.values()))
        raise UsageError(
            f"inputs ({names}) name no output with videos of its own: {uris}; if it was made from another output, "
            "name that one in inputs as well"
        )
    return list(found.values())


def listing_of(inputs: Sequence[str], config: Config) -> Listing:
    """List the sources of the inputs, or the videos of the finished outputs that a config names instead.

    Raises:
        UsageError: both are given, or none.
    """
    if not config.inputs:
        if not inputs:
            raise UsageError("INPUT is missing: give files, folders, globs, prefixes or manifests of videos")
        return list_sources(inputs, config.sources)
    if inputs:
        names = ", ".join(f"inputs.{name}" for name in config.inputs)
        raise UsageError(f"INPUT {redacted(inputs[0])}: the config reads the videos of {names}; leave INPUT out")
    return Listing(rows=foreign_videos(config), ignored={})


def cut_like(config: Config) -> Config:
    """Return the config with the same windows and segments as in the finished outputs that it names.

    Raises:
        UsageError: the outputs divide their videos differently, or by spoken lines that a table of segments lacks.
    """
    plans = foreign_plan(config).values() if config.inputs else ()
    cuts: set[tuple[Any, ...]] = {tuple(row.get(name) for name in _CUT) for row in plans}
    if not cuts:
        return config
    if len(cuts) > 1:
        raise UsageError(
            f"the outputs {', '.join(config.inputs.values())} divide their videos in different ways: name one"
        )
    segment_s, window_s, stride_s, rule, min_shot_s, reach_s = cuts.pop()
    grid: dict[str, Any] = {
        "window_s": window_s,
        "stride_s": stride_s,
        "windows": rule or "grid",
        "min_shot_s": min_shot_s or 0.0,
    }
    if rule == "lines":
        grid["line_reach_s"] = reach_s
        _check_speech(config)
    plan = replace(config.plan, segment_s=segment_s, **grid)
    return with_grid(replace(config, plan=plan, measure=replace(config.measure, cell_s=stride_s)))


def _check_speech(config: Config) -> None:
    """Check that tables of segments are made from the lines that cut the segments of the finished outputs."""
    specs = tables_of(config)
    heard = {f"{name}.{row['speech']}" for name, uri in config.inputs.items() for row in _plan_of(uri).values()}
    for spec in specs.values():
        if spec.level == "segment" and (follows := speech_parent(config, specs, spec)) not in heard:
            raise UsageError(
                f"tables.{spec.name} is of level segment, and the segments of {', '.join(config.inputs.values())} "
                f"follow spoken lines (plan.windows: lines): add {min(heard)} to tables.{spec.name}.from"
                + (f" before {follows}" if follows else "")
            )


def foreign_plan(config: Config) -> dict[str, Row]:
    """Return video_id -> its row in the newest plan of a finished output: its windows, segments and captioner key."""
    found: dict[str, Row] = {}
    for uri in config.inputs.values():
        found |= _plan_of(uri)
    return found


def _plan_of(uri: str) -> dict[str, Row]:
    store, found = Store(uri.rstrip("/")), dict[str, Row]()
    for run in store.run_records("asked.json"):
        data = store.read_file(f"runs/{run['run_id']}/videos.parquet")
        if data is not None:
            found |= {row["video_id"]: row for row in pq.read_table(io.BytesIO(data)).to_pylist() if row["key"]}
    return found


def foreign_keys(plan: Plan, name: str) -> list[str]:
    """Return the key of each planned video's rows in a table of segments of a finished output; "" if it has none."""
    table = foreign_store(plan.config, name)
    counts: dict[str, dict[str, int]] = {}
    for batch in table.batches(["video_id", "key"]):
        grouped = pa.Table.from_batches([batch]).group_by(["video_id", "key"]).aggregate([([], "count_all")])
        for row in grouped.to_pylist():
            own = counts.setdefault(row["video_id"], {})
            own[row["key"]] = own.get(row["key"], 0) + row["count_all"]
    wanted = {v: row["key"] for v, row in foreign_plan(plan.config).items()} if name.endswith(".segments") else {}
    keys = []
    for video_id in plan.videos.ids:
        have = counts.get(video_id, {})
        planned = wanted.get(video_id)
        keys.append(
            planned if planned in have else max(have, key=lambda k: (have[k], k), default=f"none of {video_id}")
        )
    return keys
