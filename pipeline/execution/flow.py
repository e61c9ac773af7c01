"""Describes what a run executes, without executing it: a table of rows, and the stages that they pass through.

`pipeline.execution.graph` builds flows. `pipeline.execution.on_ray` runs them on a cluster, and
`pipeline.execution.in_process` in the driver's own process.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from operators.core import rows
from pipeline.execution.aggregators import AggregatorSpec
from pipeline.execution.pools import Pool
from pipeline.execution.stage import StageSpec

COMMIT_THREADS = 64
"""Calls that may wait for one commit together."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """A pool's stage: its operators map one row to one row.

    Attributes:
        pool: name of the pool.
        size: its actors, and what each of them takes.
        threads: rows that one actor works on simultaneously.
    """

    spec: StageSpec
    pool: str
    size: Pool
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A stage that makes rows durable and answers each with receipts."""

    spec: AggregatorSpec


@dataclass(frozen=True, kw_only=True)
class Chained:
    """A stage that takes videos and captions the segments of each in order; see `pipeline.execution.chain`.

    Attributes:
        decode, caption: the operators before the captioner, and from it on.
        gather: what makes segments durable.
        size: of the pool `caption`, the CPUs of its decoders included.
        videos: that one actor works on simultaneously.
        store: uri of the output.
    """

    decode: StageSpec
    caption: StageSpec
    gather: AggregatorSpec
    size: Pool
    videos: int
    store: str


Node = Work | Commit | Chained


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Rows and the stages that they pass through, the last of which answers with receipts.

    Attributes:
        source: the rows.
        rows_per_block: rows that are handed out together on a cluster.
        block_bytes: what a stage that yields bit by bit hands on at a time.
    """

    source: pa.Table
    nodes: tuple[Node, ...]
    rows_per_block: int = 1
    block_bytes: int = rows.MAX_ROW_BYTES  # Ray's default of 128 MiB holds ten segments
