"""Execution of flows in the driver's process: one thread per row in flight, and bounded queues between stages.

Starting Ray and the actors of a graph takes longer than a small job. The stages are the same objects as on a cluster,
and so rows, keys, commits and content hashes are the same.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

import psutil
import pyarrow as pa

from operators.core.base import Operator, Row
from operators.engines.registry import engines_of
from operators.store.commit import RECEIPT
from pipeline.config.check import all_operators
from pipeline.config.tables import tables_of
from pipeline.config.types import Config
from pipeline.execution.aggregators import Aggregator
from pipeline.execution.chain import ChainSpec, ChainStage
from pipeline.execution.coordinator import Channel
from pipeline.execution.flow import COMMIT_THREADS, Chained, Commit, Flow, Node
from pipeline.execution.pools import Pool
from pipeline.execution.stage import CommitStage, Stage

_AHEAD = 2  # queued rows per thread of a stage
_VIDEOS = 256  # a job with more videos is not small, however short they are
_LEAVE_S = 5.0  # timeout for a stage to close

Actor: TypeAlias = Callable[[pa.Table], Any]


class Small(NamedTuple):
    """Remaining work: seconds of video, and the maximum number of videos."""

    seconds: float
    videos: int


def suits(config: Config, address: str | None, left: Small) -> bool:
    """Whether a job is small enough for this process and needs no features of Ray.

    Args:
        address: address of a cluster as given by the user.
        left: the remaining work.
    """
    operators = all_operators(tables_of(config))
    if address or os.environ.get("RAY_ADDRESS") or left.videos > _VIDEOS:
        return False
    if left.seconds > config.run.local_s and (not config.run.local_s or any(_costs(op) for op in operators)):
        return False
    if "ray" in sys.modules and sys.modules["ray"].is_initialized():
        return False
    resources = config.resources
    pools = (resources.decode, resources.caption, resources.narrate)
    if resources.node_types or resources.gather_actors > 1 or any(p.num_gpus or p.custom for p in pools):
        return False
    if any(pool.num_gpus or pool.custom for pool in config.pools.values()) or any(op.needs().gpus for op in operators):
        return False
    return not any(engine.local_model or engine.gpus for op in operators for engine in engines_of(op))


def _costs(op: Operator) -> bool:
    """Whether the operator's time grows with the length of a video, beyond reading its captions."""
    return op.level == "segment" or hasattr(op, "engine") or not op.reads.isdisjoint({"uri", "access_uri"})


def cores(config: Config) -> int:
    """Number of CPUs that a job in this process may use."""
    return config.resources.num_cpus or len(psutil.Process().cpu_affinity() or ()) or psutil.cpu_count() or 1


class InProcess:
    """Runs flows with threads.

    Args:
        coordinator: the run's.
    """

    gpus = 0.0

    def __init__(self, coordinator: Channel) -> None:
        self._coordinator = coordinator

    def receipts(self, flow: Flow) -> Iterator[Row]:
        """Run a flow and yield its receipts.

        Raises:
            Exception: the exception of a stage; rows in flight are left to the next run.
        """
        over = threading.Event()
        stages = [_Stage(node, flow.source.num_rows, self._coordinator, over) for node in flow.nodes]
        answers: queue.Queue[Any] = queue.Queue()
        for stage, following in zip(stages, [*(s.inbox for s in stages[1:]), answers], strict=True):
            stage.start(following, answers)
        feeder = threading.Thread(target=_feed, args=(flow.source, stages[0].inbox, over), daemon=True)
        feeder.start()
        try:
            while (found := answers.get()) is not _END:
                if isinstance(found, BaseException):
                    raise found
                yield from found.to_pylist()
        finally:
            over.set()
            for stage in stages:
                stage.let_go()
            _join([closing for stage in stages for closing in stage.close()])


_END = object()


def _join(closing: Sequence[threading.Thread]) -> None:
    """Wait for all, `_LEAVE_S` in all. One that does not end, because a server does not answer, is abandoned."""
    until = time.monotonic() + _LEAVE_S
    for thread in closing:
        thread.join(max(0.0, until - time.monotonic()))


