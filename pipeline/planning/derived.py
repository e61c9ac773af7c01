"""What is left to do of the tables beside `segments` and `dataset`, from keys alone.

The key of a row follows from the video, from the operators of its table and from the rows that it is made from, so that
a changed step makes anew just what depends on it. A row that was made while a parent's row was missing has another key
than one that was made from all, so that it is made again once the parent arrives.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.core.keys import source_key
from operators.store.parents import VIDEO_WORK
from operators.store.store import MAX_PASSES, Failed, Store
from pipeline.config.check import can_do_without
from pipeline.config.parents import is_static, level_of
from pipeline.config.table import VIDEOS, TableSpec
from pipeline.config.tables import table_identity, warm_up
from pipeline.planning.absent import Absent, absent_of
from pipeline.planning.diff import Remaining, SegmentRows
from pipeline.planning.foreign import foreign_keys, foreign_store
from pipeline.planning.outcomes import DONE, FAILED, TODO
from pipeline.planning.plan import Plan
from pipeline.planning.states import States, states_of
from pipeline.planning.usual import usual_keys
from pipeline.planning.videos import Videos
from pipeline.planning.work import RUN, TableWork


class Derived:
    """Compares the plan's derived tables with the store.

    Args:
        core: what `compare(plan, store)` says; None: not known yet, so that tables made from `dataset` wait.
    """

    def __init__(self, plan: Plan, store: Store, core: Remaining | None = None) -> None:
        self._plan = plan
        self._store = store
        self._core = core
        self._failures = store.failed()
        self._states: dict[str, tuple[list[str], States]] = {}
        self._absent: dict[str, Absent] = {}
        self._current: dict[str, dict[str, str]] = {}
        self._runs: dict[str, tuple[str | None, str | None]] = {}

    def work(self, spec: TableSpec) -> TableWork:
        """What is left of a table."""
        if spec.level == "segment":
            return self._segments(spec)
        return self._videos(spec) if spec.level == "video" else self._run(spec)

    def parent_keys(self, spec: TableSpec) -> dict[str, list[str | None]]:
        """table -> key of each video's rows there, for the parents of a table of segments; None: there are none."""
        found: dict[str, list[str | None]] = {}
        for parent in spec.parents:
            if parent == VIDEOS:
                continue
            if level_of(self._plan.config, self._plan.tables, parent) == "segment":
                found[parent] = list(self._segment_keys(parent))
            else:
                current = self._current_keys(parent)
                found[parent] = [current.get(video_id) for video_id, _ in self._plan.sources]
        return found

    def refused(self, spec: TableSpec) -> dict[str, str]:
        """video_id -> why the rows of a video are not made: a parent lacks its row for good, and `missing` is fail.

        Of a table of segments, parents of segments count segment by segment: see `absent`.
        """
        found: dict[str, str] = {}
        for parent in spec.parents if spec.missing == "fail" else ():
            of_segments = level_of(self._plan.config, self._plan.tables, parent) == "segment"
            if parent == VIDEOS or (of_segments and spec.level == "segment"):
                continue
            for video_id, (_, _, problem) in zip(self._plan.videos.ids, self.standing(parent), strict=True):
                if problem is not None:
                    found.setdefault(video_id, f"{parent}: {problem} (tables.{spec.name}.missing is fail)")
        return found

    def _refused_at(self, spec: TableSpec | None) -> dict[int, str]:
        """The same by position in the plan."""
        refused = self.refused(spec) if spec is not None else {}
        return {i: refused[v] for i, v in enumerate(self._plan.videos.ids) if v in refused} if refused else {}

    def segment_keys(self, spec: TableSpec) -> list[str]:
        """Key of each video's rows in a table of segments."""
        return self._segment_keys(spec.name)

    # -- segments --------------------------------------------------------------------------------------------------

    def _segments(self, spec: TableSpec) -> TableWork:
        plan, parents = self._plan, self.parent_keys(spec)
        keys, found = self._segment_states(spec.name)
        videos = Videos(plan.videos.facts, keys, plan.videos.cut)
        state = found.state.copy()
        given_up: dict[str, str] = {}
        refused = self.refused(spec)
        waiting = self._blocked(spec, state)
        for place in np.flatnonzero(found.state == FAILED).tolist():
            of = int(np.searchsorted(found.begins, place, side="right")) - 1
            if videos.ids[of] in refused:
                given_up[videos.ids[of]] = refused[videos.ids[of]]
                continue
            index = place - int(found.begins[of])
            failed = found.tries.get(place)
            given_up[f"{videos.ids[of]} segment {index}"] = failed.message if failed else "failed"
        places = np.flatnonzero(state == TODO)
        without = self.absent(spec).without
        todo = SegmentRows(videos, places, found.tries, warm_up(plan.config, spec), parents=parents, without=without)
        return TableWork(
            spec=spec,
            rows=todo,
            planned=int(videos.counts.sum()),
            done=int(np.count_nonzero(found.state == DONE)),
            given_up=given_up,
            waiting=waiting,
            seconds=todo.seconds,
            keys={v: key for v, key in zip(videos.ids, keys, strict=True) if v not in refused},
        )

    def _blocked(self, spec: TableSpec, state: Any) -> int:
        """Take out of `state` the segments of which a parent's segment is still to be made; how many."""
        blocked = np.zeros(len(state), bool)
        parents = self._of_segments(spec)
        for parent in parents:
            if parent in self._plan.tables:
                blocked |= self._segment_states(parent)[1].state == TODO
        keyed = len(parents) > 1 and spec.missing == "partial"  # keys of a video say what it is made without
        if keyed and blocked.any():
            counts = self._plan.videos.counts
            blocked = np.repeat(np.logical_or.reduceat(blocked, np.cumsum(counts) - counts), counts)
        blocked &= state == TODO
        state[blocked] = FAILED
        return int(np.count_nonzero(blocked))

    def _segment_keys(self, name: str) -> list[str]:
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

    def absent(self, spec: TableSpec) -> Absent:
        """What the parents of a table of segments lack for good."""
        if spec.name not in self._absent:
            plan = self._plan
            states = {parent: self._segment_states(parent)[1] for parent in self._of_segments(spec)}
            self._absent[spec.name] = absent_of(
                states,
                frozenset(states) - set(plan.tables),
                spec.missing,
                lambda lacking: can_do_without(plan.config, plan.tables, spec, lacking),
            )
        return self._absent[spec.name]

    def _of_segments(self, spec: TableSpec) -> list[str]:
        """The parents that are of segments, of a table of segments."""
        plan = self._plan
        return [p for p in dict.fromkeys(spec.parents) if level_of(plan.config, plan.tables, p) == "segment"]

    def apart(self, spec: TableSpec) -> dict[str, list[str | None]]:
        """table -> of each video what the key of its rows there says beyond the config; "": there are none, None:
        nothing, since no row that they rest on is missing."""
        found: dict[str, list[str | None]] = {}
        for parent, values in self.parent_keys(spec).items():
            known = is_static(self._plan.tables, parent)
            usual = usual_keys(self._plan, parent) if known else [None] * len(values)
            found[parent] = [None if v is not None and v == u else v or "" for v, u in zip(values, usual, strict=True)]
        return found

    def _segment_states(self, name: str) -> tuple[list[str], States]:
        if name not in self._states:
            plan, store = self._plan, self._store
            keys = self._segment_keys(name)
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
            self._states[name] = (keys, found)
        return self._states[name]

    # -- videos ----------------------------------------------------------------------------------------------------

    def _videos(self, spec: TableSpec) -> TableWork:
        stored = _pairs(self._store, spec.name)
        todo: list[Row] = []
        given_up: dict[str, str] = {}
        done, waiting, seconds = 0, 0, 0.0
        keys: dict[str, str] = {}
        for i, (video_id, expected, parents, why) in enumerate(self._expected(spec)):
            key: str = expected or ""
            if expected is None:
                if why is None:
                    waiting += 1
                else:
                    given_up[video_id] = why
                continue
            keys[video_id] = key
            failed = self._failures.get((key, None))
            if stored.get(video_id) == key:
                done += 1
            elif failed is not None and failed.final:
                given_up[video_id] = failed.message
            else:
                todo.append(self._work_row(i, key, parents, failed))
                seconds += float(self._plan.videos.durations_s[i])
        return TableWork(
            spec=spec,
            rows=pa.Table.from_pylist(todo, schema=VIDEO_WORK),
            planned=len(self._plan.videos),
            done=done,
            given_up=given_up,
            waiting=waiting,
            seconds=seconds,
            keys=keys,
        )

    def _work_row(self, i: int, key: str, parents: Mapping[str, str | None], failed: Failed | None) -> Row:
        facts = self._plan.videos.facts
        return {
            "video_id": facts["video_id"][i].as_py(),
            "uri": facts["uri"][i].as_py(),
            "access_uri": facts["access_uri"][i].as_py() if "access_uri" in facts.column_names else None,
            "source_version": facts["source_version"][i].as_py(),
            "segment_count": int(self._plan.videos.counts[i]),
            "key": key,
            "parent_keys": json.dumps(parents),
            "passes": failed.passes if failed else 0,
            "attempts": failed.attempts if failed else 0,
        }

    def _expected(self, spec: TableSpec) -> list[tuple[str, str | None, dict[str, str | None], str | None]]:
        """Of each video: id, key that its row is to have, keys of its parents, and why it cannot be made.

        Without key and reason its parents are not done yet.
        """
        plan = self._plan
        own = table_identity(plan.config, spec)
        others = [p for p in spec.parents if p != VIDEOS]
        found: list[tuple[str, str | None, dict[str, str | None], str | None]] = []
        standings = {parent: self.standing(parent) for parent in others}
        for i, (video_id, version) in enumerate(plan.sources):
            parents: dict[str, str | None] = {}
            states: list[Any] = []
            why = None
            waits = False
            for parent in others:
                key, state, problem = standings[parent][i]
                waits |= key is None and problem is None
                parents[parent] = key
                states.append([parent, state])
                if problem is not None and (spec.missing == "fail" or key is None):
                    why = why or f"{parent}: {problem}"
            if waits:
                found.append((video_id, None, {}, None))
            elif why is not None and (spec.missing == "fail" or all(key is None for key in parents.values())):
                found.append((video_id, None, {}, why))
            else:
                found.append((video_id, digest([source_key(video_id, version), own, states]), parents, None))
        return found

    def standing(self, parent: str) -> list[tuple[str | None, Any, str | None]]:
        """Of each video: key of its rows in a parent, what of them counts, and what is missing of them.

        Without key and problem they are still to be made.
        """
        plan = self._plan
        if level_of(plan.config, plan.tables, parent) == "segment":
            keys, found = self._segment_states(parent)
            standing: list[tuple[str | None, Any, str | None]] = []
            for i, key in enumerate(keys):
                marks = found.state[found.begins[i] : found.begins[i] + plan.videos.counts[i]]
                have = np.flatnonzero(marks == DONE).tolist()
                if parent in plan.tables and (marks == TODO).any():
                    standing.append((None, None, None))
                elif not have:
                    standing.append((None, None, "no segment of it is there"))
                else:
                    lost = len(marks) - len(have)
                    standing.append((key, [key, have], f"{lost} segments failed" if lost else None))
            return standing
        if parent in plan.tables and plan.tables[parent].level == "run":
            return [self._of_run(plan.tables[parent])] * len(plan.videos)
        current, open_ = self._current_keys(parent), self._open(parent)
        standing = []
        for video_id, _ in plan.sources:
            now = current.get(video_id)
            problem = None if now is not None or video_id in open_ else "it has no row there"
            standing.append((now, now, problem))
        return standing

    def _of_run(self, spec: TableSpec) -> tuple[str | None, Any, str | None]:
        """As `standing` has it, the same for every video: the one row of a table of the whole output."""
        if spec.name not in self._runs:
            work = self._run(spec)
            key = work.keys.get(RUN) if work.done else None
            self._runs[spec.name] = key, work.given_up.get(RUN)
        key, problem = self._runs[spec.name]
        return key, key, None if key is not None else problem

    def _current_keys(self, name: str) -> dict[str, str]:
        """video_id -> key of its row in a table of videos, where the row is the one that the plan wants."""
        if name not in self._current:
            plan = self._plan
            if name not in plan.tables:
                pairs = foreign_store(plan.config, name).read(["video_id", "key"]).to_pylist()
                self._current[name] = {row["video_id"]: row["key"] for row in pairs}
            elif name == "dataset":
                stored = _pairs(self._store, name)
                core = self._core
                away = {*core.undone, *core.given_up, *core.filtered} if core is not None else set(stored)
                self._current[name] = {v: key for v, key in stored.items() if v not in away}
            else:
                stored = _pairs(self._store, name)
                expected = {v: key for v, key, _, _ in self._expected(plan.tables[name])}
                self._current[name] = {v: key for v, key in stored.items() if expected.get(v) == key}
        return self._current[name]

    def _open(self, name: str) -> set[str]:
        """Videos whose row in a table of videos is still to be made."""
        plan = self._plan
        if name not in plan.tables:
            return set()
        if name == "dataset":
            return self._core.undone if self._core is not None else set(plan.videos.ids)
        work = self._videos(plan.tables[name])
        return {v for v in plan.videos.ids if v not in work.given_up and v not in self._current_keys(name)}

    # -- the whole output ------------------------------------------------------------------------------------------

    def _run(self, spec: TableSpec) -> TableWork:
        plan = self._plan
        states, ready = [], True
        lost: dict[str, str] = {}
        for parent in sorted(spec.parents):
            if parent == VIDEOS:
                states.append([parent, _hash(f"{a} {b}" for a, b in plan.sources)])
                continue
            if spec.missing == "fail" and (count := self._lost(parent)):
                lost[RUN] = f"{parent}: {count} rows failed (tables.{spec.name}.missing is fail)"
            if (above := plan.tables.get(parent)) is not None and not above.core and above.level != "run":
                work = self.work(above)
                ready &= not work.left and not work.waiting
            if parent in ("segments", "dataset") and (self._core is None or not self._core.nothing):
                ready = False
            table = self._store.table(parent) if parent in plan.tables else foreign_store(plan.config, parent)
            columns = [name for name in ("video_id", "segment_index", "key") if name in table.schema.names]
            stand = (" ".join(map(str, row.values())) for row in table.read(columns).to_pylist())
            states.append([parent, _hash(stand)])
        key = digest([table_identity(plan.config, spec), states])
        stored = self._store.table(spec.name).read(["key"])["key"].to_pylist()
        failed = self._failures.get((key, None))
        done = key in stored
        if failed is not None and failed.final:
            lost.setdefault(RUN, failed.message)
        row = {"video_id": RUN, "key": key, "parent_keys": "{}", "passes": failed.passes if failed else 0}
        todo = [row] if ready and not done and not lost else []
        return TableWork(
            spec=spec,
            rows=pa.Table.from_pylist(todo, schema=VIDEO_WORK),
            planned=1,
            done=int(done),
            given_up=lost if ready else {},
            waiting=int(not ready),
            keys={RUN: key} if failed is not None or not lost else {},
        )

    def _lost(self, name: str) -> int:
        """How many rows of a table of this output are given up."""
        if name in ("segments", "dataset"):
            return len(self._core.given_up) if self._core is not None else 0
        return len(self.work(self._plan.tables[name]).given_up) if name in self._plan.tables else 0


def _said(key: str, parent: str, said: str) -> list[str]:
    return [key, "from", parent, said] if said else [key, "without", parent]


def _pairs(store: Store, name: str) -> dict[str, str]:
    found = store.table(name).read(["video_id", "key"]).to_pylist()
    return {row["video_id"]: row["key"] for row in found}


def _hash(lines: Any) -> str:
    """Of all lines, whatever their order."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]
