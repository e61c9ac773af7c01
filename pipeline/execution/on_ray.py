"""Execution of flows on Ray Data: each stage is an actor pool, and rows are passed on as blocks in the object store."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, Dataset

from operators.core.base import Row
from operators.store.commit import RECEIPT
from pipeline.execution.aggregators import Shards, start
from pipeline.execution.chain import ChainSpec, ChainStage
from pipeline.execution.coordinator import Channel
from pipeline.execution.flow import COMMIT_THREADS, Chained, Commit, Flow, Node, Work
from pipeline.execution.pools import Pool
from pipeline.execution.stage import CommitStage, Stage

_STORE_SHARE = 0.5  # share of the object store that the graph may fill before its sources are throttled
_CUT_CPUS = 0.05  # CPUs of a task that splits the plan into blocks


@cache
def _expect_few_blocks() -> None:
    """Silence a warning of Ray Data, which counts the blocks of the plan's single file, not those made of it.

    Once a process: the list of filters is the process's, and each filter in it costs every warning a comparison.
    """
    warnings.filterwarnings("ignore", message="The minimum number of concurrent actors", category=UserWarning)


@dataclass(frozen=True, kw_only=True)
class OnRay:
    """Runs flows on the connected Ray.

    Attributes:
        coordinator: the coordinator of the run.
        object_store_bytes: current size of the cluster's object store.
        grows: whether the cluster may grow.
        engine_boots: number of successive boots of engines that may fail, over all actors of a pool.
        avoid: pool -> ids of nodes on which its engines do not boot.
        gpus: number of GPUs that the pools hold.
    """

    coordinator: Channel | None
    object_store_bytes: int
    grows: bool
    engine_boots: int
    avoid: Mapping[str, Sequence[str]]
    gpus: float

    def receipts(self, flow: Flow) -> Iterator[Row]:
        """Run a flow and yield its receipts."""
        _expect_few_blocks()
        data = self._read(flow)
        for node in flow.nodes:
            data = self._placed(data, node)
        for batch in data.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            yield from cast(pa.Table, batch).to_pylist()

    def _read(self, flow: Flow) -> Dataset:
        # not read from a file of the output, because only Longcap's actors have the driver's credentials
        data = ray.data.from_arrow(flow.source)
        context = data.context  # the context of this graph; other datasets of a notebook keep theirs
        context.target_max_block_size = flow.block_bytes
        context.enable_progress_bars = False
        context.execution_options.preserve_order = False
        if not self.grows:  # otherwise Ray uses the current size; its own limit is also one half
            context.execution_options.resource_limits = context.execution_options.resource_limits.copy(
                object_store_memory=int(self.object_store_bytes * _STORE_SHARE)
            )
        if self.gpus:
            # Ray Data spreads actors over all nodes; Ray's default strategy avoids nodes with GPUs for actors without
            # GPUs while others have room, so that these nodes can be released when their work is done
            with warnings.catch_warnings():  # to go in 2027, when Ray Data is to place actors by itself
                warnings.simplefilter("ignore", DeprecationWarning)
                context.scheduling_strategy = "DEFAULT"
        context.max_consecutive_actor_init_deaths = self.engine_boots  # an engine that does not boot is no lost run
        if self.grows:
            context.execution_no_progress_timeout_s = -1  # nodes may take hours to start; `run.stall_s` reports it
        # one table is one block, and one block is one unit of work of an actor
        return _light(data.repartition(target_num_rows_per_block=flow.rows_per_block))

    def _placed(self, data: Dataset, node: Node) -> Dataset:
        if isinstance(node, Commit):
            return self._commit(data, node)
        if isinstance(node, Chained):
            return self._chained(data, node)
        return self._work(data, node)

    def _work(self, data: Dataset, node: Work) -> Dataset:
        return data.map_batches(
            Stage,
            fn_constructor_args=(node.spec,),
            batch_size=1 if node.spec.only is None else None,
            batch_format="pyarrow",
            compute=_actors(node.size, node.threads),
            num_cpus=node.size.num_cpus,
            **self._place(node.pool, node.size),
        )

    def _chained(self, data: Dataset, node: Chained) -> Dataset:
        spec = ChainSpec(
            decode=node.decode,
            caption=node.caption,
            videos=node.videos,
            store=node.store,
            gather=Shards(start(node.gather)),
        )
        return data.map_batches(
            ChainStage,
            fn_constructor_args=(spec,),
            batch_size=1,
            batch_format="pyarrow",
            compute=_actors(node.size, node.videos),
            num_cpus=node.size.num_cpus,
            **self._place("caption", node.size),
        )

    def _commit(self, data: Dataset, node: Commit) -> Dataset:
        return data.map_batches(
            CommitStage,
            fn_constructor_args=(node.spec, RECEIPT, self.coordinator),
            batch_size=None,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(
                size=1,
                max_tasks_in_flight_per_actor=2 * COMMIT_THREADS,
                max_concurrent_calls_per_actor=COMMIT_THREADS,
                enable_true_multi_threading=True,
            ),
            num_cpus=node.spec.num_cpus,
        )

    def _place(self, name: str, pool: Pool) -> dict[str, Any]:
        """Ray's options for the placement of a pool's actors."""
        options: dict[str, Any] = {"num_gpus": pool.num_gpus or None, "memory": pool.memory_bytes}
        if pool.custom:
            options["resources"] = dict(pool.custom)
        if self.avoid.get(name):
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(self.avoid[name])})"}
        return options


def _light(cut: Dataset) -> Dataset:
    """Reduce the CPUs of a repartition's tasks. By default each takes a whole CPU, which a decoding node with one CPU
    does not have. Ray has no option for it; if its internals have changed, the default is kept."""
    options = getattr(getattr(getattr(cut, "_logical_plan", None), "dag", None), "ray_remote_args", None)
    if isinstance(options, dict):
        options["num_cpus"] = _CUT_CPUS
    return cut


def _actors(pool: Pool, threads: int) -> ActorPoolStrategy:
    return ActorPoolStrategy(
        min_size=pool.floor,
        max_size=pool.actors,
        initial_size=pool.actors,
        # twice the calls that run at once: less, and the pool idles between two blocks and never counts as busy enough
        # to grow
        max_tasks_in_flight_per_actor=2 * threads,
        max_concurrent_calls_per_actor=threads,
        enable_true_multi_threading=threads > 1,
    )
