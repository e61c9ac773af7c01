"""Rows that the end of a run removes: superseded ones, and those that no longer describe their video.

`pipeline.output.finalize` removes them, and rows of the whole output are made from what is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from operators.core.base import Row
from operators.core.keys import is_superseded
from operators.store.store import Store
from pipeline.config.tables import fingerprint, strict
from pipeline.planning.diff import Remaining
from pipeline.planning.plan import Plan
from pipeline.planning.work import TableWork


def stale_segments(store: Store, plan: Plan, left: Remaining) -> set[str]:
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


def void_captions(store: Store, plan: Plan, left: Remaining) -> set[str]:
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


def replaced_rows(store: Store, name: str, keys: Mapping[str, str]) -> set[str]:
    """Return keys of rows in a table of segments that newer rows of the same video have replaced."""
    table = store.table(name)
    if not {"video_id", "segment_index"} <= set(table.schema.names):
        return set()  # a newer row replaces the older when it is committed
    found: dict[str, set[str]] = {}
    for batch in table.batches(["video_id", "key"]):
        for row in pa.Table.from_batches([batch]).group_by(["video_id", "key"]).aggregate([]).to_pylist():
            found.setdefault(row["video_id"], set()).add(row["key"])
    return {old for v, some in found.items() if keys.get(v) in some for old in some - {keys[v]}}


def rows_after(store: Store, plan: Plan, left: Remaining | None, name: str, work: TableWork | None) -> Iterator[Row]:
    """Yield `video_id`, `segment_index` and `key` of the rows that a table of this output has after the end of a run.

    Args:
        left: result of `compare(plan, store)`; None: the end of the run changes nothing in `segments` and `dataset`.
        work: remaining work of the table, unless it is one of these two.
    """
    table = store.table(name)
    columns = [column for column in ("video_id", "segment_index", "key") if column in table.schema.names]
    keys, videos, more = set[str](), set[str](), dict[str, str]()
    if name == "segments" and left is not None:
        keys = stale_segments(store, plan, left)
    elif name == "dataset" and left is not None:
        out = store.filtered_videos() if left.returning else {}
        more = {video_id: out[video_id] for video_id in left.returning}
        videos = {*void_captions(store, plan, left), *left.filtered, *more}
    elif work is not None:
        keys, videos = replaced_rows(store, name, work.keys), set(work.removed)
    for batch in table.batches(columns):
        for row in batch.to_pylist():
            if row["key"] not in keys and row.get("video_id") not in videos:
                yield row
    for video_id, key in more.items():
        yield {"video_id": video_id, "key": key}
