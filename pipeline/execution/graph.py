"""The one place where Ray Data is assembled; the picture in the design can be read off it.

    sources ─► probe ─► commit videos
    plan ─► decode ─► caption ─► gather (commit segments) ─┬─► receipts                      phased
                                                           └─► filter ─► narrate ─► commit dataset  streaming
    whole videos ─► filter ─► narrate ─► commit dataset
    plan, a row a video ─► decode and caption its segments in order ─► receipts           caption.chain: video

Each graph ends in receipts that the driver counts.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, cast

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, Dataset

from operators import rows
from operators.base import Operator, Row
from operators.keys import narrator_key
from operators.storage import environment
from operators.store.commit import RECEIPT, CommitDataset, CommitSegments, CommitVideos
from operators.store.group_commit import Grouping
from operators.store.load import Load
from operators.store.table import Claim
from pipeline.config.types import Config, captioner, segment_operators, video_operators
from pipeline.execution.aggregators import AggregatorSpec, start
from pipeline.execution.chain import ChainSpec, ChainStage, stages
from pipeline.execution.pools import Pool, Pools
from pipeline.execution.stage import CommitStage, Stage, StageSpec

_BLOCK_BYTES = rows.MAX_ROW_BYTES  # what a decoder hands on at a time; Ray's default of 128 MiB holds ten segments
_STORE_SHARE = 0.5  # of the object store that the graph may fill before its sources are held back
_CUT_CPUS = 0.05  # of a task that cuts the plan into blocks
_TRIFLE_CPUS = 0.01
_COMMIT_THREADS = 64  # blocks that may wait for one commit together
_COMMIT_ROWS = 256  # that are enough for one: some 15 MB of captions

PROBED = pa.schema([*rows.VIDEO, rows.ACCESS_URI, *(rows.COLUMNS[name] for name in ("key", "attempts", "passes"))])
"""Rows on the way to the videos table: what it keeps, what reading a signed URL takes, what a failure event needs."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Builds the graphs of one run.

    Attributes:
        coordinator: handle of the run's `Coordinator`.
        object_store_bytes: of the cluster as it is.
        grows: it may become larger.
        engine_boots: boots of engines that may fail one after the other, of all actors of a pool together.
        avoid: pool -> ids of nodes on which its engines do not come up.
    """

    config: Config
    pools: Pools
    store: str
    run_id: str
    coordinator: Any
    object_store_bytes: int
    grows: bool
    engine_boots: int
    avoid: Mapping[str, Sequence[str]]
    claim: Claim | None
    share: str

    def probe(self, sources: pa.Table) -> Dataset:
        """The `sources`, rows of `PROBED` → videos in the store."""
        videos = self._read(sources, rows_per_block=max(1, min(16, sources.num_rows // (4 * self.pools.decode.actors))))
        probed = self._stage(videos, [self.config.probe], PROBED, self.pools.decode)
        return self._commit(probed, self._aggregator(CommitVideos, "probe"))

    def segments(self, plan: pa.Table, expected: Sequence[int], *, narrate: bool) -> Dataset:
        """The segments in `plan` → captions in the store; with `narrate`, whole videos → long captions.

        Args:
            expected: how many of them fall to each gather actor.
        """
        operators = segment_operators(self.config)
        if self.config.caption.chain == "video":
            receipts = self._chained(self._read(plan, rows_per_block=1, block_bytes=1), operators, expected)
            return self._narrated(receipts) if narrate else receipts
        data = self._read(plan, rows_per_block=max(1, min(4, plan.num_rows // 2000)))
        carried = [*rows.SEGMENT.names, "failure", "host", "timings"]
        for pool, group in _pools_in_order(operators):
            later = operators[operators.index(group[-1]) + 1 :]
            made = [*carried, *(c for op in operators[: operators.index(group[-1]) + 1] for c in op.writes)]
            needed = {*carried, *rows.CAPTIONED_SEGMENT.names, *(c for op in later for c in op.reads)}
            output = _schema(c for c in made if c in needed)
            data = self._stage(data, group, output, getattr(self.pools, pool))
        receipts = self._commit(data, self._gather(expected))
        return self._narrated(receipts) if narrate else receipts

    def _chained(self, videos: Dataset, operators: Sequence[Operator], expected: Sequence[int]) -> Dataset:
        """Videos → receipts of their segments: each video's are captioned in order, in one actor."""
        threads, pool, decoding = self.config.caption.concurrency, self.pools.caption, self.pools.decode
        gather = self._gather(expected)
        # a chain stands still until its segment is durable: nothing is gained by waiting for company
        at_once = replace(gather, grouping=replace(gather.grouping, flush_s=0.0))
        spec = StageSpec(operators=(), output=RECEIPT, coordinator=self.coordinator, environment=environment())
        decode, caption = stages(spec, operators)
        return videos.map_batches(
            ChainStage,
            fn_constructor_args=(
                ChainSpec(decode=decode, caption=caption, videos=threads, store=self.store, gather=start(at_once)),
            ),
            batch_size=1,
            batch_format="pyarrow",
            compute=_actors(pool, threads),
            num_cpus=pool.num_cpus + decoding.num_cpus * min(1.0, decoding.actors / pool.actors),
            **self._place("caption", pool),
        )

    def _gather(self, expected: Sequence[int]) -> AggregatorSpec:
        partial = self.config.run.on_incomplete == "partial"
        return self._aggregator(
            CommitSegments, "gather", expected=tuple(expected), partial=partial, captioner=captioner(self.config)
        )

    def narrate(self, whole: pa.Table) -> Dataset:
        """The videos in `whole` (rows of kind `whole`) → long captions in the store."""
        return self._narrated(self._read(whole, rows_per_block=2))

    def _narrated(self, hints: Dataset) -> Dataset:
        caption = self.config.caption
        load = Load(
            store=self.store,
            window_s=caption.window_s,
            stride_s=caption.stride_s,
            window_rule=caption.windows,
            min_shot_s=caption.min_shot_s,
        )
        video = video_operators(self.config)
        work = _schema(["captioned_indices", "passes", "attempts", "filtered"])
        output = pa.schema({f.name: f for f in [*rows.LONG_CAPTION, *RECEIPT, *work]}.values())
        told = self._stage(hints, [load, self.config.filter, *video], output, self.pools.narrate, only="whole")
        commit = self._aggregator(
            CommitDataset, "narrate", narrator=narrator_key(video), captioner=captioner(self.config)
        )
        return self._commit(told, commit)

    # -- how a stage is put on Ray ---------------------------------------------------------------------------------

    def _read(self, work: pa.Table, *, rows_per_block: int, block_bytes: int = _BLOCK_BYTES) -> Dataset:
        """The plan's rows. What a task yields bit by bit goes on once it makes `block_bytes`, or at the task's end."""
        # not from a file of the output: only our own actors are given the driver's credentials
        data = ray.data.from_arrow(work)
        context = data.context  # this graph's own: a notebook's other datasets keep theirs
        context.target_max_block_size = block_bytes
        context.enable_progress_bars = False
        context.execution_options.preserve_order = False
        if not self.grows:  # else Ray counts what there is at each moment: its own limit is a half, too
            context.execution_options.resource_limits = context.execution_options.resource_limits.copy(
                object_store_memory=int(self.object_store_bytes * _STORE_SHARE)
            )
        if self.pools.gpus:
            # Ray Data spreads actors over all nodes; Ray's own way leaves those with GPUs to what needs a GPU while
            # others have room, so that they can go when their work is done
            with warnings.catch_warnings():  # to go in 2027, when Ray Data is to place actors by itself
                warnings.simplefilter("ignore", DeprecationWarning)
                context.scheduling_strategy = "DEFAULT"
        context.max_consecutive_actor_init_deaths = self.engine_boots  # an engine that does not boot is no lost run
        if self.grows:
            context.execution_no_progress_timeout_s = -1  # nodes may be hours in coming; `run.stall_s` says so
        # one table is one block, and one block is one actor's work
        return _light(data.repartition(target_num_rows_per_block=rows_per_block))

    def _stage(
        self, data: Dataset, operators: Sequence[Operator], output: pa.Schema, pool: Pool, only: str | None = None
    ) -> Dataset:
        spec = StageSpec(
            operators=tuple(operators),
            output=output,
            only=only,
            coordinator=self.coordinator,
            environment=environment(),
        )
        threads = max((getattr(op, "concurrency", 1) for op in operators), default=1)
        return data.map_batches(
            Stage,
            fn_constructor_args=(spec,),
            batch_size=1 if only is None else None,
            batch_format="pyarrow",
            compute=_actors(pool, threads),
            num_cpus=pool.num_cpus,
            **self._place(operators[-1].pool, pool),
        )

    def _place(self, name: str, pool: Pool) -> dict[str, Any]:
        """Ray's options that say where a pool's actors may be."""
        options: dict[str, Any] = {"num_gpus": pool.num_gpus or None, "memory": pool.memory_bytes}
        if pool.custom:
            options["resources"] = dict(pool.custom)
        if self.avoid.get(name):
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(self.avoid[name])})"}
        return options

    def _aggregator(
        self, committer: type, writer: str, expected: tuple[int, ...] | None = None, **arguments: Any
    ) -> AggregatorSpec:
        return AggregatorSpec(
            committer=committer,
            arguments={
                "store_uri": self.store,
                "run_id": self.run_id,
                "writer": f"{writer} {self.share}",
                "claim": self.claim,
                **arguments,
            },
            grouping=Grouping(size=_COMMIT_ROWS, callers=_COMMIT_THREADS, flush_s=self.config.run.flush_s),
            shards=len(expected) if expected else 1,
            expected=expected,
            environment=environment(),
            num_cpus=self._commit_cpus,
        )

    @property
    def _commit_cpus(self) -> float:
        """Of an actor that commits: none, for it waits for storage. But Ray puts what asks for nothing on any node at
        all, and there it would keep a node with GPUs from going: where there are GPUs it asks for a trifle."""
        return _TRIFLE_CPUS if self.pools.gpus else 0.0

    def _commit(self, data: Dataset, spec: AggregatorSpec) -> Dataset:
        return data.map_batches(
            CommitStage,
            fn_constructor_args=(spec, RECEIPT, self.coordinator),
            batch_size=None,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(
                size=1,
                max_tasks_in_flight_per_actor=2 * _COMMIT_THREADS,
                max_concurrent_calls_per_actor=_COMMIT_THREADS,
                enable_true_multi_threading=True,
            ),
            num_cpus=self._commit_cpus,
        )


def _light(cut: Dataset) -> Dataset:
    """Let the tasks of a repartition take next to no CPU: by default one whole, which a node of one CPU that decodes
    does not have. Ray has no option for it; where its internals are others by now, the default stays."""
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


def receipts(graph: Dataset) -> Iterator[Row]:
    """Run a graph; yield its receipts as they come."""
    # Ray Data counts the blocks of the plan's one file, not those it is about to be cut into
    warnings.filterwarnings("ignore", message="The minimum number of concurrent actors", category=UserWarning)
    for batch in graph.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        yield from cast(pa.Table, batch).to_pylist()


def _pools_in_order(operators: Sequence[Operator]) -> Iterator[tuple[str, list[Operator]]]:
    """Neighbouring operators of one pool together: they share an actor."""
    for pool, group in groupby(operators, key=lambda op: op.pool):
        yield pool, list(group)


def _schema(columns: Iterable[str]) -> pa.Schema:
    return pa.schema([rows.COLUMNS[name] for name in dict.fromkeys(columns)])
