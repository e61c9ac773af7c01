"""The end of a run: what no longer counts goes, small files are joined, and the output can be read as plain parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa

from operators.core import rows
from operators.core.base import Row
from operators.core.keys import source_key
from operators.store.store import Store, narration_failure_key
from pipeline.config.tables import fingerprint, strict
from pipeline.output.known import Durable
from pipeline.output.placement import place
from pipeline.planning.diff import Remaining, compare
from pipeline.planning.plan import Plan


def clean(
    store: Store, plan: Plan, tables: Mapping[str, Mapping[str, str]] = MappingProxyType({}), *, run_id: str = ""
) -> None:
    """Remove what this run superseded or cured, then compact every table. Other videos are not touched.

    Captions of another config go only where new ones have taken their place: an engine that fails costs no caption.

    Args:
        tables: of each of the further tables, the key of each video's rows there.
        run_id: for rows that it writes itself.
    """
    left = compare(plan, store)
    stale = _stale(store, plan, left)
    void = _void(store, plan, left)
    if stale:
        store.segments.fence()
        store.segments.delete("key", stale)
    if void:
        store.dataset.fence()
        store.dataset.delete("video_id", void)
    if "dataset" in plan.tables:
        place(store, plan, left, run_id, kept=set(left.given_up) - void)
    for name, keys in tables.items():
        if old := _replaced(store, name, keys):
            store.table(name).fence()
            store.table(name).delete("key", old)
    if store.failures.exists():
        durable = Durable(store, {name: set(keys.values()) for name, keys in tables.items()})
        store.failures.fence()
        store.failures.rewrite(lambda events: _failed(_current(store, plan, events.to_pylist(), durable)))
    for table in store.tables:
        table.compact()


def _stale(store: Store, plan: Plan, left: Remaining) -> set[str]:
    """Keys of captions of planned videos that the plan does not have, and whose successors are there and in use."""
    current = dict(zip(plan.videos.ids, plan.videos.keys, strict=True))
    unsettled = left.undone | set(left.given_up)
    stale: dict[str, str] = {}
    there: set[str] = set()
    for batch in store.segments.batches(["video_id", "key"]):
        pairs = pa.Table.from_batches([batch]).group_by(["video_id", "key"]).aggregate([])
        for video_id, key in zip(pairs["video_id"].to_pylist(), pairs["key"].to_pylist(), strict=True):
            if current.get(video_id, key) != key:
                stale[key] = video_id
            elif video_id in current:
                there.add(video_id)
    return {key for key, video_id in stale.items() if video_id in there and video_id not in unsettled}


def _replaced(store: Store, name: str, keys: Mapping[str, str]) -> set[str]:
    """Keys of rows in a table of segments that newer rows of the same video have taken the place of."""
    table = store.table(name)
    if not {"video_id", "segment_index"} <= set(table.schema.names):
        return set()  # a newer row replaces the older when it is committed
    found: dict[str, set[str]] = {}
    for batch in table.batches(["video_id", "key"]):
        for row in pa.Table.from_batches([batch]).group_by(["video_id", "key"]).aggregate([]).to_pylist():
            found.setdefault(row["video_id"], set()).add(row["key"])
    return {old for v, some in found.items() if keys.get(v) in some for old in some - {keys[v]}}


def _void(store: Store, plan: Plan, left: Remaining) -> set[str]:
    """Videos that this run gave up and whose earlier long caption must not stay.

    Either it tells a version of the source that is gone, or it tells the video in part, made by this config, and
    `run.on_incomplete` or `tables.dataset.missing` allows that no longer. Captions of another config stay when this one
    fails.
    """
    if not left.given_up:
        return set()
    versions = dict(zip(plan.videos.ids, plan.videos.facts["source_version"].to_pylist(), strict=True))
    versions |= {v["video_id"]: v["source_version"] for v in plan.unusable}
    own = fingerprint(plan.config) if strict(plan.config) else ""
    void = set()
    for table in (store.dataset, store.filtered):
        for row in table.read(["video_id", "source_version", "config"]).to_pylist():
            video_id = row["video_id"]
            if video_id in left.given_up and (row["source_version"] != versions[video_id] or row["config"] == own):
                void.add(video_id)
    return void


def forget(store: Store, plan: Plan, names: Iterable[str]) -> None:
    """Forget captions, long captions and failures of some planned videos, so that they are made anew."""
    named = set(names)
    keys = {v: key for v, key in zip(plan.videos.ids, plan.videos.keys, strict=True) if v in named}
    wanted = set(keys)  # what is not in the plan, or cannot be captioned, keeps what it has
    if not wanted:
        return
    if store.segments.exists():
        store.segments.fence()
        store.segments.delete("key", keys.values())
    by_video = [table for table in store.derived.values() if "video_id" in table.schema.names]
    for table in (store.dataset, store.filtered, *by_video):
        if table.exists():
            table.fence()
            table.delete("video_id", wanted)
    forget_failures(store, lambda event: event["video_id"] in wanted)


def forget_failures(store: Store, chosen: Callable[[Row], bool]) -> list[Row]:
    """Forget the failures that `chosen` says yes to, so that they are tried again; returns them."""
    gone: list[Row] = []

    def change(events: pa.Table) -> pa.Table:
        gone[:] = [e for e in events.to_pylist() if chosen(e)]
        return _failed(e for e in events.to_pylist() if not chosen(e))

    if store.failures.exists():
        store.failures.fence()
        store.failures.rewrite(change)
    return gone


def _failed(events: Iterable[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(events), schema=rows.FAILED)


def _current(store: Store, plan: Plan, events: list[Row], durable: Durable) -> list[Row]:
    """The failures that still stand: of other videos all, of this plan's the newest of each item that is not cured."""
    done, narrated = store.done_segments(), {*store.done_videos(), *store.filtered_videos()}
    standing: dict[str, set[str]] = {v["video_id"]: {_source(v)} for v in plan.unusable}
    for video_id, key, narrator in zip(plan.videos.ids, plan.videos.keys, plan.narrators, strict=True):
        standing[video_id] = {key}
        if video_id not in narrated:
            standing[video_id].add(narration_failure_key(key, narrator))
    newest: dict[object, Row] = {}
    for event in events:
        if durable.knows(event["key"]):
            if not durable.has(event["key"], event["segment_index"]):
                newest[event["key"], event["segment_index"]] = event
        elif event["video_id"] not in standing:
            newest[id(event)] = event
        elif event["key"] in standing[event["video_id"]] and event["segment_index"] not in done.get(
            event["key"], set()
        ):
            at = (event["key"], event["segment_index"])
            if at not in newest or newest[at]["passes"] <= event["passes"]:
                newest[at] = event
    return list(newest.values())


def _source(video: Row) -> str:
    return source_key(video["video_id"], video["source_version"])
