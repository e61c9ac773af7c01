"""The committer of all tables except `videos`, `segments` and `dataset`; see `operators.store.commit`."""

from __future__ import annotations

import pyarrow as pa

from operators.core.base import Level, Row
from operators.store.commit import Committer, receipt, stopped
from operators.store.content import NOTHING, content_hash
from operators.store.done import Done
from operators.store.table import Claim


class CommitRows(Committer):
    """Commits the rows of one table.

    Rows of segments are appended, once per key. A newer row of a video replaces the older one. A table of the whole
    output has one row.

    Args:
        table: name of the table.
        schema: columns of the table.
        level: level of its rows.
    """

    def __init__(
        self,
        store_uri: str,
        run_id: str,
        host: str,
        *,
        table: str,
        schema: pa.Schema,
        level: Level,
        writer: str = "rows",
        claim: Claim | None = None,
    ) -> None:
        super().__init__(store_uri, run_id, host, writer=writer, claim=claim, tables={table: schema})
        self._name, self._schema, self._level = table, schema, level
        self._table = self.store.table(table)
        self._table.fence()
        self._segments = Done()
        columns = ["key"] if level == "run" else ["video_id", "key"]
        stored = self._table.read(columns).to_pylist() if level != "segment" else []
        self._rows = {row.get("video_id", table): row["key"] for row in stored}

    def commit(self, items: list[Row]) -> list[list[Row]]:
        good = [row for row in items if not row["failure"]]
        for row in good:
            row.update(run_id=self.run_id, table=self._name)
            row["content_hash"] = content_hash(row, self._schema, NOTHING)
        if good:
            if self._level == "segment":
                self._append(good)
            else:
                self._replace(good)
        self._record(row for row in items if row["failure"] and not stopped(row))
        return [[receipt("row", row)] for row in items]

    def _append(self, good: list[Row]) -> None:
        made = {(row["key"], row["segment_index"]): row for row in good}

        table = pa.Table.from_pylist(list(made.values()), schema=self._schema)

        def fresh() -> pa.Table:
            self._segments.add(self._table.news(self._segments.columns, look=False))
            todo = [k for k, at in enumerate(made) if not self._segments.has(*at)]
            return table if len(todo) == len(made) else table.take(pa.array(todo, pa.int64()))

        self._table.append(fresh)
        for at in made:
            self._segments.note(*at)

    def _replace(self, good: list[Row]) -> None:
        at = "video_id" if self._level == "video" else "table"
        fresh = {row[at]: row for row in good if self._rows.get(row[at]) != row["key"]}
        self._table.upsert(pa.Table.from_pylist(list(fresh.values()), schema=self._schema), [at])
        self._rows.update({name: row["key"] for name, row in fresh.items()})
