"""One Delta Lake table: read what you need, append once, replace atomically, keep tidy.

Readers are exact at every moment. Every commit is a compare-and-swap: it lands on exactly the version of the table that
it looked at (no rebasing), so whatever is checked on that version holds where it lands. Three things are:

- the writer's epoch. A writer takes its name over with `fence()`; from then on an older writer of that name fails
  (application transactions, whose version only grows: Delta protocol, action `txn`);
- the claim. A run claims the store for its share of it; writers of an older run of it fail, whatever their name;
- the rows. `append` may be given a function that leaves out what others have added meanwhile.

So correctness needs no lock, no lease and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import DeltaError

from operators.core.storage import storage_options
from operators.core.uris import table_uri
from operators.store import own_files
from operators.store.own_files import Lying, Unswept
from operators.store.patience import until_committed
from operators.store.predicates import VALUES_AT_ONCE, literal, match
from operators.store.reader import ROW_GROUP, TableReader, name_of

_EPOCH = 2**32  # commits of one epoch; an epoch is one life of a writer
_LOOK_EVERY = 16  # commits between two looks at how many small files there are
_SMALL_FILES = 64  # from so many on they are joined; each commit looks at all files, so that they would slow a long run
_SMALL_BYTES = 64 * 2**20


class Fenced(RuntimeError):
    """Another writer has taken the table over; this one must stop."""


@dataclass(frozen=True)
class Claim:
    """A run's hold on its share of a store: its writers may commit while the transaction `name` stands at `version`."""

    name: str
    version: int


Fresh: TypeAlias = Callable[[], pa.Table]


