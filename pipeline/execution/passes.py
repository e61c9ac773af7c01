"""Tables that share a pass: tables of segments with the same parents in the same order, and equal first steps.

Shared steps, such as decoding, run once per segment, whichever of these tables still need it. Frames are written to the
object store once for each later pool that reads them, and dropped after the last one. Writing them once for all pools
is not possible in Ray Data, where the blocks of a stage have one reader. References to frames would have to be created
by the decoder's actor, which owns them and ends with decoding, before the last pool has read them (Ray 2.56 has removed
`ray.put(_owner=...)`, which set another owner). They would not count for Ray Data's back-pressure and, unlike blocks,
would not be recreated after the loss of a node. There is little to gain: transferring 60 frames, 2.4 MB, takes 1.3 ms
of CPU, and decoding them about 0.9 s.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from operators.core import rows, structs
from operators.core.base import Operator, Row
from operators.core.branch import MISSING, Branch, column_of
from operators.core.fingerprint import link
from operators.core.registry import instance
from operators.store.commit_pass import KEYS
from operators.store.done import share_of
from pipeline.config.table import VIDEOS, TableSpec, column_type
from pipeline.config.tables import pools_in_order, warm_up
from pipeline.config.types import Config

_EXTRA = [pa.field(MISSING, pa.list_(pa.string())), pa.field(KEYS, pa.string())]
_ALWAYS = [rows.COLUMNS[name] for name in ("failure", "host", "timings")]


def passes_of(config: Config, specs: Iterable[TableSpec]) -> list[tuple[TableSpec, ...]]:
    """The tables in the order in which they are made, grouped by pass."""
    found: list[list[TableSpec]] = []
    for spec in specs:
        mates = next((some for some in found if _share(config, some[0], spec)), None)
        if mates is not None:
            mates.append(spec)
        else:
            found.append([spec])
    return [tuple(some) for some in found]


def _share(config: Config, one: TableSpec, other: TableSpec) -> bool:
    return (
        one.level == other.level == "segment"
        and config.caption.chain != "video"
        and _loaded(one) == _loaded(other)
        and warm_up(config, one) == warm_up(config, other)
        and common([one, other]) > 0
    )


def _loaded(spec: TableSpec) -> list[str]:
    """The parents whose rows are loaded, in order: if two have the same column, that of the first is used."""
    return [parent for parent in dict.fromkeys(spec.parents) if parent != VIDEOS]


def common(specs: Sequence[TableSpec]) -> int:
    """Number of first steps that are equal in all tables."""
    count = 0
    for steps in zip(*(spec.steps for spec in specs), strict=False):
        if len({(link(op), op.pool) for op in steps}) > 1:
            break
        count += 1
    return min(count, min(len(spec.steps) for spec in specs) - 1)


def work_of(parts: Mapping[str, pa.Table]) -> pa.Table:
    """Rows of all tables of a pass: `rows.SEGMENT`, the tables that lack it, its keys there.

    There is one row per segment, unless some of the tables are made without a parent's row and others are not: what is
    loaded for a row is the same for all its tables.
    """
    found: dict[tuple[str, int, str | None], Row] = {}
    for table, work in parts.items():
        for row in work.to_pylist():
            at = (row["video_id"], row["segment_index"], row.get(rows.PARENT_KEYS.name))
            own = found.setdefault(at, {**row, MISSING: [], KEYS: {}})
            own[MISSING].append(table)
            own[KEYS][table] = (row["key"], row["passes"], row["attempts"])
    schema = pa.schema([*(next(iter(parts.values())).schema), *_EXTRA])
    order = sorted(found.values(), key=lambda row: (row["video_id"], row["segment_index"]))
    return pa.Table.from_pylist([{**row, KEYS: json.dumps(row[KEYS])} for row in order], schema=schema)


def shares(work: pa.Table, count: int) -> tuple[int, ...]:
    """Number of rows for each of `count` gather actors."""
    found = Counter(share_of(video_id, count) for video_id in work["video_id"].to_pylist())
    return tuple(found[index] for index in range(count))


class Pass:
    """The stages of a pass.

    Args:
        loading: operators before the first step.
        brought: columns that these operators add.
    """

    def __init__(
        self, specs: Sequence[TableSpec], loading: Sequence[Operator], brought: Mapping[str, pa.DataType]
    ) -> None:
        self._specs = specs
        self._shared = common(specs)
        self._brought = dict(brought)
        self._loading = list(loading)

    def stages(self) -> list[tuple[str, list[Operator], pa.Schema]]:
        """Pool, operators and output schema of each stage, in order."""
        shared = self._specs[0].steps[: self._shared]
        operators = [*self._loading, *shared]
        for spec in self._specs:
            operators += [_branch(op, spec.name) for op in spec.steps[self._shared :]]
        found = []
        for pool, group in pools_in_order(operators):
            end = operators.index(group[-1]) + 1
            found.append((pool, group, self._between(operators[:end], operators[end:])))
        return found

    def _between(self, before: Sequence[Operator], after: Sequence[Operator]) -> pa.Schema:
        needed = {c for spec in self._specs for c in spec.schema.names}
        needed |= {c for op in after for c in _plain(op).reads | _plain(op).may_read}
        shared = [op for op in before if not isinstance(op, Branch) and op.name != "load"]
        columns = {f.name: f.type for f in (*rows.SEGMENT, *_EXTRA, *_ALWAYS)}
        columns |= {c: t for c, t in self._brought.items() if c in needed}
        columns |= {c: column_type(op, c) for op in shared for c in sorted(op.writes) if c in needed}
        for spec in self._specs:
            own = [op.op for op in before if isinstance(op, Branch) and op.table == spec.name]
            made = {c: column_type(op, c) for op in own for c in sorted(op.writes) if c in needed}
            fields = [pa.field("failure", structs.FAILURE), *(pa.field(c, t) for c, t in made.items())]
            if own:
                columns[column_of(spec.name)] = pa.struct(fields)
        return pa.schema([pa.field(name, kind) for name, kind in columns.items()])


def _branch(op: Operator, table: str) -> Operator:
    return instance(Branch(op=op, table=table), name=op.name, pool=op.pool)


def _plain(op: Operator) -> Operator:
    return op.op if isinstance(op, Branch) else op
