"""Find rows that an output may lack because a table from which they are made permanently lacks its row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from operators.core import rows
from operators.core.base import Row
from operators.store.store import Store
from pipeline.output.known import Durable, wanted

Lost = dict[str, set[int | None]]
"""video_id -> indices of its segments, or None for the video as a whole."""


class Upstream:
    """The rows that later tables lack because of failures in the tables they are made from, by the newest run's recipe.

    Args:
        planned: video_id -> its row of `pipeline.planning.plan.PLANNED`.
    """

    def __init__(self, store: Store, planned: Mapping[str, Row]) -> None:
        self._store = store
        self._planned = planned
        self._tables: Mapping[str, Row] = {}
        for record in store.run_records("tables.json"):
            self._tables = record.get("tables", {})

    def core(self) -> Lost:
        """Return the segments and videos that `segments` and `dataset` may lack."""
        found: Lost = {video_id: set(lost) for video_id, lost in self.segments("segments").items()}
        for name in rows.CORE:
            said = self._tables.get(name, {})
            strict = said.get("missing") == "fail"
            for parent in set(said.get("from" if strict else "needs", ())) & set(self._store.derived):
                if name == "segments" and self._of_segments(parent):
                    continue
                for video_id in self._without(parent, self._planned, every=strict):
                    count = self._planned[video_id]["segment_count"] or 0
                    found.setdefault(video_id, set()).update(range(count) if name == "segments" else [None])
        return found

    def segments(self, name: str) -> dict[str, set[int]]:
        """Return video_id -> the segments that a table may lack, since a parent of level segment has no row of them."""
        found: dict[str, set[int]] = {}
        for parent in self._tables.get(name, {}).get("from", ()):
            if parent != "segments" and not (parent in self._store.derived and self._of_segments(parent)):
                continue
            own, keys = self._rows(name), {video_id: key for video_id, (key, _) in self._rows(parent).items()}
            for video_id, (_, count) in own.items():
                lost = self._failed.get(keys[video_id], set()) if video_id in keys else set(range(count))
                found.setdefault(video_id, set()).update(lost)
            for video_id, lost in self.segments(parent).items():
                found.setdefault(video_id, set()).update(lost)
        return found

    def _rows(self, name: str) -> dict[str, tuple[str, int]]:
        """Return video_id -> (key of its rows in a table of segments, number of wanted rows)."""
        if name == "segments":
            return {v: (row["key"], row["segment_count"]) for v, row in self._planned.items() if row["key"]}
        return {row["video_id"]: (row["key"], row["rows"]) for row in wanted(self._store, name)}

    def _of_segments(self, name: str) -> bool:
        return "segment_index" in self._store.table(name).schema.names

    @cached_property
    def _failed(self) -> dict[str, set[int]]:
        """Return key -> the segments that failed under it."""
        found: dict[str, set[int]] = {}
        for event in self._store.failures.read(["key", "segment_index"]).to_pylist():
            if event["segment_index"] is not None:
                found.setdefault(event["key"], set()).add(event["segment_index"])
        return found

    def _without(self, name: str, videos: Iterable[str], *, every: bool) -> Iterator[str]:
        """Yield those of the videos of which a table lacks a wanted row, or in which no row was planned.

        Args:
            every: whether each row of a video must be there; if not, one is enough.
        """
        enough = all if every else any
        of_segments = self._of_segments(name)
        found = {row["video_id"]: row for row in wanted(self._store, name)}
        durable = Durable(self._store, {name: {row["key"] for row in found.values()}})
        for video_id in videos:
            row = found.get(video_id)
            if row is None or not enough(
                durable.has(row["key"], at) for at in (range(row["rows"]) if of_segments else [None])
            ):
                yield video_id