class Table(TableReader):
    """A Delta table at `uri` with a fixed Arrow schema, to be read and written.

    Args:
        uri: folder, local or on object storage.
        schema: columns and types. Nullable columns and struct fields that a table of an earlier version lacks read as
            null; the first commit adds them to the table.
        writer: name of the application transaction that fences its writers.
        claim: what a commit of this writer needs beside its own epoch; None: nothing.
    """

    def __init__(self, uri: str, schema: pa.Schema, *, writer: str = "longcap", claim: Claim | None = None) -> None:
        super().__init__(uri, schema)
        self._writer = writer
        self._claim = claim
        self._version: int | None = None  # of the application transaction; None: not fenced, may not write

    # -- writing -------------------------------------------------------------------------------------------------

    def fence(self) -> None:
        """Take the table over: create it if need be, and make every earlier writer's next commit fail."""

        def take() -> None:
            delta = self._existing()
            version = (self._newest(delta) // _EPOCH + 1) * _EPOCH
            self._write(delta, self.schema.empty_table(), None, self._mine(version))
            self._version = version

        self._committed(take)

    def claim(self, name: str, version: int | None = None) -> int:
        """Set the claim `name` to `version` (None: one more than it is), making the table if need be; returns it.

        Raises:
            Fenced: it stands at a later version already: another run has begun.
        """
        taken = 0

        def take() -> None:
            nonlocal taken
            delta = self._existing()
            newest = delta.transaction_version(name) or 0
            taken = newest + 1 if version is None else version
            if newest > taken:
                raise Fenced(f"another run has taken over {self.uri}")
            if newest < taken:
                self._write(delta, self.schema.empty_table(), None, _properties(Transaction(name, taken)))

        self._committed(take)
        return taken

    def append(self, rows: pa.Table | Fresh) -> None:
        """Commit `rows` in one atomic step; durable on return.

        Args:
            rows: what to add; a function is asked for it on every version of the table that the commit is tried on, so
                that it can leave out what others have added; nothing is committed where it gives no row.

        Raises:
            Fenced: another writer has taken over; nothing was written.
            ItemError: class `storage`, the store did not take the commit.
        """
        if isinstance(rows, pa.Table):
            if not rows.num_rows:
                return
            fresh: Fresh = partial(_same, rows)
        else:
            fresh = rows
        version = self._next()
        self._committed(lambda: self._commit(fresh, version, None))
        self._join_files(version)

    def upsert(self, rows: pa.Table, key: Sequence[str]) -> None:
        """Commit `rows` in place of those with the same `key`, in one atomic step. Raises as `append`."""
        if rows.num_rows:
            predicate, version = match(rows.select(list(key)).to_pylist()), self._next()
            self._committed(lambda: self._commit(partial(_same, rows), version, predicate))
            self._join_files(version)

    def rewrite(self, change: Callable[[pa.Table], pa.Table]) -> None:
        """Commit what `change` makes of all the rows there are, in one atomic step. Raises as `append`.

        `change` is asked again when another writer was quicker, so that nothing that was added meanwhile is lost.
        """
        version = self._next()
        self._committed(lambda: self._commit(lambda: change(self._read(None, None)), version, "true"))

    def delete(self, column: str, values: Iterable[str]) -> None:
        """Delete the rows whose `column` is one of `values`."""
        todo = sorted(set(values))
        for i in range(0, len(todo), VALUES_AT_ONCE):
            some = ", ".join(literal(v) for v in todo[i : i + VALUES_AT_ONCE])
            self._committed(partial(self._delete, f"{column} IN ({some})", self._next()))

    def compact(self) -> None:
        """Make few large files of many small ones; other writers may go on meanwhile."""
        if self.exists():
            self._committed(self._compact)

    def tidy(self, unswept: Unswept | None = None) -> int:
        """Compact and sweep: returns how many files were removed."""
        self.compact()
        return self.sweep(unswept)

    def sweep(self, unswept: Unswept | None = None) -> int:
        """Remove the table's own files that it does not need any more; returns how many.

        Files of others stay, see `operators.store.own_files`. Without those a plain glob is exact afterwards.

        Safe beside writers, also beside writers that sleep or were superseded. The folder is listed first. Then a
        change of the table's description is committed, which conflicts with every commit that was begun before it.
        So a listed file that the table does not name by then will never be part of it.

        Args:
            unswept: since when files that no log names may be this table's; None: they are somebody else's.
        """
        return own_files.remove(self.uri, self.strays(unswept)) if self.exists() else 0

    def lying(self, unswept: Unswept | None = None) -> Lying:
        """Files in the table's folder that its newest version does not name, its log left out; nothing is changed."""
        if own_files.is_link(self.uri):
            return Lying([], [self.uri])
        return own_files.sort(own_files.entries(self.uri), self.uri, self._needed(), unswept, self._run_ids)

    def strays(self, unswept: Unswept | None = None) -> list[str]:
        """Paths of the table's own files that no writer will ever need: what crashes and compactions have left.

        Readers that still work on an older version of the table lose its files when these are removed.
        """
        found = [] if own_files.is_link(self.uri) else own_files.entries(self.uri)
        needed, number = self._needed(), 0

        def mark() -> None:
            nonlocal number
            delta = self._existing()
            number = delta.version() + 1
            delta.alter.set_table_description(f"tidied at {number}", commit_properties=_properties())

        if any(own_files.is_data(entry) and entry.name not in needed for entry in found):
            self._committed(mark)
        return own_files.sort(found, self.uri, self._needed(), unswept, self._run_ids).own

    def _needed(self) -> frozenset[str]:
        return frozenset(map(name_of, self.file_uris()))

    def _run_ids(self) -> frozenset[str]:
        if "run_id" not in self.schema.names:
            return frozenset()
        return frozenset(pc.unique(self.read(["run_id"])["run_id"]).to_pylist())

    def _join_files(self, version: int) -> None:
        """Now and then make few files of many. It is housekeeping: where it fails, the rows are durable anyway."""
        if version % _LOOK_EVERY == 0:
            with suppress(DeltaError, OSError):
                sizes = pa.table(self._existing().get_add_actions(flatten=True))["size_bytes"]
                if pc.sum(pc.less(sizes, _SMALL_BYTES)).as_py() >= _SMALL_FILES:
                    self._compact()

    def _compact(self) -> None:
        self._existing().optimize.compact(
            writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=ROW_GROUP)
        )

    # -- inside ----------------------------------------------------------------------------------------------------

    def _committed(self, action: Callable[[], object]) -> None:
        """Run `action`, again on the newest state where it met another commit; the first thing that it looks at is
        whether this writer was fenced, and whether an earlier try landed and only the answer was lost."""
        until_committed(action, self.uri)

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
        if self._claim is not None and delta.transaction_version(self._claim.name) != self._claim.version:
            raise Fenced(f"another run has taken over {self.uri}")
        return newest == version

    def _commit(self, fresh: Fresh, version: int, predicate: str | None) -> None:
        delta = self._existing()
        rows = fresh()  # before the look at who may write: it may have brought `delta` to a newer version
        if not self._landed(delta, version) and (rows.num_rows or predicate):
            self._write(delta, rows, predicate, self._mine(version))

    def _write(self, delta: DeltaTable, rows: pa.Table, predicate: str | None, properties: CommitProperties) -> None:
        how: dict[str, Any] = {"mode": "overwrite", "predicate": predicate} if predicate else {"mode": "append"}
        if self._differs(delta):  # a table of an earlier or a later version: columns are added, none goes
            how["schema_mode"] = "merge"
        write_deltalake(
            delta,
            rows,
            writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=ROW_GROUP),
            commit_properties=properties,
            **how,
        )

    def _differs(self, delta: DeltaTable) -> bool:
        """Whether the table's columns are not just those of `schema`."""
        there = pa.schema(delta.schema().to_arrow())
        return {f.name: f.type for f in there} != {f.name: f.type for f in self.schema}

    def _delete(self, predicate: str, version: int) -> None:
        delta = self._existing()
        if not self._landed(delta, version):
            delta.delete(predicate, commit_properties=self._mine(version))

    def _mine(self, version: int) -> CommitProperties:
        return _properties(Transaction(self._writer, version))

    def _existing(self) -> DeltaTable:
        """The newest state, of a table that is made if it is not there."""
        delta = self._snapshot()
        if delta is None:
            delta = self._delta = DeltaTable.create(
                table_uri(self.uri), schema=self.schema, mode="ignore", storage_options=storage_options(self.uri)
            )
        return delta


def _same(rows: pa.Table) -> pa.Table:
    return rows


def _properties(*transactions: Transaction) -> CommitProperties:
    return CommitProperties(app_transactions=list(transactions), max_commit_retries=0)
