"""Compare the plan with finished captions of other configs: what a run would replace, and what it cost.

Reads keys, fingerprints and counts, not texts. The column `config` identifies the settings of a row; for rows without
that column, the plans of their runs are used. If no other config made captions, three passes over short columns are
sufficient.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from operators.core.keys import SUPERSEDED, config_of, is_superseded
from operators.store.store import Store
from pipeline.config.tables import captioner, strict
from pipeline.config.tables import narrator as narrator_of
from pipeline.planning.diff import Remaining, compare
from pipeline.planning.origin import differences, settings_of
from pipeline.planning.past import planned_by
from pipeline.planning.plan import Plan
from pipeline.planning.replacement import RUNS_SHOWN, Replacement
from pipeline.planning.videos import Ints, Mask
from pipeline.planning.work import TableWork

_JUDGED = pa.schema(
    [
        pa.field("at", pa.int64()),
        *(pa.field(name, pa.string()) for name in ("video_id", "run_id", "key")),
        *(pa.field(name, pa.bool_()) for name in ("changed", "same_captioner", "same_narrator")),
    ]
)


def find(plan: Plan, store: Store, left: Remaining | None = None, explicit: Collection[str] = ()) -> Replacement:
    """Compare the plan with the captions in the output.

    Args:
        left: result of `compare(plan, store)`. If None, it is computed only if another config made captions, and
                moves between the tables are not counted.
        explicit: ids of videos that the user named to be captioned again, which needs no confirmation.
    """
    if not len(plan.videos):
        return Replacement()
    search = _Search(plan, store)
    standing, segments = search.standing(), search.foreign_segments()
    moved = search.moved_out(left) if left is not None and left.filtered else 0
    back = len(left.returning) if left is not None else 0
    if not (len(standing.at) or segments):
        return Replacement(moved_out=moved, moved_back=back)
    found = search.sort(standing, segments, compare(plan, store) if left is None else left, explicit)
    return replace(found, moved_out=moved, moved_back=back)


def remade(store: Store, tables: Mapping[str, TableWork]) -> dict[str, int]:
    """Return further table -> number of videos that have rows in it only under keys that are not wanted any more.

    Args:
        tables: remaining work of the tables; rows whose key is not known yet are not counted.
    """
    found: dict[str, int] = {}
    for name, work in tables.items():
        table = store.table(name)
        if "video_id" not in table.schema.names or not table.exists():
            continue
        keys: dict[str, set[str]] = {}
        for batch in table.batches(["video_id", "key"]):
            for row in pa.Table.from_batches([batch]).group_by(["video_id", "key"]).aggregate([]).to_pylist():
                if row["video_id"] in work.keys and not is_superseded(row["key"]):
                    keys.setdefault(row["video_id"], set()).add(row["key"])
        count = sum(work.keys[video_id] not in some for video_id, some in keys.items())
        found |= {name: count} if count else {}
    return found


@dataclass(frozen=True, kw_only=True)
class _Standing:
    """Columns of the long captions of planned videos that another config made or whose source has changed.

    Attributes:
        at: position of the video in the plan.
        run_id: the run that made it.
        key: key of the row.
        changed: whether the version of the source has changed.
        same_captioner, same_narrator: whether the config of the plan has the same one.
    """

    at: Ints
    run_id: list[str]
    key: list[str]
    changed: Mask
    same_captioner: Mask
    same_narrator: Mask


class _Search:
    def __init__(self, plan: Plan, store: Store) -> None:
        self._plan, self._store = plan, store
        self._ids = plan.videos.facts["video_id"].combine_chunks()
        self._versions = plan.videos.facts["source_version"].combine_chunks()
        self._keys = pa.array(plan.videos.keys, pa.string())
        self._narrator = narrator_of(plan.config)
        self._captioner = captioner(plan.config)
        self._strict = strict(plan.config)

    def standing(self) -> _Standing:
        """Return the long captions that may be of another config; if `strict`, of all planned videos."""
        parts = [self._judged(rows) for rows in self._rows(("key", "source_version", "config", "run_id"))]
        rows = pa.concat_tables([_JUDGED.empty_table(), *parts])
        unknown = pc.is_null(rows["same_captioner"])
        if pc.any(unknown).as_py():
            rows = pa.concat_tables([rows.filter(pc.invert(unknown)), self._odd(self._by_plans(rows.filter(unknown)))])
        return _Standing(
            at=rows["at"].to_numpy(),
            run_id=rows["run_id"].to_pylist(),
            key=rows["key"].to_pylist(),
            **{n: rows[n].to_numpy() for n in ("changed", "same_captioner", "same_narrator")},
        )

    def foreign_segments(self) -> bool:
        """Return whether any segment of the output was captioned by another or an unknown config."""
        own = {self._captioner}
        return any(set(pc.unique(b["config"]).to_pylist()) - own for b in self._store.segments.batches(["config"]))

    def moved_out(self, left: Remaining) -> int:
        """Return the number of long captions in the dataset that the filter excludes now."""
        count = 0
        wanted = pa.array(list(left.filtered), pa.string())
        for batch in self._store.dataset.batches(["video_id", "key"]):
            some = batch.filter(pc.is_in(batch["video_id"], wanted))
            for video_id, key in zip(some["video_id"].to_pylist(), some["key"].to_pylist(), strict=True):
                count += left.filtered[video_id].key == key
        return count

    def sort(self, standing: _Standing, segments: bool, left: Remaining, explicit: Collection[str]) -> Replacement:
        """Classify the found captions by what the run does with them."""
        undone, named = self._mask(left.undone), self._mask(explicit)
        kept_source = ~standing.changed & ~named[standing.at]
        remade = undone[standing.at] & kept_source
        other = ~(standing.same_captioner & standing.same_narrator)
        out = np.array(
            [k != left.filtered[v].key if v in left.filtered else False for v, k in self._named(standing)], bool
        )
        refused = self._mask(left.given_up)[standing.at] & ~other & self._strict
        removed = standing.at[kept_source & ~remade & ((other & out) | refused)]
        lacking = ~self._mask(left.whole.ids)  # the others have all segments of this config, of an earlier run
        lost = remade & ~standing.same_captioner  # their segments of another config are removed
        captioned = standing.at[lost & lacking[standing.at]]
        narrated = standing.at[remade & other & ~(lost & lacking[standing.at])]
        updated = standing.at[undone[standing.at] & standing.changed]
        runs = dict(zip(standing.at.tolist(), standing.run_id, strict=True))
        stale = self._stale(undone & ~named & ~self._at(updated)) if segments else _Stale()
        partial = np.setdiff1d(np.array([*stale.runs], np.int64), standing.at)
        asked = np.unique(np.concatenate([captioned, narrated, partial, removed]))
        tokens, cost_usd, windows = self._spent(asked, standing.at[lost])
        counted = Counter(runs.get(at) or stale.runs[at] for at in asked.tolist())
        makers = dict(counted.most_common())
        return Replacement(
            captioned=self._ids_at(np.unique(captioned)),
            narrated=self._ids_at(np.setdiff1d(narrated, captioned)),
            partial=self._ids_at(np.unique(partial)),
            removed=self._ids_at(np.unique(removed)),
            updated=self._ids_at(np.unique(updated)),
            hours=float(self._plan.videos.durations_s[asked].sum()) / 3600,
            segments=stale.segments,
            windows=windows,
            tokens=stale.tokens + tokens,
            cost_usd=stale.cost_usd + cost_usd,
            runs=makers,
            settings=self._settings(list(makers)[:RUNS_SHOWN]),
        )

    # -- inside ----------------------------------------------------------------------------------------------------

    def _rows(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield columns of the long captions of planned videos, from both tables, and `at`, their positions.

        Those that are being made again, as a run was asked for, are left out.
        """
        for table in (self._store.dataset, self._store.filtered):
            for batch in table.batches(list(dict.fromkeys(["video_id", "words", "key", *columns]))):
                at = pc.index_in(batch["video_id"], value_set=self._ids)
                rows = pa.Table.from_batches([batch]).append_column("at", at.cast(pa.int64()))
                rows = rows.filter(pc.invert(pc.ends_with(rows["key"], SUPERSEDED)))
                yield rows.filter(pc.and_(pc.is_valid(rows["at"]), pc.is_valid(rows["words"])))  # else only measured

    def _judged(self, rows: pa.Table) -> pa.Table:
        """Return rows of `_JUDGED`; values are null if a row has no config."""
        versions = self._versions.take(rows["at"].combine_chunks())
        config = rows["config"]
        mine = config_of(self._captioner, self._narrator)
        captions, narration = mine.split("-")
        columns = {
            "at": rows["at"],
            "video_id": rows["video_id"],
            "run_id": rows["run_id"],
            "key": rows["key"],
            "changed": pc.fill_null(pc.not_equal(rows["source_version"], versions), True),
            "same_captioner": pc.starts_with(config, f"{captions}-"),
            "same_narrator": pc.ends_with(config, f"-{narration}"),
        }
        return self._odd(pa.table(columns, schema=_JUDGED))

    def _odd(self, rows: pa.Table) -> pa.Table:
        """Return rows of another or an unknown config, and those whose source has changed; all rows if `strict`."""
        if self._strict:
            return rows
        same = pc.fill_null(pc.and_(rows["same_captioner"], rows["same_narrator"]), False)
        return rows.filter(pc.or_(rows["changed"], pc.invert(same)))

    def _by_plans(self, rows: pa.Table) -> pa.Table:
        """Return the same for rows without the column `config`, by the plans of the runs that made them."""
        parts = []
        for run_id in pc.unique(rows["run_id"]).to_pylist():
            some = rows.filter(pc.equal(rows["run_id"], run_id))
            planned = planned_by(self._store, run_id)
            was = planned.take(pc.index_in(some["video_id"], value_set=planned["video_id"]).combine_chunks())
            same = {
                "same_captioner": pc.equal(was["key"], self._keys.take(some["at"].combine_chunks())),
                "same_narrator": pc.equal(was["narrator"], self._narrator),
            }
            columns = {n: pc.fill_null(same[n], False) if n in same else some[n] for n in _JUDGED.names}
            parts.append(pa.table(columns, schema=_JUDGED))
        return pa.concat_tables(parts)

    def _stale(self, mask: Mask) -> _Stale:
        """Return the segments of these videos under keys that are not in the plan, made with other settings."""
        found = _Stale()
        for batch in self._store.segments.batches(["video_id", "key", "config", "run_id", "usage"]):
            at = pc.fill_null(pc.index_in(batch["video_id"], value_set=self._ids), -1).to_numpy().astype(np.int64)
            other = pc.invert(pc.fill_null(pc.equal(batch["config"], self._captioner), False))
            outdated = pc.not_equal(batch["key"], self._keys.take(pa.array(np.maximum(at, 0))))
            outdated = pc.and_(outdated, pc.invert(pc.ends_with(batch["key"], SUPERSEDED)))
            wanted = (at >= 0) & mask[at] & pc.and_(other, outdated).to_numpy(zero_copy_only=False)
            some = batch.filter(pa.array(wanted))
            found.segments += some.num_rows
            found.runs.update(zip(at[wanted].tolist(), some["run_id"].to_pylist(), strict=True))
            tokens, cost_usd = _usage(some["usage"])
            found.tokens, found.cost_usd = found.tokens + tokens, found.cost_usd + cost_usd
        return found

    def _spent(self, asked: Ints, lost: Ints) -> tuple[int, float, int]:
        """Return tokens and US dollars of the long captions at positions `asked`, and the windows at `lost`."""
        tokens, cost_usd, windows = 0, 0.0, 0
        for rows in self._rows(("usage", "windows_captioned")) if len(asked) else ():
            some = rows.filter(pc.is_in(rows["at"], pa.array(asked)))
            spent = _usage(some["usage"])
            tokens, cost_usd = tokens + spent[0], cost_usd + spent[1]
            counted = some.filter(pc.is_in(some["at"], pa.array(lost)))["windows_captioned"]
            windows += pc.sum(counted).as_py() or 0
        return tokens, cost_usd, windows

    def _settings(self, runs: Iterable[str]) -> dict[str, tuple[str, ...]]:
        found = {run_id: settings_of(self._store, run_id) for run_id in runs}
        return {r: tuple(differences(was, self._plan.config)) for r, was in found.items() if was is not None}

    def _mask(self, ids: Collection[str]) -> Mask:
        """Return a mask of the planned videos that have one of these ids."""
        mask: Mask = pc.is_in(self._ids, pa.array(list(ids), pa.string())).to_numpy(zero_copy_only=False)
        return mask

    def _at(self, positions: Ints) -> Mask:
        mask = np.zeros(len(self._ids), bool)
        mask[positions] = True
        return mask

    def _named(self, standing: _Standing) -> Iterator[tuple[str, str]]:
        """Yield video_id and key of each row."""
        return zip(self._ids_at(standing.at), standing.key, strict=True)

    def _ids_at(self, positions: Ints) -> tuple[str, ...]:
        return tuple(self._ids.take(pa.array(positions, pa.int64())).to_pylist())


@dataclass(kw_only=True)
class _Stale:
    """Superseded segments: their number and cost, and position of the video -> the run that made one of them."""

    segments: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    runs: dict[int, str] = field(default_factory=dict)


def _usage(column: Any) -> tuple[int, float]:
    """Return the sums of tokens (read and written) and US dollars of a column of `structs.USAGE`."""
    both = (pc.sum(pc.struct_field(column, name)).as_py() or 0 for name in ("prompt_tokens", "output_tokens"))
    return int(sum(both)), float(pc.sum(pc.struct_field(column, "cost_usd")).as_py() or 0.0)
