"""One Delta Lake table: read what you need, append once, replace atomically, keep tidy.

Readers are exact at every moment. Every commit of rows is a compare-and-swap: it lands on exactly the version of the
table that it looked at (no rebasing), so whatever is checked on that version holds where it lands. Three things are:

- the writer's epoch. A writer takes its name over with `fence()`; from then on an older writer of that name fails
  (application transactions, whose version only grows: Delta protocol, action `txn`);
- the claim. A run claims the store for its share of it; writers of an older run of it fail, whatever their name;
- the rows. `append` may be given a function that leaves out what others have added meanwhile.

So correctness needs no lock, no lease and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import DeltaError

from operators.core.keys import SUPERSEDED
from operators.core.storage import storage_options
from operators.core.uris import table_uri
from operators.store import own_files
from operators.store.landing import DataFile, land, written_as
from operators.store.own_files import Lying, Unswept
from operators.store.patience import Pace, until_committed
from operators.store.predicates import among, batched, match
from operators.store.reader import TableReader, name_of

_SUPERSEDED_AT_ONCE = 100  # values in one commit, whose rows are in memory
_REBASES = 3  # of a commit without rows, before the table is looked at anew
_LOOKS = 4  # at the table in one try: each is at what came during the one before, so that the last one is short
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
        self._transactions: dict[str, tuple[int, int]] = {}  # name -> version of the table, and where it stands there
        self._pace = Pace()

    # -- writing -------------------------------------------------------------------------------------------------

    def fence(self) -> None:
        """Take the table over: create it if need be, and make every earlier writer's next commit fail."""

        def take() -> None:
            delta = self._existing()
            version = (self._stands(delta, self._writer) // _EPOCH + 1) * _EPOCH
            # rests on nothing but this name, which delta-rs compares with the commits that it is put behind
            self._note(delta, _properties(Transaction(self._writer, version), rebases=_REBASES))
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
            newest = self._stands(delta, name)
            taken = newest + 1 if version is None else version
            if newest > taken:
                raise Fenced(f"another run has taken over {self.uri}")
            if newest < taken:
                self._note(delta, _properties(Transaction(name, taken)))

        self._committed(take)
        return taken

    def append(self, rows: pa.Table | Fresh) -> None:
        """Commit `rows` in one atomic step; durable on return.

        Args:
            rows: what to add; a function is asked for it on every version of the table that the commit is tried on, so
                that it can leave out what others have added (`news` with `look=False`); nothing is committed where it
                gives no row.

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
        version, file = self._next(), DataFile(self._log)
        self._committed(lambda: self._commit(fresh, version, file=file))
        self._join_files(version)

    def upsert(self, rows: pa.Table, key: Sequence[str]) -> None:
        """Commit `rows` in place of those with the same `key`, in one atomic step. Raises as `append`."""
        if rows.num_rows:
            predicate, version = match(rows.select(list(key)).to_pylist()), self._next()
            self._committed(lambda: self._commit(partial(_same, rows), version, predicate=predicate))
            self._join_files(version)

    def replace(self, rows: pa.Table, column: str, values: Collection[str]) -> None:
        """Commit `rows` in place of those whose `column` is one of `values`, in one atomic step. Raises as `append`.

        Args:
            values: at most some thousands. Rows with the same values as `rows` are replaced, too.
        """
        if rows.num_rows:
            some = {*values, *rows[column].to_pylist()}  # the new rows must fulfil the predicate
            predicate, version = match([{column: value} for value in some]), self._next()
            self._committed(lambda: self._commit(partial(_same, rows), version, predicate=predicate))
            self._join_files(version)

    def rewrite(self, change: Callable[[pa.Table], pa.Table]) -> None:
        """Commit what `change` makes of all the rows there are, in one atomic step. Raises as `append`.

        `change` is asked again when another writer was quicker, so that nothing that was added meanwhile is lost.
        """
        version = self._next()
        self._committed(lambda: self._commit(lambda: change(self._read(None, None)), version, predicate="true"))

    # `DeltaTable.delete` and `update` would write the type `string_view`, by which Arrow cannot filter, and which many
    # readers of Parquet files do not know.

    def delete(self, column: str, values: Iterable[str]) -> None:
        """Delete the rows whose `column` is one of `values`."""
        for some in batched(values):
            nothing, version = partial(_same, self.schema.empty_table()), self._next()
            self._committed(partial(self._commit, nothing, version, predicate=among(column, some)))

    def supersede(self, column: str, values: Iterable[str]) -> None:
        """Mark the keys of the rows whose `column` is one of `values`; see `operators.core.keys.SUPERSEDED`."""
        for some in batched(values, _SUPERSEDED_AT_ONCE):
            marked, version = partial(self._superseded, column, some), self._next()
            self._committed(partial(self._commit, marked, version, predicate=among(column, some)))

    def _superseded(self, column: str, values: Collection[str]) -> pa.Table:
        """The rows of the newest snapshot whose `column` is one of `values`, with marked keys."""
        wanted = pa.array(sorted(values), pa.string())
        found = list(self.where([column], lambda rows: pc.is_in(rows[column], value_set=wanted)))
        rows = pa.concat_tables([self.schema.empty_table(), *found])
        keys = pc.binary_join_element_wise(rows["key"], SUPERSEDED, "")
        return rows.set_column(rows.schema.get_field_index("key"), rows.schema.field("key"), keys)

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
        self._existing().optimize.compact(writer_properties=written_as())

    # -- inside ----------------------------------------------------------------------------------------------------

    def _committed(self, action: Callable[[], object]) -> None:
        """Run `action`, again on the newest state where it met another commit; the first thing that it looks at is
        whether this writer was fenced, and whether an earlier try landed and only the answer was lost."""
        until_committed(action, self.uri, self._pace)

    def _next(self) -> int:
        """A version for one commit and its retries: that of a commit whose fate is unknown is never used again."""
        if self._version is None:
            raise RuntimeError(f"table {self.uri}: fence() comes before the first write")
        self._version += 1
        return self._version

    def _stands(self, delta: DeltaTable, name: str) -> int:
        """Where the transaction `name` stands in the version that `delta` holds; 0: nowhere yet."""
        at, value = self._transactions.get(name, (-1, 0))
        commits = self._log.since(at, delta.version()) if at >= 0 else None
        if commits is None:
            value = delta.transaction_version(name) or 0
        for commit in commits or ():
            value = commit.transactions.get(name, value)
        self._transactions[name] = delta.version(), value
        return value

    def _landed(self, delta: DeltaTable, version: int) -> bool:
        """True if an earlier try of this commit did land and only its answer was lost."""
        newest = self._stands(delta, self._writer)
        if newest // _EPOCH != version // _EPOCH:
            raise Fenced(f"another writer has taken over {self.uri}")
        if self._claim is not None and self._stands(delta, self._claim.name) != self._claim.version:
            raise Fenced(f"another run has taken over {self.uri}")
        return newest == version

    def _commit(
        self, fresh: Fresh, version: int, *, file: DataFile | None = None, predicate: str | None = None
    ) -> None:
        looked = -1
        for _ in range(_LOOKS):
            delta = self._existing()
            if delta.version() == looked:  # nothing came while what had come was read and the file was written
                break
            rows = fresh()  # before the look at who may write: it may have brought `delta` to a newer version
            if self._landed(delta, version) or not (rows.num_rows or predicate):
                return
            grow = self._differs(delta)  # a table of an earlier or a later version: columns are added, none goes
            if file is not None and not grow:
                file.holding(rows, delta.version())
            looked = delta.version()
        land(delta, rows, file, self._mine(version), predicate=predicate, grow=grow)

    def _note(self, delta: DeltaTable, properties: CommitProperties) -> None:
        """Commit no rows, and the columns that the table lacks."""
        land(delta, self.schema.empty_table(), None, properties, grow=self._differs(delta))

    def _differs(self, delta: DeltaTable) -> bool:
        """Whether the table's columns are not just those of `schema`."""
        there = pa.schema(delta.schema().to_arrow())
        return {f.name: f.type for f in there} != {f.name: f.type for f in self.schema}

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


def _properties(*transactions: Transaction, rebases: int = 0) -> CommitProperties:
    return CommitProperties(app_transactions=list(transactions), max_commit_retries=rebases)
