"""Record which tables recipes have added to an output, and which rows the last run wanted in each.

OUT/runs/<run_id>/videos.parquet        the plan of `segments` and `dataset`
OUT/runs/<run_id>/tables.json           the other tables: level and parents
OUT/runs/<run_id>/tables/NAME.parquet   key of each video's rows there
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from operators.core import rows
from operators.core.base import Row
from operators.core.uris import local_path
from operators.store.reader import stored_schema
from operators.store.store import Store
from pipeline.config.check import can_do_without
from pipeline.config.table import VIDEOS, TableSpec
from pipeline.planning.plan import Plan
from pipeline.planning.work import TableWork
from pipeline.terminal.errors import UsageError

WANTED = pa.schema(
    [
        pa.field("video_id", pa.string()),
        pa.field("key", pa.string()),
        pa.field("rows", pa.int32()),  # under that key; of a video that the filter leaves out, those that are there
    ]
)


def write(store: Store, run_id: str, plan: Plan, tables: Mapping[str, TableWork] | None = None) -> None:
    """Write the rows that a run wants, as far as they are known."""
    if "segments" in plan.tables and (
        tables is None or plan.parent_keys or plan.beside
    ):  # at the end of a run, write only what has changed
        store.write_table(f"runs/{run_id}/videos.parquet", plan.table())
    if any(not spec.core or spec.further or spec.missing == "fail" for spec in plan.tables.values()):
        said = {
            name: {
                "level": spec.level,
                "from": list(spec.parents),
                **({"columns": [f.name for f in spec.further]} if spec.core and spec.further else {}),
                **({"missing": spec.missing} if spec.missing == "fail" else {}),
                **({"needs": needs} if spec.core and (needs := _needs(plan, spec)) else {}),
            }
            for name, spec in plan.tables.items()
        }
        store.write_file(f"runs/{run_id}/tables.json", json.dumps({"run_id": run_id, "tables": said}).encode())
    counts = dict(zip(plan.videos.ids, plan.videos.counts.tolist(), strict=True))
    for name, work in (tables or {}).items():
        usual = counts if work.spec.level == "segment" else dict.fromkeys(work.keys, 1)
        rows = [
            {"video_id": v, "key": work.keys.get(v), "rows": work.filtered.get(v, usual.get(v))}
            for v in dict.fromkeys((*work.keys, *work.filtered))
        ]
        store.write_table(f"runs/{run_id}/tables/{name}.parquet", pa.Table.from_pylist(rows, schema=WANTED))


def _needs(plan: Plan, spec: TableSpec) -> list[str]:
    """Return the parents without whose rows the steps of a table cannot run."""
    others = (p for p in dict.fromkeys(spec.parents) if p != VIDEOS)
    return [p for p in others if not can_do_without(plan.config, plan.tables, spec, {p})]


def known_tables(uri: str) -> dict[str, pa.Schema]:
    """Return name -> columns of the tables that recipes have added to an output, as stored; `segments` and `dataset`
    are included if recipes have added columns to them."""
    added: dict[str, list[str]] = {}
    for record in Store(uri).run_records("tables.json"):
        for name, said in record.get("tables", {}).items():
            added.setdefault(name, []).extend(said.get("columns", ()))
    found: dict[str, pa.Schema] = {}
    for name, columns in added.items():
        base = rows.CORE.get(name)
        if base is None or columns:
            _refuse_file(f"{uri.rstrip('/')}/{name}")
            with suppress(FileNotFoundError):
                stored = stored_schema(f"{uri.rstrip('/')}/{name}")
                found[name] = stored if base is None else rows.joined(base, (f for f in stored if f.name in columns))
    return found


def grown(uri: str, tables: Mapping[str, pa.Schema]) -> dict[str, pa.Schema]:
    """Return the columns of all tables of a run and an output; `segments` and `dataset` keep added columns."""
    known = known_tables(uri)
    both = {name: rows.joined(tables[name], known[name]) for name in rows.CORE if name in known and name in tables}
    return {**known, **tables, **both}


def opened(uri: str) -> Store:
    """Open an output with all its tables.

    Raises:
        UsageError: a file has the name of one of its tables.
    """
    store = Store(uri, tables=known_tables(uri))
    refuse_files(store)
    return store


def refuse_files(store: Store) -> None:
    """Refuse an output in which a file has the name of a table.

    Raises:
        UsageError: there is one.
    """
    for table in store.tables:
        _refuse_file(table.uri)


def _refuse_file(uri: str) -> None:
    path = local_path(uri)
    if path is not None and Path(path).is_file():
        raise UsageError(
            f"{path} is a file, and Longcap keeps a table in a folder of that name: move the file elsewhere"
        )


class Durable:
    """Tests which rows of the further tables are durable.

    Args:
        keys: table -> keys of the wanted rows.
    """

    def __init__(self, store: Store, keys: Mapping[str, Collection[str]]) -> None:
        self._wanted = {key for some in keys.values() for key in some}
        self._there: set[tuple[str, int | None]] = set()
        for name in keys:
            table = store.table(name)
            columns = [column for column in ("key", "segment_index") if column in table.schema.names]
            for batch in table.batches(columns):
                for row in batch.to_pylist():
                    if row["key"] in self._wanted:
                        self._there.add((row["key"], row.get("segment_index")))

    def knows(self, key: str) -> bool:
        """Return whether a row with this key is wanted in one of the tables."""
        return key in self._wanted

    def has(self, key: str, segment_index: int | None) -> bool:
        """Return whether the row exists."""
        return (key, segment_index) in self._there


def wanted(store: Store, name: str) -> list[Row]:
    """Return rows of `WANTED`: what the newest run wanted in a table or of a video."""
    return list({row["video_id"]: row for row in ever_wanted(store, name)}.values())


def ever_wanted(store: Store, name: str) -> Iterator[Row]:
    """Yield rows of `WANTED` of all runs that made a table, the oldest run first."""
    for record in store.run_records("tables.json"):
        data = store.read_file(f"runs/{record['run_id']}/tables/{name}.parquet")
        if data is not None:
            yield from pq.read_table(io.BytesIO(data)).to_pylist()
