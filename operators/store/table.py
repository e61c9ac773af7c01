"""One Delta Lake table: read what you need, append once, replace atomically, keep tidy.

Readers are exact at every moment. A writer takes a table over with `fence()`: from then on every older writer's commit
fails, because both commit under one application transaction whose version only grows (Delta protocol, action `txn`).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from operators.base import ItemError

_EPOCH = 2**32  # commits of one epoch; an epoch is one life of a writer
_TRIES = 20  # a commit that met a concurrent one of another table's writer is tried again with the new state
_STORAGE_TRIES = 3  # of a commit that storage failed; delta-rs has asked storage several times by then
_STORAGE_PAUSE_S = 0.5
_ROW_GROUP = 256  # rows; small, so that looking up one video does not read a whole compacted file
_COMPACT_EVERY = 64  # commits; each costs a look at all live files, so that without it a long run slows down with time
_PREDICATE_VALUES = 400  # values in one SQL predicate: thousands make the planner slow


class Fenced(RuntimeError):
    """Another writer has taken the table over; this one must stop."""


def storage_options() -> dict[str, str]:
    """What delta-rs needs beside the usual AWS_* variables, which it reads by itself."""
    options = {"aws_conditional_put": "etag"}
    if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        options["AWS_ALLOW_HTTP"] = "true"
    return options


class Table:
    """A Delta table at `uri` with a fixed Arrow schema.

    Args:
        uri: folder, local or on object storage.
        schema: columns and types; a table that exists must have them.
        writer: name of the application transaction that fences its writers.
    """

    def __init__(self, uri: str, schema: pa.Schema, *, writer: str = "longcap") -> None:
        self.uri = uri
        self.schema = schema
        self._writer = writer
        self._delta: DeltaTable | None = None
        self._held: dict[tuple[str, str, int], frozenset[str]] = {}  # column, file, row group -> values
        self._version: int | None = None  # of the application transaction; None: not fenced, may not write

    # -- reading -------------------------------------------------------------------------------------------------

    def exists(self) -> bool:
        return self._snapshot(create=False) is not None

    def read(self, columns: Sequence[str] | None = None, where: Any = None) -> pa.Table:
        """Rows of the newest snapshot; an absent table has none.

        Args:
            columns: which to read; the others' bytes are not touched.
            where: a `pyarrow.dataset` expression.
        """
        wanted = pa.schema([self.schema.field(c) for c in columns]) if columns is not None else self.schema
        delta = self._snapshot(create=False)
        if delta is None:
            return wanted.empty_table()
        found = delta.to_pyarrow_dataset().to_table(columns=wanted.names, filter=where)
        return pa.Table.from_arrays([_cast(found.column(f.name), f.type) for f in wanted], schema=wanted)

    def lookup(self, column: str, value: str) -> pa.Table:
        """The rows whose `column` equals `value`, reading only the row groups that hold it.

        Files never change, so which values a row group holds is read once and remembered: looking up every video of a
        table one after the other reads each byte of it about once.
        """
        delta = self._snapshot(create=False)
        pieces = []
        groups = delta.to_pyarrow_dataset().get_fragments() if delta is not None else ()
        for fragment in groups:
            for group in fragment.split_by_row_group():
                at = (column, group.path, group.row_groups[0].id)
                if at not in self._held:
                    self._held[at] = frozenset(group.to_table(columns=[column])[column].to_pylist())
                if value in self._held[at]:
                    pieces.append(group.to_table(columns=self.schema.names, filter=pc.field(column) == value))
        if not pieces:
            return self.schema.empty_table()
        return pa.concat_tables(
            pa.Table.from_arrays([_cast(p.column(f.name), f.type) for f in self.schema], schema=self.schema)
            for p in pieces
        )

    def file_uris(self) -> list[str]:
        """The parquet files that make up the newest snapshot."""
        delta = self._snapshot(create=False)
        return list(delta.file_uris()) if delta is not None else []

    # -- writing -------------------------------------------------------------------------------------------------

    def fence(self) -> None:
        """Take the table over: create it if need be, and make every earlier writer's next commit fail."""

        def take() -> None:
            delta = self._existing()
            version = (self._newest(delta) // _EPOCH + 1) * _EPOCH
            self._write(delta, self.schema.empty_table(), version, None)
            self._version = version

        self._retry(take)

    def append(self, rows: pa.Table) -> None:
        """Commit `rows` in one atomic step; durable on return.

        Raises:
            Fenced: another writer has taken over; nothing was written.
            ItemError: class `storage`, the store did not take the commit.
        """
        if rows.num_rows:
            version = self._next()
            self._retry(lambda: self._commit(rows, version, None))
            self._join_files(version)

    def upsert(self, rows: pa.Table, key: Sequence[str]) -> None:
        """Commit `rows` in place of those with the same `key`, in one atomic step. Raises as `append`."""
        if rows.num_rows:
            predicate, version = _match(rows.select(list(key)).to_pylist()), self._next()
            self._retry(lambda: self._commit(rows, version, predicate))
            self._join_files(version)

    def replace(self, rows: pa.Table) -> None:
        """Commit `rows` in place of all there are. Raises as `append`."""
        version = self._next()
        self._retry(lambda: self._commit(rows, version, "true"))

    def delete(self, column: str, values: Iterable[str]) -> None:
        """Delete the rows whose `column` is one of `values`."""
        todo = sorted(set(values))
        for i in range(0, len(todo), _PREDICATE_VALUES):
            some = ", ".join(_literal(v) for v in todo[i : i + _PREDICATE_VALUES])
            self._retry(partial(self._delete, f"{column} IN ({some})", self._next()))

    def tidy(self) -> None:
        """Compact small files and remove all that no snapshot needs, so that a plain glob of parquet files is exact.

        Only for the end of a run, with no other writer at work: files of a commit in flight would go too.
        """
        if self.exists():
            self._retry(self._compact)
            self._existing().vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True)

    def _join_files(self, version: int) -> None:
        """Now and then make few files of many. It is housekeeping: where it fails, the rows are durable anyway."""
        if version % _COMPACT_EVERY == 0:
            with suppress(CommitFailedError, OSError):
                self._compact()

    def _compact(self) -> None:
        self._existing().optimize.compact(
            writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=_ROW_GROUP)
        )

    # -- inside ----------------------------------------------------------------------------------------------------

    def _next(self) -> int:
        """A version for one commit and its retries: that of a commit whose fate is unknown is never used again."""
        if self._version is None:
            raise RuntimeError(f"table {self.uri}: fence() comes before the first write")
        self._version += 1
        return self._version

    def _newest(self, delta: DeltaTable) -> int:
        return delta.transaction_version(self._writer) or 0

    def _landed(self, delta: DeltaTable, version: int) -> bool:
        """True if an earlier try of this commit did land and only its answer was lost."""
        newest = self._newest(delta)
        if newest // _EPOCH != version // _EPOCH:
            raise Fenced(f"another writer has taken over {self.uri}")
        return newest == version

    def _commit(self, rows: pa.Table, version: int, predicate: str | None) -> None:
        delta = self._existing()
        if not self._landed(delta, version):
            self._write(delta, rows, version, predicate)

    def _write(self, delta: DeltaTable, rows: pa.Table, version: int, predicate: str | None) -> None:
        how: dict[str, Any] = {"mode": "overwrite", "predicate": predicate} if predicate else {"mode": "append"}
        write_deltalake(
            delta,
            rows,
            writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=_ROW_GROUP),
            commit_properties=self._properties(version),
            **how,
        )

    def _delete(self, predicate: str, version: int) -> None:
        delta = self._existing()
        if not self._landed(delta, version):
            delta.delete(predicate, commit_properties=self._properties(version))

    def _properties(self, version: int) -> CommitProperties:
        return CommitProperties(app_transactions=[Transaction(self._writer, version)], max_commit_retries=0)

    def _existing(self) -> DeltaTable:
        """The newest state, of a table that is made if it is not there."""
        delta = self._snapshot(create=True)
        assert delta is not None
        return delta

    def _snapshot(self, *, create: bool) -> DeltaTable | None:
        """The newest state of the table."""
        try:
            if self._delta is None:
                self._delta = DeltaTable(self.uri, storage_options=storage_options())
            else:
                self._delta.update_incremental()
        except TableNotFoundError:
            if not create:
                return None
            self._delta = DeltaTable.create(
                self.uri, schema=self.schema, mode="ignore", storage_options=storage_options()
            )
        return self._delta

    def _retry(self, action: Callable[[], object]) -> None:
        """Run `action`; on a commit conflict look whether we were fenced, else do it again on the new state.

        Storage that fails is asked again a few times, too: the commit may have landed, and only the answer been lost.
        """
        error: Exception | None = None
        failures = 0
        for attempt in range(_TRIES):
            try:
                action()
                return
            except CommitFailedError as conflict:
                error = conflict
                time.sleep(min(1.0, 0.01 * 2**attempt))
            except OSError as failed:
                failures += 1
                if failures == _STORAGE_TRIES:
                    raise ItemError("storage", f"{self.uri}: {one_line(failed)}") from failed
                time.sleep(_STORAGE_PAUSE_S)
        raise ItemError("storage", f"{self.uri}: {_TRIES} commits in a row met another one: {one_line(error)}")


def _match(keys: list[dict[str, Any]]) -> str:
    names = list(keys[0])
    if len(names) == 1:
        return f"{names[0]} IN ({', '.join(sorted({_literal(k[names[0]]) for k in keys}))})"
    alternatives = {" AND ".join(_equals(n, k[n]) for n in names) for k in keys}
    return " OR ".join(f"({a})" for a in sorted(alternatives))


def _equals(name: str, value: Any) -> str:
    return f"{name} IS NULL" if value is None else f"{name} = {_literal(value)}"


def _literal(value: Any) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def _cast(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == wanted else column.cast(wanted)


def one_line(error: Exception | None) -> str:
    """What `error` says as one plain line: delta-rs draws a coloured tree."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())[:300]
