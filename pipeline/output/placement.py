"""Move each planned video to the table in which the filter places it, `dataset` or `filtered`, at the end of a run.

A row is written to its new table before it is deleted from the old one, so that a killed run loses nothing: the next
run finds the video in both tables, and the filter decides which row is deleted. The long caption of an excluded video
is kept in `filtered`, so that a changed filter can include it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import pyarrow as pa

from operators.core import rows
from operators.core.base import Row
from operators.core.keys import is_superseded
from operators.store.content import content_hash
from operators.store.store import Store
from operators.store.table import Table
from pipeline.config.tables import fingerprint
from pipeline.planning.diff import Remaining
from pipeline.planning.plan import Plan

_AT_ONCE = 256  # rows per commit, with their texts


def place(store: Store, plan: Plan, left: Remaining, run_id: str, *, kept: Collection[str] = ()) -> None:
    """Move, write and delete rows of planned videos so that they are where the filter places them.

    Args:
        left: result of `compare(plan, store)`.
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
    """Return excluded videos whose row in `filtered` has other bounds or other captions."""
    found = set()
    for batch in store.left_out(["filtered"]) if left.filtered else ():
        for row in batch.to_pylist():
            now = left.filtered.get(row["video_id"])
            if now is None:
                continue
            if row["filtered"] != now.misses or not (row["key"] == now.key or is_superseded(row["key"])):
                found.add(row["video_id"])
    return found


def _left_out(store: Store, plan: Plan, left: Remaining, ids: Iterable[str], run_id: str) -> Iterator[Row]:
    """Yield rows of `rows.FILTERED`: the current long caption, or the one that `--recaption` has not replaced yet; if
    there is none, the known facts."""
    position = {video_id: i for i, video_id in enumerate(plan.videos.ids)} if ids else {}
    for video_id in ids:
        misses, key = left.filtered[video_id]
        found = [r for t in (store.dataset, store.filtered) for r in t.lookup("video_id", video_id).to_pylist()]
        row = next((r for r in found if r["key"] == key), None)
        row = row or next((r for r in found if is_superseded(r["key"])), None)
        if row is None:  # excluded by its duration alone, which probing measured
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
