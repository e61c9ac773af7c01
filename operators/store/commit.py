"""Committers, which alone write rows to the store and answer when the rows are durable.

A committer takes over its tables when it opens and derives its state from them, so that it can be killed and restarted
on any machine. Committing a row that is already committed, by any writer, has no effect: before each commit a writer
reads the rows that others have added. Answers are receipts, one per row; the committer of segments adds a hint for each
video that became complete. A lost hint only costs time, because the driver finds such videos when it compares the plan
with the store.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from operators.core import rows, structs
from operators.core.addresses import redacted
from operators.core.base import TRANSIENT, Row
from operators.core.keys import config_of, video_key
from operators.store.content import content_hash
from operators.store.done import Done, Share
from operators.store.store import MAX_PASSES, Store, narration_failure_key
from operators.store.table import Claim

RECEIPT = pa.schema(
    [
        pa.field("kind", pa.string()),  # probe, segment, video, row, or whole: a hint that a video can be narrated
        pa.field("video_id", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("segment_index", pa.int32()),
        pa.field("key", pa.string()),  # of the video's captions
        pa.field("segment_count", pa.int32()),
        pa.field("seconds", pa.float64()),  # of video that this receipt accounts for
        pa.field("frames", pa.int32()),  # captions made
        pa.field("windows", pa.int32()),
        pa.field("words", pa.int32()),
        pa.field("repeated_sentences", pa.int32()),
        pa.field("usage", structs.USAGE),  # tokens and seconds of the engine, and which gates sent answers back
        pa.field("failure", structs.FAILURE),
        pa.field("final", pa.bool_()),  # a failure that this run will not try again
    ]
)

BESIDE = pa.schema([rows.PARENT_KEYS, pa.field("narrator", pa.string())])
"""Further columns of a hint where long captions have other parents than segments: those rows' keys by table, as JSON,
and the key of the video level."""

STOPPED = "stopped"  # class of a row that was skipped because the run is being stopped: neither done nor failed


class Committer:
    """Base class of committers: the store, the run, and the recording of failures.

    `commit` takes rows and returns the answers to each of them.

    Args:
        store_uri, run_id, host: the output, the run, and the machine.
        writer: name to take over. Only the latest writer of a name can commit; writers of different names can commit
            simultaneously.
        claim: the run's claim on the store; None if only the writer's name is checked.
        tables: further tables to which it writes, with their columns.
    """

    @staticmethod
    def waits(row: Row) -> bool:  # noqa: ARG004
        """Whether the answer to a row must wait for a commit."""
        return True

    @staticmethod
    def urgent(row: Row) -> bool:
        """Whether the commit must not wait for more rows, because the run is being stopped."""
        return stopped(row)

    def __init__(
        self,
        store_uri: str,
        run_id: str,
        host: str,
        *,
        writer: str,
        claim: Claim | None = None,
        tables: Mapping[str, pa.Schema] | None = None,
    ) -> None:
        self.store = Store(store_uri, writer=writer, claim=claim, tables=tables)
        self.run_id = run_id
        self.host = host
        self._failures = self.store.failures
        self._failures.fence()
        self._known: set[tuple[str, int | None, int]] = set()
        for row in self._failures.read(["key", "segment_index", "passes"]).to_pylist():
            self._known.add((row["key"], row["segment_index"], row["passes"]))

    def _record(self, failed: Iterable[Row]) -> None:
        """Write new failures."""
        fresh = {}
        for row in failed:
            at = (row["key"], row.get("segment_index"), (row.get("passes") or 0) + 1)
            if at not in self._known:
                fresh[at] = self._event(row, at[2])
        self._failures.append(pa.Table.from_pylist(list(fresh.values()), schema=rows.FAILED))
        self._known.update(fresh)

    def _event(self, row: Row, passes: int) -> Row:
        failure, index = row["failure"], row.get("segment_index")
        replay = f"longcap retry {shlex.quote(redacted(self.store.uri))} --only {shlex.quote(row['video_id'])}"
        return {
            **failure,
            "video_id": row["video_id"],
            "uri": row["uri"],
            "segment_index": index,
            "attempts": min(2**31 - 1, (row.get("attempts") or 0) + (failure["attempts"] or 1)),
            "passes": passes,
            "replay": replay if index is None else f"{replay} --segment {index}",
            "key": row["key"],
            "time": datetime.now(UTC),
            "run_id": self.run_id,
            "host": row.get("host") or self.host,
        }


class CommitVideos(Committer):
    """Commits listed and probed videos."""

    def __init__(
        self, store_uri: str, run_id: str, host: str, *, writer: str = "probe", claim: Claim | None = None
    ) -> None:
        super().__init__(store_uri, run_id, host, writer=writer, claim=claim)
        self.store.videos.fence()

    def commit(self, items: list[Row]) -> list[list[Row]]:
        probed = [r for r in items if not stopped(r)]
        for row in probed:
            row["run_id"] = self.run_id
        # failures first: after a crash in between, a video that is not in the table is probed again
        self._record([r for r in probed if r["failure"]])
        self.store.videos.upsert(pa.Table.from_pylist(_last(probed, "video_id"), schema=rows.VIDEO), ["video_id"])
        return [[receipt("probe", row, seconds=row.get("duration_s") or 0.0)] for row in items]


class CommitSegments(Committer):
    """Commits captioned segments, and returns the key of each video whose segments are complete.

    Args:
        captioner: for the column `config`; see `operators.core.keys.captioner_of`.
        schema: columns of the table.
    """

    def __init__(
        self,
        store_uri: str,
        run_id: str,
        host: str,
        *,
        writer: str = "gather",
        claim: Claim | None = None,
        share: Share | None = None,
        partial: bool = True,
        captioner: str | None = None,
        schema: pa.Schema = rows.CAPTIONED_SEGMENT,
    ) -> None:
        super().__init__(store_uri, run_id, host, writer=writer, claim=claim, tables={"segments": schema})
        self._schema = schema
        self.store.segments.fence()
        self._done = Done(share)
        self._captioner = captioner
        self._partial = partial  # whether a video is narrated although segments of it failed
        self._final: dict[str, set[int]] = {}
        for (key, index), failed in self.store.failed().items():
            if failed.final and index is not None:
                self._final.setdefault(key, set()).add(index)
        self._handed_on: set[str] = set()

    def commit(self, items: list[Row]) -> list[list[Row]]:
        captioned = {(row["key"], row["segment_index"]): row for row in items if not row["failure"]}
        for row in captioned.values():
            content = content_hash(row, self._schema, rows.CAPTIONED_SEGMENT)
            row.update(run_id=self.run_id, config=self._captioner, content_hash=content)

        table = pa.Table.from_pylist(list(captioned.values()), schema=self._schema)

        def fresh() -> pa.Table:
            self._done.add(self.store.segments.news(self._done.columns, look=False))
            todo = [k for k, at in enumerate(captioned) if not self._done.has(*at)]
            return table if len(todo) == len(captioned) else table.take(pa.array(todo, pa.int64()))

        if captioned:
            self.store.segments.append(fresh)
        for at in captioned:
            self._done.note(*at)
        failed = [row for row in items if row["failure"] and not stopped(row)]
        self._record(failed)
        for row in failed:
            if _final(row):
                self._final.setdefault(row["key"], set()).add(row["segment_index"])
        return [self._answers(row) for row in items]

    def _answers(self, row: Row) -> list[Row]:
        own = segment_receipt(row)
        if not self._whole(row):
            return [own]
        return [
            own,
            receipt("whole", {**row, "segment_index": None, "failure": None, "passes": None, "usage": None}),
        ]

    def _whole(self, row: Row) -> bool:
        """Whether this row completes its video, so that it can be narrated; True at most once per life."""
        key = row["key"]
        given_up = sum(not self._done.has(key, index) for index in self._final.get(key, ()))
        done = self._done.count(key)
        if not done or done + given_up < row["segment_count"] or key in self._handed_on:
            return False
        if given_up and not self._partial:
            return False
        self._handed_on.add(key)
        return True


class CommitDataset(Committer):
    """Commits long captions. A newer row of a video replaces the older one.

    Videos excluded by the filter are committed to the table `filtered` in the same way. An earlier row of the video in
    the other table is removed at the end of the run.

    Args:
        narrator: from `operators.core.keys.narrator_key`.
        captioner: for the column `config`; see `operators.core.keys.captioner_of`.
        schema: columns of the dataset.
    """

    def __init__(
        self,
        store_uri: str,
        run_id: str,
        host: str,
        narrator: str,
        *,
        writer: str = "narrate",
        claim: Claim | None = None,
        captioner: str | None = None,
        schema: pa.Schema = rows.LONG_CAPTION,
    ) -> None:
        super().__init__(store_uri, run_id, host, writer=writer, claim=claim, tables={"dataset": schema})
        self._schema = schema
        self._narrator = narrator
        self._config = config_of(captioner, narrator) if captioner else None
        self.store.dataset.fence()
        self.store.filtered.fence()
        self._done = self.store.done_videos()

    @staticmethod
    def waits(row: Row) -> bool:
        return bool(row["kind"] == "whole")  # receipts of segments are passed on

    def commit(self, items: list[Row]) -> list[list[Row]]:
        complete = [r for r in items if r["kind"] == "whole"]
        fresh, left_out = [], []
        for row in complete:
            if not row["failure"]:
                key = video_key(row["key"], row["captioned_indices"], self._narrated_by(row))
                if row.get("filtered"):
                    left_out.append(self._finished({**row, "key": key}))
                elif self._done.get(row["video_id"]) != key:
                    fresh.append(self._finished({**row, "key": key}))
        for table, some in ((self.store.dataset, fresh), (self.store.filtered, left_out)):
            table.upsert(pa.Table.from_pylist(_last(some, "video_id"), schema=table.schema), ["video_id"])
        self._done.update({row["video_id"]: row["key"] for row in fresh})
        self._record(
            {**r, "key": narration_failure_key(r["key"], self._narrated_by(r))}
            for r in complete
            if r["failure"] and not stopped(r)
        )
        return [
            [
                receipt(
                    "video",
                    row,
                    seconds=row["duration_s"] or 0.0,
                    words=row["words"] or 0,
                    repeated_sentences=row.get("repeated_sentences") or 0,
                )
                if row["kind"] == "whole"
                else {name: row[name] for name in RECEIPT.names}
            ]
            for row in items
        ]

    def _narrated_by(self, row: Row) -> str:
        return row.get("narrator") or self._narrator

    def _finished(self, row: Row) -> Row:
        content = content_hash(row, self._schema, rows.LONG_CAPTION)
        return {**row, "run_id": self.run_id, "config": self._config, "content_hash": content}


def segment_receipt(row: Row) -> Row:
    """The receipt of a captioned or failed segment."""
    return receipt(
        "segment",
        {"failure": None, **row},
        seconds=row["end_s"] - row["start_s"],
        frames=sum(f["valid"] for f in row.get("frames") or ()),
        windows=sum(w["valid"] for w in row.get("windows") or ()),
    )


def receipt(kind: str, row: Row, **values: Any) -> Row:
    """A row of `RECEIPT` for a durable or failed row."""
    return {
        **{f.name: None for f in RECEIPT},
        "kind": kind,
        **{
            name: row.get(name)
            for name in ("video_id", "uri", "segment_index", "key", "segment_count", "failure", "usage")
        },
        "final": bool(row["failure"]) and not stopped(row) and _final(row),
        **values,
    }


def stopped(row: Row) -> bool:
    """Whether a row was skipped because the run is being stopped."""
    return bool(row["failure"]) and row["failure"]["class"] == STOPPED


def _final(row: Row) -> bool:
    return row["failure"]["class"] not in TRANSIENT or (row.get("passes") or 0) + 1 >= MAX_PASSES


def _last(items: Sequence[Row], key: str) -> list[Row]:
    """The last row of each key, because Delta's replace does not detect duplicates among the new rows."""
    return list({row[key]: row for row in items}.values())
