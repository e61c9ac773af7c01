"""The output location: its tables, their keys, and a folder for each run.

    OUT/videos     what was found and probed           OUT/dataset    the long captions
    OUT/segments   frame and window captions           OUT/failures   what failed, as events
    OUT/filtered   videos that the filter left out     OUT/annotations  what people said of long captions
    OUT/NAME       tables of the recipe's own
    OUT/runs/<run_id>/  config.yaml, plan, report.json

Completed work is determined by the tables alone. Keys are read without texts, so resuming reads no captions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from operators.core import rows
from operators.core.annotation import ANNOTATION
from operators.core.atomic import replace_file
from operators.core.base import TRANSIENT, Row
from operators.core.fingerprint import digest
from operators.core.storage import UnfitFileError, file_system, files_below, is_local, open_binary, read_whole
from operators.store.done import Done
from operators.store.own_files import Unswept, changed_at
from operators.store.table import Claim, Table

MAX_PASSES = 2  # a transient failure is tried in two passes; after that only by `longcap retry`
ASKED = 0  # `passes` of a failure that `longcap retry` asked for, until a complete run has settled it


def narration_failure_key(captions: str, narrator: str) -> str:
    """Key under which a failed narration is recorded, so that another narrator may try again."""
    return digest([captions, narrator])


_OPEN = "runs/open"  # a note for each writer since the last complete sweep


@dataclass(frozen=True)
class Failed:
    """The newest failure of one item under one key."""

    stage: str
    failure_class: str
    message: str
    attempts: int
    passes: int

    @property
    def final(self) -> bool:
        """Whether runs do not retry it."""
        return self.passes > ASKED and (self.failure_class not in TRANSIENT or self.passes >= MAX_PASSES)


class Store:
    """The tables and files of one output location `uri`. Opening it writes nothing.

    Args:
        uri: a folder, or a prefix on object storage.
        writer: writer name for its tables; writers of different names can commit simultaneously.
        claim: claim of the run that writes; see `claim`.
        tables: tables that recipes added, with their columns; see `pipeline.config.tables`. If `segments` or `dataset`
            is among them, recipes added columns to it.
    """

    def __init__(
        self,
        uri: str,
        *,
        writer: str = "longcap",
        claim: Claim | None = None,
        tables: Mapping[str, pa.Schema] | None = None,
    ) -> None:
        self.uri = uri.rstrip("/")
        schemas = {**rows.CORE, **(tables or {})}
        filtered = rows.joined(rows.FILTERED, schemas["dataset"])
        self.derived = {
            name: Table(f"{self.uri}/{name}", schema, writer=writer, claim=claim)
            for name, schema in schemas.items()
            if name not in rows.CORE
        }
        self.videos = Table(f"{self.uri}/videos", rows.VIDEO, writer=writer, claim=claim)
        self.segments = Table(f"{self.uri}/segments", schemas["segments"], writer=writer, claim=claim)
        self.dataset = Table(f"{self.uri}/dataset", schemas["dataset"], writer=writer, claim=claim)
        self.filtered = Table(f"{self.uri}/filtered", filtered, writer=writer, claim=claim)
        self.failures = Table(f"{self.uri}/failures", rows.FAILED, writer=writer, claim=claim)
        self.annotations = Table(f"{self.uri}/annotations", ANNOTATION, writer="annotate")  # people hold no claim

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables; `annotations` exists only after the first annotation."""
        return (*self._of_runs, self.annotations)

    @property
    def _of_runs(self) -> tuple[Table, ...]:
        return (self.videos, self.segments, self.dataset, self.filtered, self.failures, *self.derived.values())

    def table(self, name: str) -> Table:
        """The table `name`, one of `tables`."""
        core = {"videos": self.videos, "segments": self.segments, "dataset": self.dataset}
        return self.derived[name] if name in self.derived else core[name]

    def exists(self) -> bool:
        return any(t.exists() for t in self.tables)

    def claim(self, share: str = "all") -> Claim:
        """Claim a share of the store for a run. Writers with an older claim on it can no longer commit.

        Raises:
            Fenced: another run that started simultaneously claimed it later.
        """
        name = f"run {share}"
        claim = Claim(name, self.videos.claim(name))
        for table in self._of_runs[1:]:
            table.claim(name, claim.version)
        return claim

    # -- removing what is left over --------------------------------------------------------------------------------

    def open_for(self, run_id: str, *, since: float | None = None) -> None:
        """Note that a writer begins: until the next complete sweep, files that it leaves behind are this store's.

        Args:
            since: it began earlier than this note is written; seconds since the epoch.
        """
        self.write_file(f"{_OPEN}/{run_id}.json", json.dumps({"run_id": run_id, "since": since}).encode())

    def opened(self) -> dict[str, float]:
        """Writers that have begun since the last complete sweep: path of the note → time by the store's clock."""
        files, folder = file_system(f"{self.uri}/{_OPEN}")
        found = {}
        for path, info in files_below(f"{self.uri}/{_OPEN}").items():
            if not path.endswith(".json") or path.rpartition("/")[0] != folder:
                continue
            with suppress(FileNotFoundError, UnfitFileError, ValueError, RecursionError, TypeError, AttributeError):
                since = json.loads(read_whole(files, path)).get("since")
                times = [t for t in (changed_at(info), since) if t is not None]
                found[path] = min(times)
        return found

    def close_for(self, run_id: str) -> None:
        """Withdraw the note of a writer that wrote nothing."""
        files, path = file_system(f"{self.uri}/{_OPEN}/{run_id}.json")
        with suppress(FileNotFoundError):
            files.rm_file(path)

    def unswept(self, opened: Mapping[str, float]) -> Unswept | None:
        """What `Table.sweep` gets of the writers in `opened`."""
        if not opened:
            return None
        runs = {path.rsplit("/", 2)[-2] for path in self.run_files("config.yaml")}
        return Unswept(min(opened.values()), frozenset(runs | {_name(path) for path in opened}))

    def sweep(self, opened: Mapping[str, float]) -> list[int]:
        """Remove the tables' own files that they do not need any more; how many, table by table.

        Args:
            opened: what `opened` said before it was known that no other writer is at work. Their notes go as well.
        """
        unswept = self.unswept(opened)
        counts = [table.sweep(unswept) for table in self.tables]
        files, _ = file_system(self.uri)
        for path in opened:
            with suppress(FileNotFoundError):
                files.rm_file(path)
        return counts

    # -- what is done ----------------------------------------------------------------------------------------------

    def segment_keys(self) -> Iterator[pa.RecordBatch]:
        """`key` and `segment_index` of all durable segments, some at a time."""
        yield from self.segments.batches(Done.COLUMNS)

    def done_segments(self) -> Done:
        """Which segments are durable."""
        done = Done()
        for batch in self.segment_keys():
            done.add(pa.Table.from_batches([batch]))
        return done

    def done_videos(self) -> dict[str, str]:
        """video_id → key of its long caption."""
        table = self.dataset.read(["video_id", "key"])
        return dict(zip(table["video_id"].to_pylist(), table["key"].to_pylist(), strict=True))

    def filtered_videos(self) -> dict[str, str]:
        """video_id → key of its row in `filtered`."""
        table = self.filtered.read(["video_id", "key"])
        return dict(zip(table["video_id"].to_pylist(), table["key"].to_pylist(), strict=True))

    def narrated(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """`video_id`, `key` and these columns of all long captions, some at a time."""
        yield from self.dataset.batches(list(dict.fromkeys(["video_id", "key", *columns])))

    def left_out(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The same of what the filter left out, and its `words`: null where no one had narrated it before."""
        yield from self.filtered.batches(list(dict.fromkeys(["video_id", "key", "words", *columns])))

    def failed(self) -> dict[tuple[str, int | None], Failed]:
        """(key, segment index or None for the whole video) → its newest failure. Success elsewhere is not looked at."""
        found: dict[tuple[str, int | None], Failed] = {}
        for row in self.failures.read(
            ["key", "segment_index", "stage", "class", "message", "attempts", "passes"]
        ).to_pylist():
            at = (row["key"], row["segment_index"])
            if at not in found or row["passes"] >= found[at].passes:
                found[at] = Failed(row["stage"], row["class"], row["message"], row["attempts"], row["passes"])
        return found

    def captioned(self, key: str) -> list[dict[str, Any]]:
        """The durable segments under `key`, texts and all, in order."""
        return sorted(self.segments.lookup("key", key).to_pylist(), key=lambda row: int(row["segment_index"]))

    # -- files beside the tables -----------------------------------------------------------------------------------

    def write_file(self, path: str, data: bytes) -> str:
        """Write OUT/`path` in one step: readers find the old content or the new one; returns its uri."""
        uri = f"{self.uri}/{path}"
        files, target = file_system(uri)
        if not is_local(files):
            with open_binary(uri, "wb", content_type=guess_type(path)[0]) as file:  # a page opens, it is not downloaded
                file.write(data)
            return uri
        replace_file(Path(target), data)
        return uri

    def read_file(self, path: str) -> bytes | None:
        """Content of OUT/`path`; None where there is none."""
        try:
            return read_whole(*file_system(f"{self.uri}/{path}"))
        except FileNotFoundError:
            return None

    def remove_files(self, *paths: str) -> None:
        """Remove these files of OUT, as far as they are there."""
        for path in paths:
            files, place = file_system(f"{self.uri}/{path}")
            with suppress(FileNotFoundError):
                files.rm_file(place)

    def run_files(self, name: str) -> dict[str, Any]:
        """The file `name` of every run that has it, oldest run first: path -> `info` of its file system."""
        _, folder = file_system(f"{self.uri}/runs")
        below = files_below(f"{self.uri}/runs").items()
        return {p: info for p, info in below if p.endswith(f"/{name}") and p[len(folder) :].count("/") == 2}

    def run_records(self, name: str, damaged: Callable[[str], None] = lambda _: None) -> list[Row]:
        """The JSON object `name` of every run that has it, oldest run first: run ids begin with the time.

        Args:
            damaged: called with the path of each file that holds no object with the `run_id` of its folder; it is
                left out.
        """
        files, _ = file_system(self.uri)
        records = []
        for file in self.run_files(name):
            try:
                record = json.loads(read_whole(files, file))
            except (ValueError, RecursionError, UnfitFileError):
                record = None
            if isinstance(record, dict) and record.get("run_id") == file.rsplit("/", 2)[-2]:
                records.append(record)
            else:
                damaged(file)
        return records

    def write_table(self, path: str, table: pa.Table) -> str:
        """Write OUT/`path` as one parquet file; returns its uri."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        return self.write_file(path, sink.getvalue().to_pybytes())


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1].removesuffix(".json")
