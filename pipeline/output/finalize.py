"""The end of a run: remove superseded rows and compact tables, so that plain Parquet readers get exact results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from operators.core import rows
from operators.core.base import Row
from operators.core.keys import is_superseded, source_key
from operators.store.store import ASKED, Store, narration_failure_key
from pipeline.config.tables import fingerprint, strict
from pipeline.output.copied import refresh
from pipeline.output.known import Durable
from pipeline.output.placement import place
from pipeline.planning.diff import Remaining, compare
from pipeline.planning.plan import Plan
from pipeline.sources.listing import Listing


def clean(
    store: Store, plan: Plan, tables: Mapping[str, Mapping[str, str]] = MappingProxyType({}), *, run_id: str = ""
) -> None:
    """Remove rows that this run superseded, update what rows copy from the listing, then compact every table. `settle`
    removes failures that it resolved.

    Other videos are not changed. Captions of another config are removed only if new ones have replaced them, so that a
    failing engine loses no captions.

    Args:
        tables: for each further table, the key of each video's rows.
        run_id: run id for rows that it writes.
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
    refresh(store, plan)
    for table in store.tables:
        table.compact()


def settle(
    store: Store, plan: Plan, listing: Listing, tables: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> None:
    """Remove failures that this run resolved or renewed, once its report exists.

    Failures of rows that a manifest of the run does not have any more are removed with their rows in `videos`.

    Args:
        listing: all sources of the run, of which the plan may be a part.
        tables: as for `clean`.
    """
    found = store.videos.read(["video_id", "failure"], pc.field("failure").is_valid()) if listing.manifests else None
    dropped = {video["video_id"] for video in found.to_pylist() if listing.dropped(video)} if found else set()
    if store.failures.exists():
        left = compare(plan, store)
        durable = Durable(store, {name: set(keys.values()) for name, keys in tables.items()})
        store.failures.fence()
        store.failures.rewrite(
            lambda events: _failed(
                e for e in _current(store, plan, left, events.to_pylist(), durable) if e["video_id"] not in dropped
            )
        )
    if dropped:
        store.videos.fence()
        store.videos.delete("video_id", dropped)


def _stale(store: Store, plan: Plan, left: Remaining) -> set[str]:
    """Return keys of captions of planned videos that are not in the plan and whose successors exist and are used."""
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
    """Return keys of rows in a table of segments that newer rows of the same video have replaced."""
    table = store.table(name)
    if not {"video_id", "segment_index"} <= set(table.schema.names):
        return set()  # a newer row replaces the older when it is committed
    found: dict[str, set[str]] = {}
    for batch in table.batches(["video_id", "key"]):
        for row in pa.Table.from_batches([batch]).group_by(["video_id", "key"]).aggregate([]).to_pylist():
            found.setdefault(row["video_id"], set()).add(row["key"])
    return {old for v, some in found.items() if keys.get(v) in some for old in some - {keys[v]}}


def _void(store: Store, plan: Plan, left: Remaining) -> set[str]:
    """Return videos that this run gave up and whose earlier long caption must be removed.

    It describes an old version of the source, or it is partial and made by this config, while `run.on_incomplete` or
    `tables.dataset.missing` no longer allows that. Captions of another config stay when this config fails, and so do
    captions that were to be made again.
    """
    if not left.given_up:
        return set()
    versions = dict(zip(plan.videos.ids, plan.videos.facts["source_version"].to_pylist(), strict=True))
    versions |= {v["video_id"]: v["source_version"] for v in plan.unusable}
    own = fingerprint(plan.config) if strict(plan.config) else ""
    void = set()
    for table in (store.dataset, store.filtered):
        for row in table.read(["video_id", "key", "source_version", "config"]).to_pylist():
            video_id = row["video_id"]
            partial = row["config"] == own and not is_superseded(row["key"])
            if video_id in left.given_up and (row["source_version"] != versions[video_id] or partial):
                void.add(video_id)
    return void


def reopen(store: Store, chosen: Callable[[Row], bool]) -> None:
    """Mark the failures that `chosen` selects, so that runs try their items again.

    They stay in the table until `settle`, so that whatever stops a retry, the same command still finds them.
    """

    def change(events: pa.Table) -> pa.Table:
        return _failed({**e, "passes": ASKED} if chosen(e) else e for e in events.to_pylist())

    if store.failures.exists():
        store.failures.fence()
        store.failures.rewrite(change)


def _failed(events: Iterable[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(events), schema=rows.FAILED)


def _current(store: Store, plan: Plan, left: Remaining, events: list[Row], durable: Durable) -> list[Row]:
    """Return the current failures: all of other videos, and of this plan the newest of each item without a row.

    What a retry asked for and this run neither did nor has to do, such as of a video that the filter leaves out, is no
    failure any more.
    """
    done = store.done_segments()
    narrated = {*store.done_videos(), *store.filtered_videos()} - set(left.given_up)  # those keep an older row
    standing: dict[str, set[str]] = {v["video_id"]: {_source(v)} for v in plan.unusable}
    for video_id, key, narrator in zip(plan.videos.ids, plan.videos.keys, plan.narrators, strict=True):
        standing[video_id] = {key}
        if video_id not in narrated:
            standing[video_id].add(narration_failure_key(key, narrator))
    undone = left.undone
    newest: dict[object, Row] = {}
    for event in sorted(events, key=lambda event: int(event["passes"])):
        video_id, key, index = event["video_id"], event["key"], event["segment_index"]
        if durable.knows(key):
            if not durable.has(key, index):
                newest[key, index] = event
        elif video_id not in standing:
            newest[id(event)] = event
        elif key in standing[video_id] and index not in done.get(key, set()):
            newest[key, index] = event
    return [
        e for e in newest.values() if e["passes"] > ASKED or e["video_id"] not in standing or e["video_id"] in undone
    ]


def _source(video: Row) -> str:
    return source_key(video["video_id"], video["source_version"])
