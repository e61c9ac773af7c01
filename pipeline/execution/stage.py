"""The adapter from operators to a Ray Data stage.

It implements what all stages need: conversion between rows and Arrow, failures of items, timings, and stop requests.
Consecutive operators of one pool share an actor, so that frames do not pass through the object store between them.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from cluster.metrics import Meters
from longcap import paths
from operators.core.arrow import failure, to_table
from operators.core.base import ItemError, Operator, Row
from operators.core.branch import internal_failure
from operators.core.storage import adopt
from operators.engines.base import EngineRefused
from operators.store.commit import STOPPED
from operators.video.isolation import child_cpu_s
from pipeline.execution.aggregators import AggregatorSpec, aggregator
from pipeline.execution.coordinator import Channel, Reporter
from pipeline.monitoring.utilization import Utilization


class SearchPath:
    """The folders from which the driver imports modules. Unpickling it appends missing ones to a worker's `sys.path`.

    A user's own engine may be in the folder of the script or notebook that names it. Workers search such folders last.
    """

    def __reduce__(self) -> Any:
        return _searched, (paths.search_path(),)


def _searched(folders: Sequence[str]) -> SearchPath:
    paths.extend_search_path(folders)
    return SearchPath()


@dataclass(frozen=True, kw_only=True)
class StageSpec:
    """The specification of a stage's actors.

    Attributes:
        operators: operators in the order in which they are applied to each row.
        output: schema of the output rows; other columns are dropped.
        only: rows of another `kind` are passed on unchanged; None processes all rows.
        coordinator: the coordinator of the run, or None.
        environment: the driver's variables for storage clients; None keeps those of the process.
        search: unpickled before `operators`, whose classes may be the user's.
    """

    search: SearchPath = field(default_factory=SearchPath)
    operators: tuple[Operator, ...]
    output: pa.Schema
    only: str | None = None
    coordinator: Channel | None = None
    environment: Mapping[str, str] | None = None


class Stage:
    """An actor of a pool: opens its operators once and maps each row to one row."""

    def __init__(self, spec: StageSpec) -> None:
        if spec.environment is not None:
            adopt(spec.environment)
        self._spec = spec
        self._host = socket.gethostname()
        self._pool = spec.operators[-1].pool if spec.operators else "none"
        self._reporter = Reporter(spec.coordinator, self._pool, self._host)
        self._meters = Meters()
        self._utilization = Utilization()
        self._stack = ExitStack()
        self._refused: EngineRefused | None = None
        try:
            self._applies = [(op.name, self._stack.enter_context(op.open())) for op in spec.operators]
        except EngineRefused as error:
            # if it were raised here, Ray would restart this actor repeatedly; the first row ends the graph instead
            self._applies, self._refused = [], EngineRefused(f"{_pool_key(self._pool)}: {error.message}")
            self._reporter.booted(_line(error))
            return
        except Exception as error:
            self._reporter.booted(_line(error))
            raise
        self._reporter.booted()

    def __call__(self, batch: pa.Table) -> pa.Table:
        table = to_table([self.map(row) for row in batch.to_pylist()], self._spec.output, stage=self.writer)
        self._meters.count("longcap_bytes_total", table.nbytes, pool=self._pool)
        return table

    def writer(self, column: str) -> str:
        """The last operator that writes `column`, which the failure of a row with an invalid value there names."""
        operators = self._spec.operators
        wrote = [op.name for op in operators if column in op.writes]
        return (wrote or [op.name for op in operators] or [self._pool])[-1]

    def map(self, row: Row) -> Row:
        """Apply all operators to one row. On failure the row is returned with `failure` set.

        Raises:
            EngineRefused: an engine of this actor cannot boot, so that no row can be processed.
        """
        if row.get("failure") or (self._spec.only is not None and row["kind"] != self._spec.only):
            return row
        if self._refused is not None:
            raise self._refused
        number = self._reporter.begin(_name(row))
        try:
            with self._utilization:
                self._meters.set("longcap_rows_under_way", self._reporter.under_way, pool=self._pool)
                return self._map(row)
        finally:
            self._reporter.end(number)
            self._meters.set("longcap_rows_under_way", self._reporter.under_way, pool=self._pool)
            self._meters.set("longcap_utilization", self._utilization.share(), pool=self._pool)

    def _map(self, row: Row) -> Row:
        if self._reporter.stopped():
            row["failure"] = failure("run", STOPPED, "the run was stopped", 0)
            return row
        timings: dict[str, float] = json.loads(row.get("timings") or "{}")
        row["host"] = self._host
        for name, apply in self._applies:
            began, spent = time.perf_counter(), self._cpu_s()
            try:
                row = apply(row)
            except ItemError as error:
                row["failure"] = failure(name, error.failure_class, error.message, error.attempts)
                break
            except Exception as error:  # a bug on one item must not end the job; the row's failure names the place
                row["failure"] = internal_failure(name, error)
                break
            timings[name] = round(time.perf_counter() - began, 3)
            timings[f"{name}:cpu"] = round(max(0.0, self._cpu_s() - spent), 3)
            self._meters.observe("longcap_stage_seconds", timings[name], stage=name)
            if row.get("filtered"):
                break  # excluded by the filter: further operators are not needed
        row["timings"] = json.dumps(timings)
        return row

    def _cpu_s(self) -> float:
        """CPU seconds of this thread and of the child that decodes for it."""
        return time.thread_time() + (child_cpu_s() if self._pool == "decode" else 0.0)

    def close(self) -> None:
        """End all children and engines."""
        self._stack.close()

    def __del__(self) -> None:
        """Close: Ray Data deletes the object when its actor is to end."""
        self.close()


class CommitStage:
    """A committing actor: calls from many threads share one commit and return when their rows are durable."""

    def __init__(self, spec: AggregatorSpec, output: pa.Schema, coordinator: Channel | None = None) -> None:
        self._commit = aggregator(spec)
        self._output = output
        self._reporter = Reporter(coordinator, "commit", socket.gethostname())

    def __call__(self, batch: pa.Table) -> pa.Table:
        number = self._reporter.begin(f"{batch.num_rows} rows for storage")
        try:
            return to_table(self._commit(batch.to_pylist()), self._output, stage="commit")
        finally:
            self._reporter.end(number)


def _pool_key(pool: str) -> str:
    """The config section of the engine that the actors of a pool boot."""
    return f"{pool}.engine" if pool in ("caption", "narrate") else pool


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]


def _name(row: Row) -> str:
    index = row.get("segment_index")
    return str(row.get("video_id")) + (f" segment {index}" if index is not None else "")
