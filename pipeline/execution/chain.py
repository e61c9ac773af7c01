"""`caption.chain: video`: one actor owns a video and captions its segments in order, each durable before the next.

The first window of a segment is captioned in the light of the last window of the segment before, so the segments of one
video cannot be spread out; videos can. A segment's pictures are decoded while the one before is captioned. After a
restart the chain goes on from the last durable window, which is read from the store.
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
        # those left to do, in order, with the keys of what they are made from
        pa.field("segments", pa.list_(pa.struct([*rows.SEGMENT, rows.PARENT_KEYS]))),
    ]
)
"""Rows of the plan that the graph reads: one a video."""


def committed_of(schema: pa.Schema) -> pa.Schema:
    """What of a captioned segment goes to the committer of a table with this schema."""
    return rows.joined(rows.SEGMENT, [*schema, *(rows.COLUMNS[n] for n in ("failure", "host", "timings"))])


def chain_table(segments: Sequence[Row]) -> pa.Table:
    """The plan's segments (rows of `rows.SEGMENT`, a video's together and in order), one row a video."""
    chains = [
        {"video_id": video_id, "key": key, "segments": list(some)}
        for (video_id, key), some in groupby(segments, key=lambda r: (r["video_id"], r["key"]))
    ]
    return pa.Table.from_pylist(chains, schema=CHAIN)


@dataclass(frozen=True, kw_only=True)
class ChainSpec:
    """What a chain's actors are built from.

    Attributes:
        decode: the operators before the captioner, as a stage's spec.
        caption: the captioner and what follows it; its output is what is committed.
        videos: chains that run at once in one actor, each with a decoder of its own.
        store: uri, for what is durable already.
        gather: makes segments durable.
    """

    decode: StageSpec
    caption: StageSpec
    videos: int
    store: str
    gather: Aggregator | Shards


class ChainStage:
    """A pool's actor: maps videos to the receipts of their segments, in order."""

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
        """Receipts, segment by segment. A call that is made again gives the same ones again: Ray counts them.

        What is durable by now, of this run or the life of an actor before, is not done again.
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
                )  # its pictures have served
                yield self._gather.commit([captioned])
                if not captioned["failure"]:
                    durable[index] = _slim(captioned)

    @contextmanager
    def _ahead(self, todo: Sequence[Row]) -> Iterator[Any]:
        """A function that gives a segment decoded; the one after it is then being decoded already."""
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
        """Leave no child and no engine behind."""
        self._caption.close()
        while not self._decoders.empty():
            self._decoders.get().close()

    def __del__(self) -> None:
        """Ray Data drops the object when its actor is to end."""
        self.close()


def last_window(durable: dict[int, Row], index: int) -> Row | None:
    """The last good window before segment `index`: what seeds its first. None: the chain starts anew."""
    for before in sorted((i for i in durable if i < index), reverse=True):
        for window in durable[before]["windows"]:
            return {"text": window["text"], "window_index": window["window_index"]}
    return None


def _slim(row: Row) -> Row:
    """What the chain needs of a segment that is done: its last good window; all of a long video would add up."""
    good = [w for w in row["windows"] if w["valid"]]
    return {"windows": sorted(good, key=lambda w: int(w["window_index"]))[-1:]}


def stages(spec: StageSpec, operators: Iterable[Any]) -> tuple[StageSpec, StageSpec]:
    """The operators of a segment in two: those that decode, and those from the captioner on."""
    all_of_them = tuple(operators)
    first = next(k for k, op in enumerate(all_of_them) if op.pool != "decode")
    return replace(spec, operators=all_of_them[:first]), replace(spec, operators=all_of_them[first:])
