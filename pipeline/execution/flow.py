"""Descriptions of the work of a run: a table of rows, and the stages that process them.

`pipeline.execution.graph` builds flows. `pipeline.execution.on_ray` runs them on a cluster, and
`pipeline.execution.in_process` in the driver's process.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from operators.core import rows
from pipeline.execution.aggregators import AggregatorSpec
from pipeline.execution.pools import Pool
from pipeline.execution.stage import StageSpec

COMMIT_THREADS = 64
"""Maximum number of calls that wait for the same commit."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """The stage of a pool, whose operators map one row to one row.

    Attributes:
        pool: name of the pool.
        size: number of actors, and the resources of each.
        threads: number of rows that one actor processes simultaneously.
    """

    spec: StageSpec
    pool: str
    size: Pool
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A stage that commits rows and returns receipts for each."""

    spec: AggregatorSpec


@dataclass(frozen=True, kw_only=True)
class Chained:
    """A stage that captions the segments of each video in order; see `pipeline.execution.chain`.

    Attributes:
        decode, caption: the operators before the captioner, and those from the captioner on.
        gather: commits segments.
        size: size of the pool `caption`, including the CPUs of its decoders.
        videos: number of videos that one actor processes simultaneously.
        store: URI of the output.
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
    """Rows and the stages that process them, the last of which returns receipts.

    Attributes:
        source: the rows.
        rows_per_block: number of rows in a block, the unit of work on a cluster.
        block_bytes: size at which a streaming stage passes on a block, in bytes.
    """

    source: pa.Table
    nodes: tuple[Node, ...]
    rows_per_block: int = 1
    block_bytes: int = rows.MAX_ROW_BYTES  # Ray's default of 128 MiB holds ten segments
