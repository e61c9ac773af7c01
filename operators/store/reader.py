"""Read access to a Delta Lake table: consistent snapshots, and only the requested columns and rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import PyFileSystem

from operators.core.storage import storage_options
from operators.core.uris import table_uri
from operators.store.log import Log
from operators.store.patience import patiently

ROW_GROUP = 256  # rows; small, so that looking up one video does not read a whole compacted file
_READ_AHEAD = 4  # files read simultaneously, because reading one from object storage is mostly waiting


class TableReader:
    """A Delta table at `uri`.

    Args:
        uri: a local folder or a prefix on object storage.
        schema: columns and types. Nullable columns and struct fields that are missing in a table of an earlier version
            read as null.
    """

    def __init__(self, uri: str, schema: pa.Schema) -> None:
        self.uri = uri
        self.schema = schema
        self._log = Log(uri)
        self._seen = -1  # version up to which `news` has returned rows
        self._seen_files: set[str] = set()
        self._delta: DeltaTable | None = None
        self._held: dict[tuple[str, str, int], frozenset[str]] = {}  # column, file, row group -> values

    def exists(self) -> bool:
        return patiently(self._snapshot, self.uri) is not None

    def version(self) -> int | None:
        """Version of the newest snapshot; None if there is no table."""

        def look() -> int | None:
            delta = self._snapshot()
            return None if delta is None else int(delta.version())

        found: int | None = patiently(look, self.uri)
        return found

    def read(self, columns: Sequence[str] | None = None, where: Any = None) -> pa.Table:
        """Read rows of the newest snapshot; a missing table has none.

        Args:
            columns: columns to read; others are not fetched.
            where: a `pyarrow.dataset` expression.
        """
        return patiently(lambda: self._read(columns, where), self.uri)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield some columns of the newest snapshot in batches, file by file."""
        wanted = pa.schema([self.schema.field(c) for c in columns])

        def read(fragment: Any) -> pa.Table:
            def action() -> pa.Table:
                return fragment.to_table(schema=wanted, columns=wanted.names)

            return _shaped(patiently(action, self.uri), wanted)

        with ThreadPoolExecutor(_READ_AHEAD, thread_name_prefix="read") as pool:
            waiting: deque[Future[pa.Table]] = deque()
            for fragment in self.fragments():
                waiting.append(pool.submit(read, fragment))
                if len(waiting) > _READ_AHEAD:
                    yield from waiting.popleft().result().to_batches(max_chunksize=2**18)
            while waiting:
                yield from waiting.popleft().result().to_batches(max_chunksize=2**18)

    def select(self, columns: Sequence[str], where: Any) -> pa.Table:
        """Read like `read`, for few rows of columns with long texts: only some row groups are in memory at a time,
        whatever the size of the files."""
        wanted = pa.schema([self.schema.field(c) for c in columns])

        def action() -> pa.Table:
            delta = self._snapshot()
            if delta is None:
                return wanted.empty_table()
            data = delta.to_pyarrow_dataset(schema=self.schema)
            scanner = data.scanner(
                columns=wanted.names,
                filter=where,
                batch_size=ROW_GROUP,
                batch_readahead=_READ_AHEAD,
                fragment_readahead=1,
                cache_metadata=False,
            )
            try:
                return _shaped(pa.Table.from_batches(scanner.to_batches(), wanted), wanted)
            except pa.ArrowNotImplementedError:
                return self._filtered(data, wanted, where)

        return patiently(action, self.uri)

    def where(self, columns: Sequence[str], test: Callable[[pa.Table], Any]) -> Iterator[pa.Table]:
        """Yield whole rows of one snapshot, some at a time, in the order of its files.

        Only row groups that contain such rows are read; of the others only `columns`.

        Args:
            test: returns, for `columns` of some rows, a mask of the rows to yield.
        """
        for fragment in self.fragments():
            mask = test(patiently(partial(self._of, fragment, columns), self.uri))
            at = 0
            for group in fragment.split_by_row_group() if pc.any(mask).as_py() else ():
                own = mask.slice(at, group.row_groups[0].num_rows)
                at += len(own)
                if pc.any(own).as_py():
                    yield patiently(partial(self._of, group, self.schema.names), self.uri).filter(own)

    def _of(self, fragment: Any, columns: Sequence[str]) -> pa.Table:
        wanted = pa.schema([self.schema.field(c) for c in columns])
        return _shaped(fragment.to_table(schema=self.schema, columns=wanted.names), wanted)

    def news(self, columns: Sequence[str], *, look: bool = True) -> pa.Table:
        """Rows of the files that have joined the table since the last call; at the first call all rows.

        A row may come again, when its file was joined with others; none that stands in the table is left out.

        Args:
            look: for newer versions first; without it, up to the version that was looked at last.
        """
        return patiently(lambda: self._news(columns, look), self.uri)

    def _news(self, columns: Sequence[str], look: bool) -> pa.Table:
        wanted = pa.schema([self.schema.field(c) for c in columns])
        delta = self._snapshot() if look else self._delta
        if delta is None or delta.version() == self._seen:
            return wanted.empty_table()
        commits = self._log.since(self._seen, delta.version()) if self._seen >= 0 else None
        if commits is None or any(commit.removes for commit in commits):
            fragments = {f.path: f for f in delta.to_pyarrow_dataset().get_fragments()}
            files, new = set(fragments), [f for path, f in fragments.items() if path not in self._seen_files]
        else:
            added = {path: size for commit in commits for path, size in commit.added.items()}
            files, new = self._seen_files.union(added), _fragments(delta, added)
        with ThreadPoolExecutor(_READ_AHEAD, thread_name_prefix="news") as pool:
            fresh = list(pool.map(lambda f: f.to_table(schema=wanted, columns=wanted.names), new))
        self._seen, self._seen_files = delta.version(), files
        return pa.concat_tables([wanted.empty_table(), *(_shaped(t, wanted) for t in fresh)])

    def lookup(self, column: str, *values: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows whose `column` is one of `values`, read only from the row groups that contain one.

        Files never change, so the values in each row group are read once and cached: looking up all videos of a table
        one by one reads each byte about once.

        Args:
            columns: columns to read; None for all.
        """
        return patiently(lambda: self._lookup(column, frozenset(values), columns), self.uri)

    def _read(self, columns: Sequence[str] | None, where: Any) -> pa.Table:
        wanted = pa.schema([self.schema.field(c) for c in columns]) if columns is not None else self.schema
        delta = self._snapshot()
        if delta is None:
            return wanted.empty_table()
        data = delta.to_pyarrow_dataset(schema=self.schema)
        try:
            return _shaped(data.to_table(columns=wanted.names, filter=where), wanted)
        except pa.ArrowNotImplementedError:
            if where is None:
                raise
            return self._filtered(data, wanted, where)

    def _filtered(self, data: Any, wanted: pa.Schema, where: Any) -> pa.Table:
        """Filter in memory, one row group at a time.

        For tables that hold the type `string_view`, by which Arrow cannot filter while it reads. `DeltaTable.delete`
        and `update` write it, which earlier versions used and other programs may use.
        """
        pieces = [wanted.empty_table()]
        for fragment in data.get_fragments():
            for group in fragment.split_by_row_group():
                pieces.append(self._of(group, self.schema.names).filter(where).select(wanted.names))
        return pa.concat_tables(pieces)

    def _lookup(self, column: str, values: frozenset[str], columns: Sequence[str] | None) -> pa.Table:
        wanted = pa.schema([self.schema.field(c) for c in columns]) if columns is not None else self.schema
        delta = self._snapshot()
        where = pc.field(column).isin(sorted(values))
        pieces = []
        for fragment in delta.to_pyarrow_dataset().get_fragments() if delta is not None else ():
            groups = fragment.split_by_row_group()
            if groups and (column, fragment.path, groups[0].row_groups[0].id) not in self._held:
                self._hold(column, fragment, groups)
            for group in groups:
                if not values.isdisjoint(self._held[column, group.path, group.row_groups[0].id]):
                    found = self._of(group, list(dict.fromkeys([*wanted.names, column])))
                    pieces.append(found.filter(where).select(wanted.names))
        return pa.concat_tables([wanted.empty_table(), *pieces])

    def _hold(self, column: str, fragment: Any, groups: Sequence[Any]) -> None:
        """Cache the values of a column in each row group of a file, which is read in one pass."""
        held = fragment.to_table(columns=[column])[column]
        at = 0
        for group in groups:
            count = group.row_groups[0].num_rows
            self._held[column, group.path, group.row_groups[0].id] = frozenset(held[at : at + count].to_pylist())
            at += count

    def fragments(self) -> list[Any]:
        """The files of the newest snapshot as `pyarrow.dataset` fragments, to be read one by one."""

        def look() -> list[Any]:
            delta = self._snapshot()
            return list(delta.to_pyarrow_dataset().get_fragments()) if delta is not None else []

        found: list[Any] = patiently(look, self.uri)
        return found

    def file_uris(self) -> list[str]:
        """The parquet files that make up the newest snapshot, named as this table is: not percent-encoded."""

        def look() -> list[str]:
            delta = self._snapshot()
            return [f"{self.uri}/{name_of(uri)}" for uri in delta.file_uris()] if delta is not None else []

        found: list[str] = patiently(look, self.uri)
        return found

    def _snapshot(self) -> DeltaTable | None:
        """The newest state of the table; None where there is none."""
        try:
            if self._delta is None:
                self._delta = DeltaTable(table_uri(self.uri), storage_options=storage_options(self.uri))
            else:
                self._delta.update_incremental()
        except TableNotFoundError:
            return None
        return self._delta


def _fragments(delta: DeltaTable, sizes: dict[str, int]) -> list[Any]:
    """Some files of a table, path -> bytes, as `pyarrow.dataset` fragments: a dataset of all of them takes longer the
    more there are."""
    files = PyFileSystem(DeltaStorageHandler.from_table(delta._table, delta._storage_options, sizes))
    return [ds.ParquetFileFormat().make_fragment(path, filesystem=files) for path in sizes]


def stored_schema(uri: str) -> pa.Schema:
    """The columns of a table as they are stored.

    Raises:
        FileNotFoundError: there is no table.
    """

    def look() -> pa.Schema | None:  # an error that says so would be taken for one of storage's, and tried again
        try:
            delta = DeltaTable(table_uri(uri), storage_options=storage_options(uri))
        except TableNotFoundError:
            return None
        return pa.schema(delta.schema().to_arrow())

    found: pa.Schema | None = patiently(look, uri)
    if found is None:
        raise FileNotFoundError(f"{uri} is no table")
    return found


def _shaped(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = (table.column(f.name) for f in schema)
    typed = [c if c.type == f.type else c.cast(f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(typed, schema=schema)


def name_of(path: str) -> str:
    return path.rsplit("/", 1)[-1]
