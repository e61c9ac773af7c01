"""The end of a run: remove superseded rows and compact tables, so that plain Parquet readers get exact results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from operators.core import rows
from operators.core.base import Row
from operators.core.keys import source_key
from operators.store.store import ASKED, Store, narration_failure_key
from pipeline.output.copied import refresh
from pipeline.output.known import Durable, wanted
from pipeline.output.placement import place
from pipeline.planning.diff import Remaining, compare
from pipeline.planning.plan import Plan
from pipeline.planning.removal import replaced_rows, stale_segments, void_captions
from pipeline.planning.work import TableWork
from pipeline.sources.listing import Listing


def clean(
    store: Store, plan: Plan, tables: Mapping[str, TableWork] = MappingProxyType({}), *, run_id: str = ""
) -> None:
    """Put the tables in order, see `tidy`, then compact every table. `settle` removes failures that the run resolved.

    Args:
        tables: the further tables.
        run_id: run id for rows that it writes.
    """
    tidy(store, plan, tables, run_id=run_id)
    for table in store.tables:
        table.compact()


def tidy(store: Store, plan: Plan, tables: Mapping[str, TableWork] = MappingProxyType({}), *, run_id: str = "") -> None:
    """Remove rows that this run superseded, move those that the filter places elsewhere, and update what rows copy from
    the listing.

    Other videos are not changed. Captions of another config are removed only if new ones have replaced them, so that a
    failing engine loses no captions. Work that is left does no harm: it may be called before tables that are made from
    the tables as they are at the end.

    Args:
        tables, run_id: as for `clean`.
    """
    left = compare(plan, store)
    stale = stale_segments(store, plan, left)
    void = void_captions(store, plan, left)
    if stale:
        store.segments.fence()
        store.segments.delete("key", stale)
    if void:
        store.dataset.fence()
        store.dataset.delete("video_id", void)
    if "dataset" in plan.tables:
        place(store, plan, left, run_id, kept=set(left.given_up) - void)
    for name, work in tables.items():
        old = replaced_rows(store, name, work.keys)
        if old or work.removed:
            store.table(name).fence()
            store.table(name).delete("key", old)
            store.table(name).delete("video_id", work.removed)
    refresh(store, plan)


def settle(
    store: Store, plan: Plan, listing: Listing, tables: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> None:
    """Remove failures that this run resolved or renewed, once its report exists.

    Failures in tables that the recipe of this run does not have stay, as the rows of these tables do.

    Failures of rows that a manifest of the run does not have any more are removed with their rows in `videos`.

    Args:
        listing: all sources of the run, of which the plan may be a part.
        tables: for each further table, the key of each video's rows.
    """
    found = store.videos.read(["video_id", "failure"], pc.field("failure").is_valid()) if listing.manifests else None
    dropped = {video["video_id"] for video in found.to_pylist() if listing.dropped(video)} if found else set()
    if store.failures.exists():
        left = compare(plan, store)
        durable = Durable(store, {name: set(keys.values()) for name, keys in tables.items()})
        beside = Durable(
            store, {n: {row["key"] for row in wanted(store, n)} for n in store.derived if n not in plan.tables}
        )

        def change(events: pa.Table) -> pa.Table:
            every = events.to_pylist()
            others = [e for e in every if beside.knows(e["key"]) and not durable.knows(e["key"])]
            kept = [e for e in others if not beside.has(e["key"], e["segment_index"])]
            own = [e for e in every if not beside.knows(e["key"]) or durable.knows(e["key"])]
            kept += _current(store, plan, left, own, durable)
            return _failed(e for e in kept if e["video_id"] not in dropped)

        store.failures.fence()
        store.failures.rewrite(change)
    if dropped:
        store.videos.fence()
        store.videos.delete("video_id", dropped)


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
