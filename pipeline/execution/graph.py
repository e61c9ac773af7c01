"""Builds the flows of a run:

    sources ─► probe ─► commit videos
    plan ─► decode ─► caption ─► gather (commit segments) ─┬─► receipts                      phased
                                                           └─► filter ─► narrate ─► commit dataset  streaming
    whole videos ─► filter ─► narrate ─► commit dataset
    plan, a row a video ─► decode and caption its segments in order ─► receipts           caption.chain: video
    rows of a further table ─► load its parents ─► its steps ─► commit                    tables.NAME

Each flow ends in receipts that the driver counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pyarrow as pa

from operators.core import rows
from operators.core.base import Operator
from operators.store.commit import BESIDE, RECEIPT, CommitDataset, CommitSegments, CommitVideos
from operators.store.commit_pass import CommitPass
from operators.store.commit_rows import CommitRows
from operators.store.group_commit import Grouping
from operators.store.load import Load
from operators.store.table import Claim
from pipeline.config.table import TableSpec
from pipeline.config.tables import captioner, pools_in_order, strict, tables_of, video_operators
from pipeline.config.tables import narrator as narrator_of
from pipeline.config.types import Config
from pipeline.execution.aggregators import AggregatorSpec
from pipeline.execution.chain import committed_of, stages
from pipeline.execution.coordinator import Channel
from pipeline.execution.flow import COMMIT_THREADS, Chained, Commit, Flow, Node, Work
from pipeline.execution.loading import Types, beside_segments, brought_by, loading
from pipeline.execution.passes import Pass, shares
from pipeline.execution.pools import Pool, Pools
from pipeline.execution.prober import PROBED
from pipeline.execution.stage import StageSpec

_TRIFLE_CPUS = 0.01
_COMMIT_ROWS = 256  # rows of one commit: about 15 MB of captions


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Builds the flows of one run.

    Attributes:
        coordinator: the coordinator of the run; with None, stages cannot be asked to stop.
        environment: variables for storage clients in other processes; None if everything runs in this process.
    """

    config: Config
    pools: Pools
    store: str
    run_id: str
    coordinator: Channel | None
    environment: Mapping[str, str] | None
    claim: Claim | None
    share: str

    @cached_property
    def tables(self) -> dict[str, TableSpec]:
        return tables_of(self.config)

    def probe(self, sources: pa.Table) -> Flow:
        """Flow from `sources`, rows of `PROBED`, to the table of videos."""
        decode = self.pools.decode
        nodes = (self._stage([self.config.probe], PROBED, decode), self._commit(CommitVideos, "probe"))
        return Flow(
            source=sources, nodes=nodes, rows_per_block=max(1, min(16, sources.num_rows // (4 * decode.actors)))
        )

    def segments(self, plan: pa.Table, expected: Sequence[int], *, narrate: bool) -> Flow:
        """Flow from the segments in `plan` to captions and, with `narrate`, from complete videos to long captions.

        Args:
            expected: number of segments for each gather actor.
        """
        narration = self._narrated() if narrate else ()
        if self.config.caption.chain == "video":
            return Flow(source=plan, nodes=(self._chained(expected), *narration), block_bytes=1)
        work = self._through(self.tables["segments"])
        nodes = (*work, Commit(spec=self._gather(expected)), *narration)
        return Flow(source=plan, nodes=nodes, rows_per_block=max(1, min(4, plan.num_rows // 2000)))

    def together(self, specs: Sequence[TableSpec], work: pa.Table, *, narrate: bool) -> Flow:
        """Flow from the rows of `work`, from `passes.work_of`, to several tables."""
        load = loading(self.config, self.tables, specs[0], self.store)
        run = Pass(specs, load, brought_by(self.config, self.tables, specs[0]))
        nodes = [self._stage(group, output, self.pools.of(pool)) for pool, group, output in run.stages()]
        parts = {spec.name: self._part(spec) for spec in specs}
        expected = shares(work, self.config.resources.gather_actors if self.environment is not None else 1)
        commit = Commit(spec=self._aggregator(CommitPass, "pass", expected=expected, parts=parts))
        return Flow(source=work, nodes=(*nodes, commit, *(self._narrated() if narrate else ())))

    def _part(self, spec: TableSpec) -> tuple[type, dict[str, Any]]:
        """The committer of one table of a pass, and the options of its writer."""
        if not spec.core:
            return CommitRows, {"table": spec.name, "schema": spec.schema, "level": spec.level}
        return CommitSegments, {
            "partial": not strict(self.config),
            "captioner": captioner(self.config),
            "schema": spec.schema,
        }

    def rows(self, spec: TableSpec, work: pa.Table) -> Flow:
        """Flow from the rows of `work` to one of the further tables."""
        commit = self._commit(CommitRows, spec.name, table=spec.name, schema=spec.schema, level=spec.level)
        return Flow(source=work, nodes=(*self._through(spec), commit), rows_per_block=1)

    def _through(self, spec: TableSpec) -> tuple[Node, ...]:
        """The stages of a table's steps, one per pool; the first loads the parents' rows."""
        operators = [*loading(self.config, self.tables, spec, self.store), *spec.steps]
        types = Types(self.config, self.tables, spec)
        nodes: list[Node] = []
        for pool, group in pools_in_order(operators):
            end = operators.index(group[-1]) + 1
            output = types.between(operators[:end], operators[end:])
            nodes.append(self._stage(group, output, self.pools.of(pool)))
        return tuple(nodes)

    def _chained(self, expected: Sequence[int]) -> Chained:
        """Flow from videos to receipts of their segments, which one actor captions in order."""
        segments = self.tables["segments"]
        operators = [*loading(self.config, self.tables, segments, self.store), *segments.steps]
        pool, decoding = self.pools.caption, self.pools.decode
        gather = self._gather(expected)
        committed = committed_of(segments.schema)
        spec = StageSpec(operators=(), output=committed, coordinator=self.coordinator, environment=self.environment)
        decode, caption = stages(spec, operators)
        return Chained(
            decode=decode,
            caption=caption,
            # a chain waits until its segment is committed, so grouping commits would only delay it
            gather=replace(gather, grouping=replace(gather.grouping, flush_s=0.0)),
            size=replace(pool, num_cpus=pool.num_cpus + decoding.num_cpus * min(1.0, decoding.actors / pool.actors)),
            videos=self.config.caption.concurrency,
            store=self.store,
        )

    def _gather(self, expected: Sequence[int]) -> AggregatorSpec:
        committer, arguments = self._part(self.tables["segments"])
        return self._aggregator(committer, "gather", expected=tuple(expected), **arguments)

    def narrate(self, whole: pa.Table) -> Flow:
        """Flow from the videos in `whole` (rows of kind `whole`) to long captions."""
        return Flow(source=whole, nodes=self._narrated(), rows_per_block=2)

    def _narrated(self) -> tuple[Node, ...]:
        plan = self.config.plan
        load = Load(
            store=self.store,
            window_s=plan.window_s,
            stride_s=plan.stride_s,
            window_rule=plan.windows,
            min_shot_s=plan.min_shot_s,
            of=beside_segments(self.config, self.tables, self.store),
        )
        video = video_operators(self.config)
        work = _schema(["captioned_indices", "passes", "attempts", "filtered"])
        schema = self.tables["dataset"].schema
        output = pa.schema({f.name: f for f in [*schema, *RECEIPT, *BESIDE, *work]}.values())
        return (
            self._stage([load, self.config.filter, *video], output, self.pools.narrate, only="whole"),
            self._commit(
                CommitDataset,
                "narrate",
                narrator=narrator_of(self.config),
                captioner=captioner(self.config),
                schema=schema,
            ),
        )

    def _stage(self, operators: Sequence[Operator], output: pa.Schema, size: Pool, only: str | None = None) -> Work:
        spec = StageSpec(
            operators=tuple(operators),
            output=output,
            only=only,
            coordinator=self.coordinator,
            environment=self.environment,
        )
        threads = max((getattr(op, "concurrency", 1) for op in operators), default=1)
        return Work(spec=spec, pool=operators[-1].pool, size=size, threads=threads)

    def _commit(self, committer: type, writer: str, **arguments: Any) -> Commit:
        return Commit(spec=self._aggregator(committer, writer, **arguments))

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
            grouping=Grouping(size=_COMMIT_ROWS, callers=COMMIT_THREADS, flush_s=self.config.run.flush_s),
            shards=len(expected) if expected else 1,
            expected=expected,
            environment=self.environment,
            # an actor that commits waits for storage and needs no CPU. But Ray puts what asks for nothing on any node
            # at all, and there it would keep a node with GPUs from going
            num_cpus=_TRIFLE_CPUS if self.pools.gpus else 0.0,
        )


def _schema(columns: Iterable[str]) -> pa.Schema:
    return pa.schema([rows.COLUMNS[name] for name in dict.fromkeys(columns)])
