"""Remaining work, keys and states of the tables of level segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from operators.core.fingerprint import digest
from operators.store.store import MAX_PASSES, Failed, Store
from pipeline.config.check import can_do_without
from pipeline.config.parents import is_static, level_of
from pipeline.config.table import VIDEOS, TableSpec
from pipeline.config.tables import warm_up
from pipeline.planning.absent import Absent, absent_of
from pipeline.planning.diff import SegmentRows
from pipeline.planning.exclusions import Exclusions
from pipeline.planning.foreign import foreign_keys, foreign_store
from pipeline.planning.outcomes import DONE, FAILED, TODO, UNWANTED
from pipeline.planning.plan import Plan
from pipeline.planning.states import States, states_of
from pipeline.planning.usual import usual_keys
from pipeline.planning.videos import Videos
from pipeline.planning.work import TableWork


class SegmentTables:
    """Compares the planned tables of level segment with the store.

    Args:
        failures: result of `Store.failed`.
        video_keys: returns video_id -> key of the current rows of a table of videos, by its name.
        refused: returns video_id -> the reason why rows of a table are not made; see `Derived.refused`.
        exclusions: which videos the filter leaves out of which table.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        failures: dict[tuple[str, int | None], Failed],
        video_keys: Callable[[str], dict[str, str]],
        refused: Callable[[TableSpec], dict[str, str]],
        *,
        exclusions: Exclusions,
    ) -> None:
        self._plan = plan
        self._store = store
        self._failures = failures
        self._video_keys = video_keys
        self._refused = refused
        self._exclusions = exclusions
        self._states: dict[str, tuple[list[str], States]] = {}
        self._absent: dict[str, Absent] = {}

    def work(self, spec: TableSpec) -> TableWork:
        """Return the remaining work of a table."""
        plan, parents = self._plan, self.parent_keys(spec)
        keys, found = self.states(spec.name)
        videos = Videos(plan.videos.facts, keys, plan.videos.cut)
        state = found.state.copy()
        given_up: dict[str, str] = {}
        refused = self._refused(spec)
        waiting = self._blocked(spec, state)
        for place in np.flatnonzero(found.state == FAILED).tolist():
            of = int(np.searchsorted(found.begins, place, side="right")) - 1
            if videos.ids[of] in refused:
                given_up[videos.ids[of]] = refused[videos.ids[of]]
                continue
            index = place - int(found.begins[of])
            failed = found.tries.get(place)
            given_up[f"{videos.ids[of]} segment {index}"] = failed.message if failed else "failed"
        left_out = int(np.count_nonzero(found.state == UNWANTED))
        places = np.flatnonzero(state == TODO)
        without = self.absent(spec).without
        todo = SegmentRows(videos, places, found.tries, warm_up(plan.config, spec), parents=parents, without=without)
        return TableWork(
            spec=spec,
            rows=todo,
            planned=int(videos.counts.sum()) - left_out,
            done=int(np.count_nonzero(found.state == DONE)),
            given_up=given_up,
            waiting=waiting,
            seconds=todo.seconds,
            keys={v: key for v, key in zip(videos.ids, keys, strict=True) if v not in refused},
            filtered=self._stay(spec, found),
            left_out=left_out,
            removed=self._removed(spec),
        )

    def parent_keys(self, spec: TableSpec) -> dict[str, list[str | None]]:
        """Return table -> key of each video's rows, for the parents of a table of segments; None if there are none."""
        found: dict[str, list[str | None]] = {}
        for parent in spec.parents:
            if parent == VIDEOS:
                continue
            if level_of(self._plan.config, self._plan.tables, parent) == "segment":
                found[parent] = list(self.keys(parent))
            else:
                current = self._video_keys(parent)
                found[parent] = [current.get(video_id) for video_id, _ in self._plan.sources]
        return found

    def keys(self, name: str) -> list[str]:
        """Return the key of each video's rows in a table."""
        plan = self._plan
        if name not in plan.tables:
            return foreign_keys(plan, name)
        if name == "segments" and not plan.parent_keys:
            return plan.videos.keys
        keys = list(usual_keys(self._plan, name))
        for parent, said in self.apart(plan.tables[name]).items():
            keys = [k if s is None else digest(_said(k, parent, s)) for k, s in zip(keys, said, strict=True)]
        counts = plan.videos.counts
        for i, marks in self.absent(plan.tables[name]).marks(np.cumsum(counts) - counts, counts).items():
            keys[i] = digest([keys[i], "without segments", marks])
        return keys

    def states(self, name: str) -> tuple[list[str], States]:
        """Return the key of each video's rows in a table, and the states of all its segments."""
        if name not in self._states:
            plan, store = self._plan, self._store
            keys = self.keys(name)
            spec = plan.tables.get(name)
            lost = self.absent(spec).lost if spec is not None else {}
            table = store.table(name) if spec is not None else foreign_store(plan.config, name)
            videos = Videos(plan.videos.facts, keys, plan.videos.cut)
            batches = table.batches(["key", "segment_index"])
            found = states_of(videos, batches, self._failures, lost)
            for i, why in self._refused_at(spec).items():
                own = slice(found.begins[i], found.begins[i] + videos.counts[i])
                found.state[own] = FAILED
                failed = Failed(name, "internal", why, attempts=0, passes=MAX_PASSES)
                found.tries.update(dict.fromkeys(range(own.start, own.stop), failed))
            if spec is not None:
                out = np.repeat(self._exclusions.of(name), videos.counts)
                found.state[out & ((found.state != DONE) | self._exclusions.follows(name))] = UNWANTED
            self._states[name] = (keys, found)
        return self._states[name]

    def absent(self, spec: TableSpec) -> Absent:
        """Return the segments that are permanently missing in the parents of a table of segments."""
        if spec.name not in self._absent:
            plan = self._plan
            states = {parent: self.states(parent)[1] for parent in self._of_segments(spec)}
            self._absent[spec.name] = absent_of(
                states,
                frozenset(states) - set(plan.tables),
                spec.missing,
                lambda lacking: can_do_without(plan.config, plan.tables, spec, lacking),
            )
        return self._absent[spec.name]

    def apart(self, spec: TableSpec) -> dict[str, list[str | None]]:
        """Return table -> for each video, what the key of its rows there contains beyond the config.

        The value is "" if the video has no rows there, and None if the key contains nothing else because no row that
        they depend on is missing.
        """
        found: dict[str, list[str | None]] = {}
        for parent, values in self.parent_keys(spec).items():
            known = is_static(self._plan.tables, parent)
            usual = usual_keys(self._plan, parent) if known else [None] * len(values)
            found[parent] = [None if v is not None and v == u else v or "" for v, u in zip(values, usual, strict=True)]
        return found

    # -- inside ----------------------------------------------------------------------------------------------------

    def _blocked(self, spec: TableSpec, state: Any) -> int:
        """Remove from `state` the segments for which a parent's segment is not made yet; return their number."""
        blocked = np.zeros(len(state), bool)
        parents = self._of_segments(spec)
        for parent in parents:
            if parent in self._plan.tables:
                blocked |= self.states(parent)[1].state == TODO
        keyed = len(parents) > 1 and spec.missing == "partial"  # the keys of a video contain what it is made without
        if keyed and blocked.any():
            counts = self._plan.videos.counts
            blocked = np.repeat(np.logical_or.reduceat(blocked, np.cumsum(counts) - counts), counts)
        blocked &= state == TODO
        state[blocked] = FAILED
        return int(np.count_nonzero(blocked))

    def _stay(self, spec: TableSpec, found: States) -> dict[str, int]:
        """Return id of each video that the filter leaves out -> number of its rows that are there and stay."""
        videos = self._plan.videos
        at = np.flatnonzero(self._exclusions.of(spec.name))
        own = (found.state[found.begins[i] : found.begins[i] + videos.counts[i]] for i in at.tolist())
        ids = videos.facts["video_id"].take(pa.array(at)).to_pylist()
        return {v: int(np.count_nonzero(marks == DONE)) for v, marks in zip(ids, own, strict=True)}

    def _removed(self, spec: TableSpec) -> frozenset[str]:
        """Return the videos that the filter leaves out and whose rows, under any key, are to be removed."""
        out = self._exclusions.of(spec.name)
        if not self._exclusions.follows(spec.name) or not out.any():
            return frozenset()
        there: set[str] = set()
        for batch in self._store.table(spec.name).batches(["video_id"]):
            there.update(batch["video_id"].unique().to_pylist())
        return frozenset(there.intersection(self._plan.videos.facts["video_id"].filter(pa.array(out)).to_pylist()))

    def _of_segments(self, spec: TableSpec) -> list[str]:
        """Return the parents of level segment of a table of segments."""
        plan = self._plan
        return [p for p in dict.fromkeys(spec.parents) if level_of(plan.config, plan.tables, p) == "segment"]

    def _refused_at(self, spec: TableSpec | None) -> dict[int, str]:
        """Return `refused` by position in the plan."""
        refused = self._refused(spec) if spec is not None else {}
        return {i: refused[v] for i, v in enumerate(self._plan.videos.ids) if v in refused} if refused else {}


def _said(key: str, parent: str, said: str) -> list[str]:
    return [key, "from", parent, said] if said else [key, "without", parent]
