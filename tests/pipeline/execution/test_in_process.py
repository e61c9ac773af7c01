"""Flows in the driver's own process: the rows of a run on Ray, and an end at every moment."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pyarrow as pa
import pytest

import pipeline as longcap
from operators.core import rows
from operators.core.base import Apply, Operator, Row
from operators.engines.base import EngineRefused
from operators.store.commit import STOPPED
from operators.store.group_commit import Grouping
from pipeline.execution import in_process
from pipeline.execution.aggregators import AggregatorSpec
from pipeline.execution.coordinator import Coordinator
from pipeline.execution.driver import Job
from pipeline.execution.flow import Commit, Flow, Work
from pipeline.execution.in_process import InProcess, Small, pool, suits
from pipeline.execution.stage import StageSpec
from pipeline.sources.selection import Selection
from tests.support.command import run
from tests.support.engines import Scripted

SCHEMA = pa.schema([pa.field("n", pa.int32()), *(rows.COLUMNS[name] for name in ("failure", "host", "timings"))])


@dataclass(frozen=True, kw_only=True)
class Step(Operator):
    name: ClassVar[str] = "step"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "caption"
    reads: ClassVar[frozenset[str]] = frozenset({"n"})
    writes: ClassVar[frozenset[str]] = frozenset({"n"})

    sleep_s: float = 0.0
    refuses: bool = False

    @contextmanager
    def open(self) -> Iterator[Apply]:
        if self.refuses:
            raise EngineRefused("no such model")

        def apply(row: Row) -> Row:
            time.sleep(self.sleep_s)
            return {**row, "n": row["n"] + 1}

        yield apply


class Committer:
    waits = staticmethod(lambda row: True)
    urgent = staticmethod(lambda row: False)

    def __init__(self, host: str) -> None:
        self.calls = 0

    def commit(self, items: list[Row]) -> list[list[Row]]:
        return [[_receipt(i["n"]), *([_receipt(i["n"])] if i["n"] == 5 else [])] for i in items]


def _receipt(n: int) -> Row:
    return {"kind": "segment", "video_id": str(n)}


def flow(*steps: Step, count: int = 20, actors: int = 2, threads: int = 3, coordinator: Any = None) -> Flow:
    work = [
        Work(
            spec=StageSpec(operators=(step,), output=SCHEMA, coordinator=coordinator),
            pool="caption",
            size=pool(actors),
            threads=threads,
        )
        for step in steps
    ]
    commit = Commit(
        spec=AggregatorSpec(committer=Committer, arguments={}, grouping=Grouping(size=8, callers=8, flush_s=0.1))
    )
    table = pa.Table.from_pylist([{"n": n} for n in range(count)], schema=SCHEMA)
    return Flow(source=table, nodes=(*work, commit))


def answers(made: Flow, coordinator: Coordinator | None = None) -> list[int]:
    return sorted(int(row["video_id"]) for row in InProcess(coordinator or Coordinator()).receipts(made))


def test_every_row_passes_every_stage_once() -> None:
    assert answers(flow(Step(), Step(sleep_s=0.01))) == sorted([*range(2, 22), 5])
    assert answers(flow(Step(), count=1, actors=1, threads=1)) == [1]


def test_an_engine_that_refuses_ends_the_flow() -> None:
    with pytest.raises(EngineRefused, match="no such model"):
        answers(flow(Step(), Step(refuses=True)))


def test_who_stops_reading_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    found = InProcess(Coordinator()).receipts(flow(Step(sleep_s=0.01), count=200))
    next(found)
    found.close()  # type: ignore[attr-defined]  # it is a generator
    for _ in range(1000):
        if threading.active_count() <= before:
            break
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_a_stop_lets_the_rows_that_wait_pass_as_neither_done_nor_failed() -> None:
    coordinator = Coordinator()
    coordinator.stop()
    work = flow(Step(), coordinator=coordinator).nodes[0]
    table = pa.Table.from_pylist([{"n": 1}], schema=SCHEMA)
    found = list(InProcess(coordinator).receipts(Flow(source=table, nodes=(work,))))
    assert [(row["n"], row["failure"]["class"]) for row in found] == [(1, STOPPED)]


class Loads(Scripted):
    local_model: ClassVar[bool] = True


def left(seconds: float = 60.0, videos: int = 1) -> Small:
    return Small(seconds, videos)


def test_which_jobs_run_in_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setitem(in_process.sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False))
    config = longcap.Config()
    assert suits(config, None, left())
    assert not suits(config, "127.0.0.1:6379", left())
    assert not suits(config, None, left(seconds=601.0))
    assert not suits(config, None, left(videos=257))
    for override in ("run.local_s=0", "resources.gather_actors=2", "resources.caption.custom={spot: 1}"):
        assert not suits(longcap.load_config(None, [override]), None, left())
    assert not suits(replace(config, narrate=replace(config.narrate, engine=Loads())), None, left())
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
    assert not suits(config, None, left())
    monkeypatch.delenv("RAY_ADDRESS")
    monkeypatch.setitem(in_process.sys.modules, "ray", SimpleNamespace(is_initialized=lambda: True))
    assert not suits(config, None, left())


def test_a_run_here_makes_the_rows_of_a_run_on_ray(ray_session: None, clips: Path, tmp_path: Path) -> None:
    log, out = tmp_path / "log", str(tmp_path / "here")
    settings = ["plan.segment_s=10", "run.max_failed=0.5"]
    there = longcap.run(str(clips), str(tmp_path / "there"), longcap.load_config(None, settings), quiet=True)
    overrides = [argument for setting in settings for argument in ("--set", setting)]
    assert run("run", str(clips), "-o", out, *overrides, log=log) == 0, log.read_text()
    assert "runs in this process" in log.read_text()
    assert hashes(longcap.open(out)) == hashes(there)
    timings = json.loads(longcap.open(out).store.segments.read(["timings"])["timings"][0].as_py())
    assert timings["decode:cpu"] > 0


def hashes(output: longcap.Output) -> dict[str, str]:
    kept = output.store.segments.read(["key", "segment_index", "content_hash"]).to_pylist()
    found = {f"{r['key']} {r['segment_index']}": r["content_hash"] for r in kept}
    return found | {r["video_id"]: r["content_hash"] for r in output.to_arrow().to_pylist()}


def test_all_actors_of_a_flow_are_closed_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may take its time, as one whose server does not answer; one after the other they would take minutes."""
    together = threading.Barrier(4)
    closed: list[bool] = []

    class Slow:
        def __call__(self, table: pa.Table) -> pa.Table:
            return table

        def close(self) -> None:
            together.wait(60.0)
            closed.append(True)

    stages = []
    for _ in range(2):
        stage = in_process._Stage(flow(Step()).nodes[0], 20, Coordinator(), threading.Event())
        stage._actors = [Slow(), None, Slow()]
        stages.append(stage)
    monkeypatch.setattr(in_process, "_LEAVE_S", 60.0)
    in_process._join([closing for stage in stages for closing in stage.close()])
    assert closed == [True] * 4


def test_an_actor_that_does_not_close_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    stuck = threading.Thread(target=never.wait, daemon=True)
    stuck.start()
    monkeypatch.setattr(in_process, "_LEAVE_S", 0.1)
    in_process._join([stuck, stuck])
    assert stuck.is_alive()
    never.set()


def test_a_request_to_stop_reaches_the_actors_also_if_nothing_can_be_printed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_text("never read")
    config = longcap.load_config(None, [])
    job = Job([str(tmp_path / "in")], str(tmp_path / "out"), config, Selection(), quiet=True)
    coordinator = Coordinator()
    job._session = SimpleNamespace(coordinator=coordinator)  # type: ignore[assignment]

    def say(text: str) -> None:
        raise RuntimeError("reentrant call")

    job.progress.say = say  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        job._asked_to_stop("SIGINT")
    assert coordinator.stopped()