def _feed(source: pa.Table, inbox: queue.Queue[Any], over: threading.Event) -> None:
    for at in range(source.num_rows):
        _put(inbox, source.slice(at, 1), over)
    _put(inbox, _END, over)


def _put(box: queue.Queue[Any], item: Any, over: threading.Event) -> None:
    """Wait for room in the queue, but only while the flow is running."""
    while not over.is_set():
        with suppress(queue.Full):
            box.put(item, timeout=0.2)
            return


class _Stage:
    """One stage: its input queue and the threads that read from it."""

    def __init__(self, node: Node, rows: int, coordinator: Channel, over: threading.Event) -> None:
        self._node = node
        self._coordinator = coordinator
        self._over = over
        actors, self._threads_each = _size(node)
        self._threads: list[threading.Thread] = []
        self._count = max(1, min(actors * self._threads_each, 2 * rows))  # receipts and hints are twice as many
        self.inbox: queue.Queue[Any] = queue.Queue(_AHEAD * self._count)
        self._lock = threading.Lock()
        self._working = self._count
        self._actors: list[Any] = [None] * actors
        self._openers = [threading.Lock() for _ in range(actors)]

    def start(self, following: queue.Queue[Any], answers: queue.Queue[Any]) -> None:
        for number in range(self._count):
            thread = threading.Thread(target=self._run, args=(number, following, answers), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _run(self, number: int, following: queue.Queue[Any], answers: queue.Queue[Any]) -> None:
        try:
            actor = self._actor(number // self._threads_each)
            while (item := self._take()) is not _END:
                found = actor(item)
                for table in [found] if isinstance(found, pa.Table) else found:
                    _put(following, table, self._over)
        except BaseException as error:
            answers.put(error)
            return
        with self._lock:
            self._working -= 1
            last = self._working == 0
        if last:
            _put(following, _END, self._over)

    def _take(self) -> Any:
        """The next table, or `_END`, which remains in the queue for the other threads of the stage."""
        item = self.inbox.get()
        if item is _END or self._over.is_set():
            with suppress(queue.Full):
                self.inbox.put_nowait(_END)
            return _END
        return item

    def _actor(self, index: int) -> Actor:
        """Open the stage; called by the first of its threads."""
        with self._openers[index]:
            if self._actors[index] is None:
                self._actors[index] = _open(self._node, self._coordinator)
            actor: Actor = self._actors[index]
            return actor

    def let_go(self) -> None:
        """Wake all threads that wait for rows or for room."""
        with suppress(queue.Empty):
            while True:
                self.inbox.get_nowait()
        with suppress(queue.Full):
            self.inbox.put_nowait(_END)

    def close(self) -> list[threading.Thread]:
        """Begin to end all child processes and engines; return the threads that do it."""
        actors = [actor for actor in self._actors if actor is not None and hasattr(actor, "close")]
        closing = [threading.Thread(target=actor.close, name="close", daemon=True) for actor in actors]
        for thread in closing:
            thread.start()
        return closing


def _size(node: Node) -> tuple[int, int]:
    """Number of actors of a stage, and of threads of each."""
    if isinstance(node, Commit):
        return 1, COMMIT_THREADS
    if isinstance(node, Chained):
        return node.size.actors, node.videos
    return node.size.actors, node.threads


def _open(node: Node, coordinator: Channel) -> Actor:
    if isinstance(node, Commit):
        return CommitStage(node.spec, RECEIPT, coordinator)
    if isinstance(node, Chained):
        return ChainStage(
            ChainSpec(
                decode=node.decode,
                caption=node.caption,
                videos=node.videos,
                store=node.store,
                gather=Aggregator(node.gather),
            )
        )
    return Stage(node.spec)


def pool(actors: int) -> Pool:
    """A pool within this process, which reserves no resources for its actors."""
    return Pool(actors=actors, num_cpus=0.0, num_gpus=0.0, memory_bytes=None, floor=actors)
