"""Runs the tables of a plan one after another, parents first, until each is complete.

`segments` and `dataset` run together if long captions depend only on segments: a video is narrated as soon as all its
segments are captioned.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from operators.store.commit import BESIDE, RECEIPT
from operators.store.store import Store
from pipeline.config.table import TableSpec
from pipeline.config.types import Config
from pipeline.execution.chain import chain_table
from pipeline.execution.flow import Flow
from pipeline.execution.graph import Graph
from pipeline.execution.in_process import Small
from pipeline.execution.interrupt import Interrupt
from pipeline.execution.passes import passes_of, work_of
from pipeline.execution.prober import PASS_ROWS
from pipeline.execution.session import Session
from pipeline.monitoring.progress import Progress
from pipeline.output import finalize
from pipeline.planning.derived import Derived
from pipeline.planning.diff import Remaining, compare
from pipeline.planning.keyed import with_parents
from pipeline.planning.plan import Plan
from pipeline.planning.videos import Videos
from pipeline.planning.work import TableWork
from pipeline.terminal.errors import RunFailed


@dataclass
class Standing:
    """The state of a run.

    Attributes:
        plan: the plan, with the keys of the segments' parents once these are made.
        left: remaining work of `segments` and `dataset`.
        tables: remaining work of the other tables.
    """

    plan: Plan
    left: Remaining
    tables: dict[str, TableWork] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        """Whether no work is left that can be done."""
        return self.left.nothing and not any(work.left or work.waiting for work in self.tables.values())

    @property
    def small(self) -> Small:
        """The amount of remaining work."""
        works = self.tables.values()
        seconds = max([self.left.seconds, *(work.seconds for work in works)])
        return Small(seconds, max([len(self.left.undone), *(work.left for work in works)]))


def look(plan: Plan, store: Store) -> Standing:
    """Compare the plan with all tables of the store."""
    plan = with_parents(plan, store)
    left = compare(plan, store)
    derived = Derived(plan, store, left)
    tables = {spec.name: derived.work(spec) for spec in plan.tables.values() if not spec.core}
    return Standing(plan, left, tables)


class Waves:
    """Runs the remaining work.

    Args:
        stand: the state of the run, which is updated.
        run_id: run id for rows that are moved.

    Attributes:
        gpu_s_held: GPU seconds that the graphs reserved.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        stand: Standing,
        *,
        run_id: str,
        session: Session,
        progress: Progress,
        interrupt: Interrupt,
    ) -> None:
        self._config = config
        self._store = store
        self._run_id = run_id
        self._session = session
        self._progress = progress
        self._interrupt = interrupt
        self.stand = stand
        self.gpu_s_held = 0.0

    def run(self) -> None:
        """Make all tables.

        Raises:
            RunFailed: a graph failed, and replanning does not help.
        """
        tables = self.stand.plan.tables
        together = "dataset" in tables and tables["dataset"].parents == ("segments",)
        for specs in passes_of(self._config, tables.values()):
            if any(spec.name == "segments" for spec in specs):
                self._keyed()
            if len(specs) > 1:
                self._together(specs, whole=together)
            for spec in specs:  # also the rest of a single table
                if self._interrupt.requested:
                    return
                if spec.name == "segments":
                    self._core(segments=True, whole=together)
                elif spec.name == "dataset":
                    self._keyed()
                    self._core(segments=False, whole=True)
                else:
                    self._table(spec)

    def _keyed(self) -> None:
        """Update the keys of the parents of segments and long captions."""
        stand = self.stand
        stand.plan = with_parents(stand.plan, self._store)
        if stand.plan.parent_keys or stand.plan.beside:
            stand.left = compare(stand.plan, self._store)

    def _core(self, *, segments: bool, whole: bool) -> None:
        """Run graphs until no work is left, a pass makes no progress, or the run is stopped."""
        before, plan = None, self.stand.plan
        pools = {name: {op.pool for op in spec.steps} for name, spec in plan.tables.items() if spec.core}
        while not self._interrupt.requested and self.stand.left != before:
            left = before = self.stand.left
            if segments and left.segments:
                some = left.segments.table(0, PASS_ROWS)
                expected = left.segments.shares(self._session.gather_actors, PASS_ROWS)
                work = chain_table(some.to_pylist()) if self._config.caption.chain == "video" else some
                streaming = whole and self._session.schedule().kind == "streaming"
                used = pools["segments"] | {"decode"} | ({"narrate"} | pools["dataset"] if streaming else set())
                builder = self._session.graph(work.num_rows, used)
                flow = builder.segments(work, expected, narrate=streaming)
            elif whole and left.whole:
                hints = _hints(plan, left.whole[:PASS_ROWS])
                builder = self._session.graph(hints.num_rows, {"narrate"} | pools["dataset"])
                flow = builder.narrate(hints)
            else:
                return
            if self._ran(builder, flow):
                self.stand.left = compare(plan, self._store)
            else:
                before = None

    def _together(self, specs: Sequence[TableSpec], *, whole: bool) -> None:
        """Make the tables of a pass while at least two of them have rows to make."""
        before: list[int] | None = None
        while not self._interrupt.requested:
            counts = {spec.name: self._count(spec) for spec in specs}
            todo = {spec.name: self._some(spec) for spec in specs if counts[spec.name]}
            left = list(counts.values())
            if len(todo) < 2 or left == before:
                return
            before = left
            said = ", ".join(f"{name} {counts[name]}" for name in todo)
            self._progress.say(f"one pass for {len(todo)} tables, rows to make: {said}")
            streaming = whole and "segments" in todo and self._session.schedule().kind == "streaming"
            some = [spec for spec in specs if spec.name in todo]
            used = {op.pool for spec in some for op in spec.steps} | {"decode"}
            if streaming:
                used |= {"narrate", *(op.pool for op in self.stand.plan.tables["dataset"].steps)}
            work = work_of(todo)
            builder = self._session.graph(work.num_rows, used)
            if not self._ran(builder, builder.together(some, work, narrate=streaming)):
                before = None
            self.stand.left = compare(self.stand.plan, self._store)

    def _count(self, spec: TableSpec) -> int:
        """Remaining rows of a table of segments."""
        return len(self.stand.left.segments) if spec.name == "segments" else self._work(spec).left

    def _some(self, spec: TableSpec) -> pa.Table:
        """The first of these rows."""
        if spec.name == "segments":
            return self.stand.left.segments.table(0, PASS_ROWS)
        return self.stand.tables[spec.name].some(PASS_ROWS)

    def _table(self, spec: TableSpec) -> None:
        """Make one of the other tables."""
        before = None
        work = self._work(spec)
        if work.left and (spec.level == "run" or self.stand.left.returning):
            self._tidy()
            work = self._work(spec)
        while work.left and work != before and not self._interrupt.requested:
            before = work
            self._progress.say(f"table {spec.name}: {work.left} rows to make, {work.done} of {work.planned} there")
            some = work.some(PASS_ROWS)
            builder = self._session.graph(some.num_rows, {op.pool for op in spec.steps})
            if not self._ran(builder, builder.rows(spec, some)):
                before = None
            work = self._work(spec)

    def _tidy(self) -> None:
        """Remove superseded rows, and move those that the filter places elsewhere, before rows are made from them.

        A row of the whole output would count them. Long captions that return to the dataset are read from there.
        """
        stand = self.stand
        derived = Derived(stand.plan, self._store, stand.left)
        stand.tables = {spec.name: derived.work(spec) for spec in stand.plan.tables.values() if not spec.core}
        finalize.tidy(self._store, stand.plan, stand.tables, run_id=self._run_id)
        stand.left = compare(stand.plan, self._store)

    def _work(self, spec: TableSpec) -> TableWork:
        work = Derived(self.stand.plan, self._store, self.stand.left).work(spec)
        self.stand.tables[spec.name] = work
        return work

    def _ran(self, builder: Graph, flow: Flow) -> bool:
        """Run a flow; return False if it failed and must be replanned.

        Raises:
            RunFailed: it failed, and would fail again.
        """
        session = self._session
        began, gone, before = time.monotonic(), session.nodes_lost(), self._marks()
        try:
            session.drain(flow, counted=True)
        except RunFailed as failed:
            if session.alone or self._interrupt.requested or session.coordinator is None:
                raise
            self.stand.left = compare(self.stand.plan, self._store)
            gone = session.nodes_lost() - gone
            why = session.recovery.after(session.coordinator, builder.pools, gone, progress=self._marks() != before)
            if why is None:
                raise
            self._progress.say(f"{why}; planning anew what is left ({failed})")
            return False
        finally:
            self.gpu_s_held += builder.pools.gpus * (time.monotonic() - began)
        return True

    def _marks(self) -> tuple[int | None, ...]:
        """A value that changes whenever rows are committed."""
        return tuple(table.version() for table in self._store.tables)


def _hints(plan: Plan, whole: Videos) -> pa.Table:
    """Rows of kind `whole`, as gather returns them, with the keys of further parents of long captions."""
    known = {
        "kind": pa.repeat(pa.scalar("whole"), len(whole)),
        "video_id": whole.facts["video_id"],
        "uri": whole.facts["uri"],
        "key": pa.array(whole.keys, pa.string()),
        "segment_count": pa.array(whole.counts, pa.int32()),
    }
    hints = pa.table([known.get(f.name, pa.nulls(len(whole), f.type)) for f in RECEIPT], schema=RECEIPT)
    if not plan.beside:
        return hints
    place = {video_id: i for i, video_id in enumerate(plan.videos.ids)}
    places = [place[video_id] for video_id in whole.ids]
    parents = [json.dumps({name: keys[i] for name, keys in plan.beside.items()}) for i in places]
    columns = (parents, [plan.narrators[i] for i in places])
    for column, values in zip(BESIDE, columns, strict=True):
        hints = hints.append_column(column, pa.array(values, pa.string()))
    return hints
