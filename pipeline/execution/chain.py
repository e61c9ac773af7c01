"""`caption.chain: video`: one actor captions the segments of a video in order and commits each before the next.

The prompt of the first window of a segment contains the caption of the last window of the previous segment, so segments
of one video cannot run in parallel, but videos can. Each segment is decoded while the previous one is captioned. After
a restart the chain resumes from the last committed window, which is read from the store.
"""

from __future__ import annotations

import queue
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import pyarrow as pa

from operators.core import rows
from operators.core.arrow import fitted, to_table
from operators.core.base import Row
from operators.store.commit import RECEIPT, segment_receipt
from operators.store.store import Store
from pipeline.execution.aggregators import Aggregator, Shards
from pipeline.execution.stage import Stage, StageSpec

CHAIN = pa.schema(
    [
        pa.field("video_id", pa.string()),
        pa.field("key", pa.string()),
        # the segments left to do, in order, with the keys of their parent rows
        pa.field("segments", pa.list_(pa.struct([*rows.SEGMENT, rows.PARENT_KEYS]))),
    ]
)
"""Rows of the plan that the graph reads, one per video."""


def committed_of(schema: pa.Schema) -> pa.Schema:
    """The columns of a captioned segment that are sent to the committer of a table with this schema."""
    return rows.joined(rows.SEGMENT, [*schema, *(rows.COLUMNS[n] for n in ("failure", "host", "timings"))])


def chain_table(segments: Sequence[Row]) -> pa.Table:
    """Group the plan's segments (rows of `rows.SEGMENT`, sorted by video and time) into one row per video."""
    chains = [
        {"video_id": video_id, "key": key, "segments": list(some)}
        for (video_id, key), some in groupby(segments, key=lambda r: (r["video_id"], r["key"]))
    ]
    return pa.Table.from_pylist(chains, schema=CHAIN)


@dataclass(frozen=True, kw_only=True)
class ChainSpec:
    """The specification of a chain's actors.

    Attributes:
        decode: spec of a stage with the operators before the captioner.
        caption: spec of a stage with the captioner and the operators after it, whose output is committed.
        videos: number of chains that one actor runs simultaneously, each with its own decoder.
        store: URI of the output, to read committed segments.
        gather: commits segments.
    """

    decode: StageSpec
    caption: StageSpec
    videos: int
    store: str
    gather: Aggregator | Shards


class ChainStage:
    """An actor of the pool: maps videos to the receipts of their segments, in order."""

    def __init__(self, spec: ChainSpec) -> None:
        self._spec = spec
        self._caption = Stage(spec.caption)
        self._gather = spec.gather
        self._decoders: queue.SimpleQueue[Stage] = queue.SimpleQueue()
        for _ in range(spec.videos):
            self._decoders.put(Stage(spec.decode))

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        for chain in batch.to_pylist():
            for receipts in self._video(chain):
                yield to_table(receipts, RECEIPT, stage="commit")

    def _video(self, chain: Row) -> Iterator[list[Row]]:
        """Yield receipts, segment by segment. A repeated call yields the same receipts, because Ray counts them.

        Segments that are already committed, by this run or by a previous life of the actor, are not made again.
        """
        done = Store(self._spec.store).captioned(chain["key"])
        receipts = {row["segment_index"]: segment_receipt(row) for row in done}
        durable = {row["segment_index"]: _slim(row) for row in done}
        todo = [row for row in chain["segments"] if row["segment_index"] not in durable]
        with self._ahead(todo) as decoded:
            for row in chain["segments"]:
                index = row["segment_index"]
                if index in receipts:
                    yield [receipts[index]]
                    continue
                ready = decoded(row)
                answered = self._caption.map({**ready, "previous": last_window(durable, index)})
                captioned = fitted(
                    answered, self._spec.caption.output, stage=self._caption.writer
                )  # its frames are no longer needed
                yield self._gather.commit([captioned])
                if not captioned["failure"]:
                    durable[index] = _slim(captioned)

    @contextmanager
    def _ahead(self, todo: Sequence[Row]) -> Iterator[Any]:
        """A function that returns a decoded segment and starts to decode the next one."""
        decoder = self._decoders.get()
        waiting = iter(todo)
        with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:

            def begin() -> Future[Row] | None:
                row = next(waiting, None)
                return None if row is None else pool.submit(decoder.map, {**row, "failure": None})

            under_way = begin()

            def decoded(row: Row) -> Row:
                nonlocal under_way
                assert under_way is not None, f"segment {row['segment_index']} was not to be done"
                ready = under_way.result()
                under_way = begin()
                return ready

            try:
                yield decoded
            finally:
                self._decoders.put(decoder)

    def close(self) -> None:
        """End all children and engines."""
        self._caption.close()
        while not self._decoders.empty():
            self._decoders.get().close()

    def __del__(self) -> None:
        """Close: Ray Data deletes the object when its actor is to end."""
        self.close()


def last_window(durable: dict[int, Row], index: int) -> Row | None:
    """The last valid window before segment `index`, which starts its chain; None for a new chain."""
    for before in sorted((i for i in durable if i < index), reverse=True):
        for window in durable[before]["windows"]:
            return {"text": window["text"], "window_index": window["window_index"]}
    return None


def _slim(row: Row) -> Row:
    """A committed segment reduced to its last valid window, which is all the chain needs, to save memory."""
    good = [w for w in row["windows"] if w["valid"]]
    return {"windows": sorted(good, key=lambda w: int(w["window_index"]))[-1:]}


def stages(spec: StageSpec, operators: Iterable[Any]) -> tuple[StageSpec, StageSpec]:
    """Split the operators of a segment: those before the captioner, and those from the captioner on."""
    all_of_them = tuple(operators)
    first = next(k for k, op in enumerate(all_of_them) if op.pool != "decode")
    return replace(spec, operators=all_of_them[:first]), replace(spec, operators=all_of_them[first:])
