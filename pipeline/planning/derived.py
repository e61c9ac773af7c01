"""Remaining work of the tables other than `segments` and `dataset`, computed from keys alone.

The key of a row depends on the video, the operators of its table, and the rows that it is made from. A changed step
therefore repeats only the work that depends on it. A row made without a parent's row has a different key than one made
from all parents, so that it is made again when the parent's row exists.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.core.keys import source_key
from operators.store.parents import VIDEO_WORK
from operators.store.store import Failed, Store
from pipeline.config.check import can_do_without
from pipeline.config.parents import level_of
from pipeline.config.table import CORE, VIDEOS, TableSpec
from pipeline.config.tables import table_identity
from pipeline.planning.diff import Remaining
from pipeline.planning.exclusions import Exclusions
from pipeline.planning.foreign import foreign_store
from pipeline.planning.outcomes import DONE, TODO
from pipeline.planning.plan import Plan
from pipeline.planning.removal import rows_after
from pipeline.planning.segment_tables import SegmentTables
from pipeline.planning.work import RUN, TableWork


class Derived:
    """Compares the derived tables of the plan with the store; `segments` does so for tables of level segment.

    Args:
        core: result of `compare(plan, store)`; None if unknown, so that tables made from `dataset` wait.
    """

    def __init__(self, plan: Plan, store: Store, core: Remaining | None = None) -> None:
        self._plan = plan
        self._store = store
        self._core = core
        self._failures = store.failed()
        self._current: dict[str, dict[str, str]] = {}
        self._runs: dict[str, tuple[str | None, str | None]] = {}
        self._works: dict[str, TableWork] = {}
        self._suffices: dict[tuple[str, frozenset[str]], bool] = {}
        self._exclusions = Exclusions(plan, core.filtered if core is not None else ())
        self.segments = SegmentTables(
            plan, store, self._failures, self._current_keys, self.refused, exclusions=self._exclusions
        )

    def work(self, spec: TableSpec) -> TableWork:
        """Return the remaining work of a table."""
        if spec.level == "segment":
            return self.segments.work(spec)
        if spec.level == "run":
            return self._run(spec)
        if spec.name not in self._works:
            self._works[spec.name] = self._videos(spec)
        return self._works[spec.name]

    def refused(self, spec: TableSpec) -> dict[str, str]:
        """Return video_id -> the reason why no row is made.

        A parent's row failed for good, and `missing` is fail or the steps cannot do without the row. For tables of
        segments, parents of level segment are checked segment by segment: see `SegmentTables.absent`.
        """
        plan, found = self._plan, dict[str, str]()
        others = [p for p in dict.fromkeys(spec.parents) if p != VIDEOS]
        if spec.level == "segment":
            others = [p for p in others if level_of(plan.config, plan.tables, p) != "segment"]
        standings = {parent: self.standing(parent) for parent in others}
        for i, out in enumerate(self._exclusions.of(spec.name).tolist() if others else ()):
            lacking = {parent: standings[parent][i] for parent in others if standings[parent][i][2] is not None}
            if lacking and not out and (why := self._refusal(spec, lacking)) is not None:
                found[plan.videos.facts["video_id"][i].as_py()] = why
        return found

    def _refusal(self, spec: TableSpec, lacking: Mapping[str, tuple[str | None, Any, str | None]]) -> str | None:
        """Return why a row is not made, or None if it is made without some rows of its parents.

        Args:
            lacking: parent -> what `standing` returns, for the parents of which rows are permanently missing.
        """
        if spec.missing == "fail":
            parent, (_, _, problem) = next(iter(lacking.items()))
            return f"{parent}: {problem} (tables.{spec.name}.missing is fail)"
        gone = frozenset(parent for parent, (key, _, _) in lacking.items() if key is None)
        at = spec.name, gone
        if at not in self._suffices:
            plan = self._plan
            self._suffices[at] = not gone or can_do_without(plan.config, plan.tables, plan.tables[spec.name], gone)
        if self._suffices[at]:
            return None
        parent = next(parent for parent in lacking if parent in gone)
        return f"{parent}: {lacking[parent][2]} ({spec.name} is not made without it)"

    # -- videos ----------------------------------------------------------------------------------------------------

    def _videos(self, spec: TableSpec) -> TableWork:
        stored = _pairs(self._store, spec.name)
        todo: list[Row] = []
        given_up: dict[str, str] = {}
        done, waiting, seconds = 0, 0, 0.0
        keys: dict[str, str] = {}
        filtered: dict[str, int] = {}
        out, follows = self._exclusions.of(spec.name), self._exclusions.follows(spec.name)
        for i, (video_id, expected, parents, why) in enumerate(self._expected(spec)):
            key: str = expected or ""
            if out[i]:
                stays = not follows and expected is not None and stored.get(video_id) == key
                filtered[video_id] = int(stays)
                if stays:
                    keys[video_id] = key
                    done += 1
                continue
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
            planned=len(self._plan.videos) - sum(not stays for stays in filtered.values()),
            done=done,
            given_up=given_up,
            waiting=waiting,
            seconds=seconds,
            keys=keys,
            filtered=filtered,
            left_out=sum(not stays for stays in filtered.values()),
            removed=frozenset(filtered.keys() & stored.keys()) if follows else frozenset(),
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
        """Return for each video: id, expected key of its row, keys of its parents, and why the row cannot be made.

        If key and reason are None, its parents are not done yet.
        """
        plan = self._plan
        own = table_identity(plan.config, spec)
        others = [p for p in spec.parents if p != VIDEOS]
        found: list[tuple[str, str | None, dict[str, str | None], str | None]] = []
        standings = {parent: self.standing(parent) for parent in others}
        for i, (video_id, version) in enumerate(plan.sources):
            stand = {parent: standings[parent][i] for parent in others}
            parents = {parent: key for parent, (key, _, _) in stand.items()}
            lacking = {parent: some for parent, some in stand.items() if some[2] is not None}
            if any(key is None and problem is None for key, _, problem in stand.values()):
                found.append((video_id, None, {}, None))
                continue
            why = self._refusal(spec, lacking) if lacking else None
            if why is None and lacking and all(key is None for key in parents.values()):
                why = "; ".join(f"{parent}: {problem}" for parent, (_, _, problem) in lacking.items())
            if why is not None:
                found.append((video_id, None, {}, why))
            else:
                states = [[parent, state] for parent, (_, state, _) in stand.items()]
                found.append((video_id, digest([source_key(video_id, version), own, states]), parents, None))
        return found

    def standing(self, parent: str) -> list[tuple[str | None, Any, str | None]]:
        """Return for each video: key of its rows in a parent, their state as part of keys, and what is missing of them.

        If key and problem are None, the rows are still to be made.
        """
        plan = self._plan
        if level_of(plan.config, plan.tables, parent) == "segment":
            keys, found = self.segments.states(parent)
            standing: list[tuple[str | None, Any, str | None]] = []
            for i, key in enumerate(keys):
                marks = found.state[found.begins[i] : found.begins[i] + plan.videos.counts[i]]
                have = np.flatnonzero(marks == DONE).tolist()
                if parent in plan.tables and (marks == TODO).any():
                    standing.append((None, None, None))
                elif not have:
                    standing.append((None, None, "it has no segments there"))
                else:
                    lost = len(marks) - len(have)
                    standing.append((key, [key, have], f"{lost} segments failed" if lost else None))
            return standing
        if parent in plan.tables and plan.tables[parent].level == "run":
            return [self._of_run(plan.tables[parent])] * len(plan.videos)
        current, open_, reasons = self._current_keys(parent), self._open(parent), self._given_up(parent)
        standing = []
        for video_id, _ in plan.sources:
            now = current.get(video_id)
            problem = None if now is not None or video_id in open_ else reasons.get(video_id, "it has no row there")
            standing.append((now, now, problem))
        return standing

    def _of_run(self, spec: TableSpec) -> tuple[str | None, Any, str | None]:
        """Return the same as `standing` for a table of level run, whose one row belongs to every video."""
        if spec.name not in self._runs:
            work = self._run(spec)
            key = work.keys.get(RUN) if work.done else None
            self._runs[spec.name] = key, work.given_up.get(RUN)
        key, problem = self._runs[spec.name]
        return key, key, None if key is not None else problem

    def _current_keys(self, name: str) -> dict[str, str]:
        """Return video_id -> key of its row in a table of videos, if the row is the one that the plan expects."""
        if name not in self._current:
            plan = self._plan
            if name not in plan.tables:
                pairs = foreign_store(plan.config, name).read(["video_id", "key"]).to_pylist()
                self._current[name] = {row["video_id"]: row["key"] for row in pairs}
            elif name == "dataset":
                stored = _pairs(self._store, name)
                core = self._core
                away = {*core.undone, *core.given_up, *core.filtered} if core is not None else set(stored)
                back = core.returning if core is not None else set()
                stored |= {v: key for v, key in self._store.filtered_videos().items() if v in back} if back else {}
                self._current[name] = {v: key for v, key in stored.items() if v not in away}
            else:
                stored = _pairs(self._store, name)
                expected = {v: key for v, key, _, _ in self._expected(plan.tables[name])}
                self._current[name] = {v: key for v, key in stored.items() if expected.get(v) == key}
        return self._current[name]

    def _open(self, name: str) -> set[str]:
        """Return the videos whose row in a table of videos is still to be made."""
        plan = self._plan
        if name not in plan.tables:
            return set()
        if name == "dataset":
            return self._core.undone if self._core is not None else set(plan.videos.ids)
        work = self.work(plan.tables[name])
        over = work.given_up.keys() | work.filtered.keys() | self._current_keys(name).keys()
        return {v for v in plan.videos.ids if v not in over}

    def _given_up(self, name: str) -> Mapping[str, str]:
        """Return video_id -> the reason why a table of videos does not get its row, as far as it is known."""
        if name == "dataset":
            return self._core.given_up if self._core is not None else {}
        return self.work(self._plan.tables[name]).given_up if name in self._plan.tables else {}

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
            if (above := plan.tables.get(parent)) is not None and not above.core:
                work = self.work(above)
                ready &= not work.left and not work.waiting
            if parent in ("segments", "dataset") and (self._core is None or not self._core.nothing):
                ready = False
            stand = (" ".join(map(str, row.values())) for row in self._rows(parent))
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

    def _rows(self, name: str) -> Iterable[Row]:
        """Return the keys of the rows that a table has when rows of the whole output are made from it."""
        plan = self._plan
        if name in plan.tables:
            work = None if name in CORE else self.work(plan.tables[name])
            return rows_after(self._store, plan, self._core, name, work)
        table = foreign_store(plan.config, name)
        columns = [column for column in ("video_id", "segment_index", "key") if column in table.schema.names]
        found: list[Row] = table.read(columns).to_pylist()
        return found

    def _lost(self, name: str) -> int:
        """Return the number of rows of a table of this output that are given up."""
        if name in ("segments", "dataset"):
            return len(self._core.given_up) if self._core is not None else 0
        return len(self.work(self._plan.tables[name]).given_up) if name in self._plan.tables else 0


def _pairs(store: Store, name: str) -> dict[str, str]:
    found = store.table(name).read(["video_id", "key"]).to_pylist()
    return {row["video_id"]: row["key"] for row in found}


def _hash(lines: Any) -> str:
    """Return a hash of all lines, independent of their order."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]
