"""Each planned video stands in the table that the filter puts it in: `dataset` or `filtered`, at the end of a run.

A row is written where it is to be before it is deleted where it was, so that a run that is killed in between loses
nothing: the next one finds the video in both tables and the filter says which row goes. A long caption that the filter
leaves out goes along, so that a filter that wants it again finds it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import pyarrow as pa

from operators.core import rows
from operators.core.base import Row
from operators.store.content import content_hash
from operators.store.store import Store
from operators.store.table import Table
from pipeline.config.tables import fingerprint
from pipeline.planning.diff import Remaining
from pipeline.planning.plan import Plan

_AT_ONCE = 256  # rows of a commit, with their texts


def place(store: Store, plan: Plan, left: Remaining, run_id: str, *, kept: Collection[str] = ()) -> None:
    """Move, note and delete what of the planned videos does not stand where the filter puts it.

    Args:
        left: what `plan.remaining` says of this store.
        kept: videos whose rows stay as an earlier run left them.
    """
    narrated, out = store.done_videos(), store.filtered_videos()
    planned = {*plan.videos.ids, *(v["video_id"] for v in plan.unusable)}
    back = [v for v in left.returning if narrated.get(v) != out[v]]
    gone = (planned & set(out)) - set(left.filtered) - left.undone - set(kept)
    late = set(left.filtered) & set(narrated)
    stale = {v for v in left.filtered if v in late or v not in out} | _outdated(store, left)
    if not (back or gone or stale):
        return
    store.dataset.fence()
    store.filtered.fence()
    _write(store.filtered, _left_out(store, plan, left, sorted(stale), run_id))
    store.dataset.delete("video_id", late)
    _write(store.dataset, (store.filtered.lookup("video_id", v).to_pylist()[0] for v in sorted(back)))
    store.filtered.delete("video_id", gone)


def _outdated(store: Store, left: Remaining) -> set[str]:
    """Videos that are left out and whose row tells of other bounds, or of other captions."""
    found = set()
    for batch in store.left_out(["filtered"]) if left.filtered else ():
        for row in batch.to_pylist():
            now = left.filtered.get(row["video_id"])
            if now is not None and (row["filtered"], row["key"]) != (now.misses, now.key):
                found.add(row["video_id"])
    return found


def _left_out(store: Store, plan: Plan, left: Remaining, ids: Iterable[str], run_id: str) -> Iterator[Row]:
    """Rows of `rows.FILTERED`: the long caption where there is one that is not outdated, else what is known."""
    position = {video_id: i for i, video_id in enumerate(plan.videos.ids)} if ids else {}
    for video_id in ids:
        misses, key = left.filtered[video_id]
        found = (t.lookup("video_id", video_id).to_pylist() for t in (store.dataset, store.filtered))
        row = next((r for some in found for r in some if r["key"] == key), None)
        if row is None:  # by its length alone, which probing found
            video = plan.videos[position[video_id]]
            row = {name: video.facts.get(name) for name in rows.LONG_CAPTION.names}
            row |= {"key": key, "segments": video.segment_count, "run_id": run_id, "config": fingerprint(plan.config)}
            row["content_hash"] = content_hash(row, store.dataset.schema, rows.LONG_CAPTION)
        yield {**row, "filtered": misses}


def _write(table: Table, found: Iterable[Row]) -> None:
    some: list[Row] = []
    for row in found:
        some.append(row)
        if len(some) == _AT_ONCE:
            _upsert(table, some)
            some = []
    _upsert(table, some)


def _upsert(table: Table, some: list[Row]) -> None:
    table.upsert(pa.Table.from_pylist(some, schema=table.schema), ["video_id"])
