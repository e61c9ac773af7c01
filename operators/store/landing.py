"""One try of a commit: the file with its rows, and the compare-and-swap that makes it part of the table.

The file is written once and serves every try of its commit, so that a try which meets another writer's commit costs one
small request instead of encoding and sending the rows again.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.transaction import AddAction

from operators.store.log import Log
from operators.store.reader import ROW_GROUP

_LONG = 64  # characters; a column of longer strings is left out of the statistics


class DataFile:
    """The file of one commit's rows in the table of `log`.

    A sweep lists files, then changes the table's description, then removes those listed files that the table does not
    name. A file may therefore be used again only while the description is the one that stood before it was written.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._rows: pa.Table | None = None
        self._action: AddAction | None = None
        self._checked = -1  # version of the table up to which the description has not changed

    def holding(self, rows: pa.Table, version: int) -> AddAction:
        """The action that adds `rows` to the table as it is at `version`; writes them unless that has been done."""
        if self._action is None or self._swept(version) or not self._holds(rows):
            self._action = None
            self._action, self._rows = _written(self._log, rows), rows
        self._checked = version
        return self._action

    def _swept(self, version: int) -> bool:
        commits = self._log.since(self._checked, version)
        return commits is None or any(commit.described for commit in commits)

    def _holds(self, rows: pa.Table) -> bool:
        return rows is self._rows or rows.equals(self._rows)


def land(
    delta: DeltaTable,
    rows: pa.Table,
    file: DataFile | None,
    properties: CommitProperties,
    *,
    predicate: str | None = None,
    grow: bool = False,
) -> None:
    """Commit `rows` on exactly the version that `delta` holds.

    Args:
        file: of this commit's rows; needed where there are rows to append.
        predicate: rows that they replace; None: they are appended.
        grow: columns that the table lacks are added.

    Raises:
        CommitFailedError: another commit was quicker.
    """
    if predicate or grow:
        how: dict[str, Any] = {"mode": "overwrite", "predicate": predicate} if predicate else {"mode": "append"}
        if grow:
            how["schema_mode"] = "merge"
        write_deltalake(delta, rows, writer_properties=written_as(), commit_properties=properties, **how)
        return
    actions = [file.holding(rows, delta.version())] if file is not None and rows.num_rows else []
    delta.create_write_transaction(actions, "append", delta.schema(), commit_properties=properties)  # type: ignore[arg-type]


def written_as() -> WriterProperties:
    """How delta-rs writes data files."""
    return WriterProperties(compression="ZSTD", max_row_group_size=ROW_GROUP)


def _written(log: Log, rows: pa.Table) -> AddAction:
    name = f"part-00000-{uuid4()}-c000.zstd.parquet"  # as delta-rs names its files: see `own_files.DATA_FILE`
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", row_group_size=ROW_GROUP)
    data = sink.getvalue().to_pybytes()
    files, folder = log.place
    files.pipe_file(f"{folder}/{name}", data)
    return AddAction(name, len(data), {}, int(time.time() * 1000), True, json.dumps(_statistics(rows)))


def _statistics(rows: pa.Table) -> dict[str, Any]:
    """What a reader needs to skip the file: how many rows, and least and greatest values of columns of short values."""
    least: dict[str, Any] = {}
    greatest: dict[str, Any] = {}
    for field in rows.schema:
        if pa.types.is_string(field.type) or pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
            found = pc.min_max(rows[field.name]).as_py()
            if all(map(_plain, found.values())):
                least[field.name], greatest[field.name] = found["min"], found["max"]
    nulls = {f.name: rows[f.name].null_count for f in rows.schema if not pa.types.is_nested(f.type)}
    return {"numRecords": rows.num_rows, "minValues": least, "maxValues": greatest, "nullCount": nulls}


def _plain(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONG
    return value is not None and math.isfinite(value)
