"""The index of an output: its passages in LanceDB, in OUT/index, kept up to date with the tables.

All passages of a video are added or replaced in one commit. The passage of level `video` carries a stamp of the rows
that the passages were made from, so an update that was killed resumes with the videos whose stamps differ, and no
unchanged text is embedded twice.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from operators.core.causes import explained, no_room
from operators.core.fingerprint import digest
from operators.core.storage import storage_options
from operators.core.uploads import abort, uploads
from operators.core.uris import local_path
from operators.embedding.sentences import embedder, model_files
from pipeline.output.lease import ALL, Holder, Lease
from pipeline.output.output import Output
from pipeline.retrieval.passages import VIDEO, Passage, passages, stamps
from pipeline.terminal.errors import RunFailed, UsageError

FOLDER = "index"  # of OUT
INSTALL = "pip install 'longcap[search]'"
DIMENSIONS = 384  # of operators.embedding.sentences's model
_TABLE = "passages"
_VIDEOS_AT_ONCE = 32  # videos of one commit
_ANN_FROM = 100_000  # passages; with fewer, an exhaustive comparison takes tens of milliseconds
_PARTITION = 4096  # vectors of a partition of the approximate index, which keeps one bit a dimension
_ITERATIONS = 15  # of k-means: approximate partitions suffice
_INDEX_CACHE, _METADATA_CACHE = 256 * 2**20, 64 * 2**20  # bytes; LanceDB's defaults are gigabytes
_KEEP = timedelta(hours=1)  # how long older versions are kept for readers that have opened one
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LANCE_FILE = re.compile(rf"/{FOLDER}/{_TABLE}\.lance/(data/[0-9a-f-]{{32,64}}\.lance|_indices/{_UUID}/[^/]+)$")


@dataclass(frozen=True)
class Updated:
    """The result of an index update.

    Attributes:
        videos, passages: numbers that the index contains now.
        added, changed, removed, kept: numbers of videos.
        embedded: number of texts that were embedded.
        vectors: whether the index has vectors.
    """

    videos: int
    passages: int
    added: int
    changed: int
    removed: int
    kept: int
    embedded: int
    vectors: bool
    seconds: float


class Index:
    """The index of one output. Opening it writes nothing.

    Args:
        out: the output's uri.

    Raises:
        UsageError: LanceDB is not installed.
    """

    def __init__(self, out: str) -> None:
        try:
            # at least two threads on any machine: some tasks wait for others
            os.environ.setdefault("LANCE_CPU_THREADS", str(max(2, (os.cpu_count() or 2))))
            os.environ.setdefault("LANCEDB_LOG", "error")  # by default it warns about every new index
            import lancedb  # noqa: F401
        except ImportError as error:
            raise UsageError(f"search needs LanceDB: {INSTALL}") from error
        self.out = out.rstrip("/")
        self.uri = f"{self.out}/{FOLDER}"
        self._place = local_path(self.uri)
        self.table: Any = None
        if (self._place is None or Path(self._place).is_dir()) and _TABLE in self._names():
            self.table = self._db.open_table(_TABLE)

    @cached_property
    def _db(self) -> Any:
        """The connection. LanceDB creates a missing local folder when it connects."""
        import lancedb

        options = {k.lower(): v for k, v in storage_options(self.uri).items() if k != "aws_conditional_put"}
        session = lancedb.Session(index_cache_size_bytes=_INDEX_CACHE, metadata_cache_size_bytes=_METADATA_CACHE)
        return lancedb.connect(self._place or self.uri, storage_options=options or None, session=session)

    @property
    def vectors(self) -> bool:
        """Whether the index has vectors beside the full text."""
        return self.table is not None and "vector" in self.table.schema.names

    def update(
        self, output: Output, *, vectors: bool | None = None, say: Callable[[str], None] = lambda _: None
    ) -> Updated:
        """Bring the index up to date with the tables; only videos whose rows are new or changed are touched.

        Args:
            vectors: whether the index has sentence embeddings. None keeps what an existing index has; a new one has
                them if the extra `grounding` is installed. A change rebuilds the index.
            say: called with one line of progress at a time.

        Raises:
            UsageError: vectors are requested and the extra `grounding` is not installed.
            RunFailed: another process is updating this index, or the disk is full.
        """
        began = time.monotonic()
        wants = self._wants_vectors(vectors)
        with _naming(self.uri), Lease(self.uri, ALL, f"index-{secrets.token_hex(4)}", say).held() as lease:
            self._abort_uploads(lease.before)
            self._ready(wants)
            wanted = stamps(output)
            held = self._held()
            gone = sorted(set(held) - set(wanted))
            todo = sorted(v for v, stamp in wanted.items() if held.get(v) != stamp)
            for start in range(0, len(gone), 500):
                self.table.delete(_among("video_id", gone[start : start + 500]))
            embedded = 0
            for start in range(0, len(todo), _VIDEOS_AT_ONCE):
                some = todo[start : start + _VIDEOS_AT_ONCE]
                embedded += self._put(output, some, wanted, {v for v in some if v in held}, wants)
                say(f"{min(start + _VIDEOS_AT_ONCE, len(todo)):,} of {len(todo):,} videos indexed")
            self._tidy(wants)
        added = sum(v not in held for v in todo)
        return Updated(
            videos=len(wanted),
            passages=int(self.table.count_rows()),
            added=added,
            changed=len(todo) - added,
            removed=len(gone),
            kept=len(wanted) - len(todo),
            embedded=embedded,
            vectors=wants,
            seconds=round(time.monotonic() - began, 3),
        )

    # -- inside ----------------------------------------------------------------------------------------------------

    def _names(self) -> list[str]:
        return list(self._db.list_tables().tables)

    def _wants_vectors(self, vectors: bool | None) -> bool:
        wants = vectors if vectors is not None else self.vectors
        why = ""
        if wants or (vectors is None and self.table is None):
            try:
                model_files(None)
                wants = True
            except ValueError:
                why = "sentence embeddings need the extra grounding: pip install 'longcap[grounding]'"
        if wants and why:
            raise UsageError(f"{why}, or build a full-text index with --no-vectors")
        return wants

    def _ready(self, vectors: bool) -> None:
        """Create the table, or recreate it if it was made with another model or without vectors."""
        schema = schema_of(vectors)
        if self.table is not None and self.table.schema.names == schema.names:
            return
        self.table = self._db.create_table(_TABLE, schema=schema, mode="overwrite")

    def _abort_uploads(self, before: Holder | None) -> None:
        """Abort uploads that a killed update left: those with LanceDB's names, begun after it started."""
        if before is None or before.ended:
            return
        with suppress(OSError):  # the permission may be missing, and the index does not depend on it
            for upload in uploads(self.uri):
                if _LANCE_FILE.search(upload.key) and upload.begun.timestamp() >= before.started:
                    abort(self.uri, upload.key, upload.upload_id)

    def stamp(self) -> str:
        """A hash that changes whenever the contents of the index change."""
        return digest(sorted(self._held().items()))

    def _held(self) -> dict[str, str]:
        """video_id -> stamp."""
        found = self.table.search().where(f"level = '{VIDEO}'").select(["video_id", "stamp"]).to_arrow()
        return dict(zip(found["video_id"].to_pylist(), found["stamp"].to_pylist(), strict=True))

    def _put(
        self, output: Output, video_ids: Sequence[str], stamps: dict[str, str], known: set[str], vectors: bool
    ) -> int:
        """Replace the passages of some videos in one commit; returns how many texts were embedded."""
        rows = [_row(p, stamps[p.video_id]) for p in passages(output, video_ids)]
        count = 0
        if vectors:
            old = self._embedded(sorted(known))
            texts = {row["text"] for row in rows if row["text"]} - set(old)
            old.update(_embed(sorted(texts)))
            count = len(texts)
            for row in rows:
                row["vector"] = old[row["text"]] if row["text"] else None
        table = pa.Table.from_pylist(rows, schema=schema_of(vectors))
        if not known:
            self.table.add(table)
        else:
            (
                self.table.merge_insert("passage_id")
                .when_matched_update_all()
                .when_not_matched_insert_all()
                .when_not_matched_by_source_delete(_among("video_id", video_ids))
                .execute(table)
            )
        return count

    def _embedded(self, video_ids: Sequence[str]) -> dict[str, Any]:
        """text -> vector, for the stored passages of these videos."""
        if not video_ids:
            return {}
        found = self.table.search().where(_among("video_id", video_ids)).select(["text", "vector"]).to_arrow()
        pairs = zip(found["text"].to_pylist(), found["vector"].to_pylist(), strict=True)
        return {text: np.asarray(vector, np.float16) for text, vector in pairs if vector is not None}

    def _tidy(self, vectors: bool) -> None:
        """Bring LanceDB's own indices up to date; rows that they lack are searched exhaustively."""
        from lancedb.index import FTS, BTree, IvfRq

        count = int(self.table.count_rows())
        if not count:
            return
        there = {column for index in self.table.list_indices() for column in index.columns}
        if "text" not in there:
            self.table.create_index("text", config=FTS(with_position=False))
        if "video_id" not in there:
            self.table.create_index("video_id", config=BTree())
        if vectors and "vector" not in there and count >= _ANN_FROM:
            config = IvfRq(distance_type="dot", num_partitions=count // _PARTITION, max_iterations=_ITERATIONS)
            self.table.create_index("vector", config=config)
        self.table.optimize(cleanup_older_than=_KEEP)


@contextmanager
def _naming(uri: str) -> Iterator[None]:
    """Add the location to an error of full storage, since LanceDB's errors do not name it."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        if not no_room(error):
            raise
        raise RunFailed(f"{uri} cannot be written: {explained(error)}") from error


def schema_of(vectors: bool) -> pa.Schema:
    """Columns of the table in LanceDB."""
    names = ("passage_id", "video_id", "uri", "level", "place", "text", "stamp")
    fields = [pa.field(name, pa.string()) for name in names]
    fields += [pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64())]
    if vectors:
        fields.append(pa.field("vector", pa.list_(pa.float16(), DIMENSIONS)))
    return pa.schema(fields)


def quoted(text: str) -> str:
    """Return a text as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def embed_query(text: str) -> Any:
    """Embed a query: float32 of shape (384,), of length 1."""
    return embedder()([text])[0]


def _embed(texts: Sequence[str]) -> dict[str, Any]:
    """text -> vector, float16 of shape (384,), of length 1; one text at a time on each core."""
    if not texts:
        return {}
    model = embedder()
    with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="embed") as pool:
        return dict(zip(texts, (v[0].astype(np.float16) for v in pool.map(lambda t: model([t]), texts)), strict=True))


def _row(passage: Passage, stamp: str) -> dict[str, Any]:
    passage_id = digest([passage.video_id, passage.level, passage.place])
    return {**asdict(passage), "passage_id": passage_id, "stamp": stamp if passage.level == VIDEO else None}


def _among(column: str, values: Sequence[str]) -> str:
    return f"{column} IN ({', '.join(map(quoted, values))})"
