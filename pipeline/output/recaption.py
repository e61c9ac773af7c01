"""Captioning finished videos again (`--recaption`): their rows stay until new ones have replaced them.

The run that begins it marks the keys of the videos' rows as superseded (`operators.core.keys.SUPERSEDED`), so that
nothing of the plan is done. New rows have the usual keys, and the end of the run removes what they have replaced. If it
fails or ends early, the marked rows are still there, and the same command makes what is missing.

OUT/runs/<run_id>/recaption.json   the videos whose recaptioning this run has `begun`, `marked` and `ended`

A run writes only its own record, so that runs on different shards do not meet. The records in the order of the runs say
which recaptionings are open.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from operators.core.keys import is_superseded
from operators.store.store import Store
from operators.store.table import Table
from pipeline.output.finalize import reopen
from pipeline.planning.diff import Remaining
from pipeline.planning.plan import Plan

_RECORD = "recaption.json"


class Recaption:
    """The recaptionings of an output, as one run sees and continues them.

    Attributes:
        open: ids of the videos whose recaptioning has begun and not ended.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._own: dict[str, list[str]] = {"begun": [], "marked": [], "ended": []}
        self.open: set[str] = set()
        self._unmarked: set[str] = set()
        for record in store.run_records(_RECORD):
            begun, marked, ended = (set(record.get(name, ())) for name in self._own)
            self.open = (self.open | begun) - ended
            self._unmarked = (self._unmarked | begun) - marked - ended

    def begin(self, plan: Plan, named: Collection[str]) -> bool:
        """Supersede all rows of the named videos, unless that was begun before, and retry their failures.

        Videos that cannot be captioned, or whose duration the filter excludes, are left as they are.

        Returns:
            Whether there is any other video among them.
        """
        wanted = {v for v, out in zip(plan.videos.ids, plan.unwanted.tolist(), strict=True) if v in named and not out}
        if not wanted:
            return False
        if fresh := wanted - self.open:
            self._note("begun", fresh)
        if todo := fresh | (wanted & self._unmarked):
            for table in (self._store.dataset, self._store.filtered, *self._derived(), self._store.segments):
                if table.exists():
                    table.fence()
                    table.supersede("video_id", todo - _marked(table, todo))
            self._note("marked", todo)
        self.open |= fresh
        reopen(self._store, lambda event: event["video_id"] in wanted)
        return True

    def end(self, plan: Plan, left: Remaining) -> None:
        """Note which recaptionings have ended: nothing is left to do, and no superseded row of the plan's tables."""
        done = (self.open & set(plan.videos.ids)) - left.undone - set(left.given_up)
        named = [t for t in self._derived() if t.uri.rsplit("/", 1)[-1] in plan.tables]
        for table in (self._store.dataset, self._store.filtered, *named, self._store.segments):
            done -= _marked(table, done)
        if done:
            self._note("ended", done)

    def _derived(self) -> Iterable[Table]:
        return (table for table in self._store.derived.values() if "video_id" in table.schema.names)

    def _note(self, name: str, videos: Iterable[str]) -> None:
        self._own[name] = sorted({*self._own[name], *videos})
        record = {"run_id": self._run_id, **self._own}
        self._store.write_file(f"runs/{self._run_id}/{_RECORD}", json.dumps(record, ensure_ascii=False).encode())


def _marked(table: Table, videos: Collection[str]) -> set[str]:
    """Return those of some videos that have superseded rows in a table."""
    if not videos:
        return set()
    rows = table.read(["video_id", "key"], pc.field("video_id").isin(pa.array(sorted(videos), pa.string())))
    keys = zip(rows["video_id"].to_pylist(), rows["key"].to_pylist(), strict=True)
    return {video_id for video_id, key in keys if is_superseded(key)}
