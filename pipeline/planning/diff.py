"""Compare plan and store: compute the remaining work from keys alone, for millions of segments.

All segments of the plan are elements of one byte array, in which the segments in the store are marked in batches.
60 million segments take 60 MB, regardless of how many are done.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, overload

import numpy as np
import pyarrow as pa

from operators.analysis.filter import reason_of
from operators.core import rows
from operators.core.base import Row
from operators.store.done import share_of
from operators.store.store import MAX_PASSES, Failed, Store
from operators.video.parts import cut_parts
from pipeline.planning.outcomes import DONE, TODO, UNWANTED, LeftOut, Outcomes, Standing, decide
from pipeline.planning.plan import Plan
from pipeline.planning.replacement import Replacement
from pipeline.planning.states import states_of
from pipeline.planning.videos import Floats, Ints, Mask, Videos

_CHUNK = 2**16  # number of rows that are converted to objects at a time


class SegmentRows(Sequence[Row]):
    """A lazy sequence of the segments to caption, as rows of `rows.SEGMENT`, grouped by video.

    Args:
        videos: all planned videos.
        places: indices of these segments among all segments of the plan, ascending.
        tries: index -> the last failure, for segments that were tried.
        warm_up: number of warm-up windows decoded before a segment.
        parents: table -> key of each video's rows there, passed as JSON in the column `parent_keys`.
        without: table -> mask of the segments, among all of the plan, that are made without a row of this table.
    """

    def __init__(
        self,
        videos: Videos,
        places: Ints,
        tries: Mapping[int, Failed],
        warm_up: int,
        *,
        parents: Mapping[str, Sequence[str | None]] = MappingProxyType({}),
        without: Mapping[str, Mask] = MappingProxyType({}),
    ) -> None:
        self._parents = parents
        self._without = without
        self._videos = videos
        self._places = places
        self._tries = tries
        self._warm_up = warm_up
        self._ends = np.cumsum(videos.counts)

    def table(self, start: int = 0, stop: int | None = None) -> pa.Table:
        """Return rows `start` to `stop` as `rows.SEGMENT`, with `parent_keys` if the segments have parents."""
        places = self._places[start:stop]
        of, index = self._where(places)
        videos, cut = self._videos, self._videos.cut
        counts, durations_s = videos.counts[of], videos.durations_s[of]
        start_s, end_s = cut.spans(index, counts, durations_s)
        decode_start_s, decode_end_s = cut.decode_spans(start_s, end_s, durations_s, self._warm_up)
        known = ["video_id", "uri", "access_uri", "source_version", "subtitles_uri", "first_pts_s"]
        facts = videos.facts.select(known).take(pa.array(of))
        tries = [self._tries.get(p) for p in places.tolist()] if self._tries else [None] * len(places)
        columns: dict[str, Any] = {
            "parts": _parts_of(videos.facts, of, decode_start_s, decode_end_s),
            **{name: facts[name] for name in facts.column_names},
            "key": pa.array([videos.keys[i] for i in of.tolist()], pa.string()),
            "segment_index": index.astype(np.int32),
            "segment_count": counts.astype(np.int32),
            "start_s": start_s,
            "end_s": end_s,
            "decode_start_s": decode_start_s,
            "decode_end_s": decode_end_s,
            "duration_s": durations_s,
            "attempts": pa.array([t.attempts if t else 0 for t in tries], pa.int32()),
            "passes": pa.array([t.passes if t else 0 for t in tries], pa.int32()),
        }
        table = pa.table([columns[name] for name in rows.SEGMENT.names], schema=rows.SEGMENT)
        if not self._parents:
            return table
        found: list[dict[str, str | None]] = [{n: keys[i] for n, keys in self._parents.items()} for i in of.tolist()]
        for name, where in self._without.items():
            for k in np.flatnonzero(where[places]).tolist():
                found[k][name] = None
        return table.append_column(rows.PARENT_KEYS, pa.array(map(json.dumps, found), pa.string()))

    @property
    def seconds(self) -> float:
        """Seconds of video in these segments."""
        of, index = self._where(self._places)
        start_s, end_s = self._videos.cut.spans(index, self._videos.counts[of], self._videos.durations_s[of])
        return float((end_s - start_s).sum())

    @property
    def videos(self) -> Videos:
        """The videos of these segments."""
        return self._videos.take(np.unique(self._where(self._places)[0]))

    def shares(self, count: int, stop: int | None = None) -> list[int]:
        """Return how many of the first `stop` segments belong to each of `count` gather actors."""
        of, many = np.unique(self._where(self._places[:stop])[0], return_counts=True)
        ids = self._videos.facts["video_id"].take(pa.array(of)).to_pylist()
        found: Counter[int] = Counter()
        for video_id, n in zip(ids, many.tolist(), strict=True):
            found[share_of(video_id, count)] += n
        return [found[index] for index in range(count)]

    def _where(self, places: Ints) -> tuple[Ints, Ints]:
        """Return the position of each segment's video, and the index of the segment in it."""
        of = np.searchsorted(self._ends, places, side="right")
        return of, places - (self._ends[of] - self._videos.counts[of])

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> SegmentRows: ...
    def __getitem__(self, index: int | slice) -> Row | SegmentRows:
        if isinstance(index, slice):
            places = self._places[index]
            return SegmentRows(
                self._videos, places, self._tries, self._warm_up, parents=self._parents, without=self._without
            )
        index = range(len(self))[index]
        row: Row = self.table(index, index + 1).to_pylist()[0]
        return row

    def __iter__(self) -> Iterator[Row]:
        for start in range(0, len(self), _CHUNK):
            yield from self.table(start, start + _CHUNK).to_pylist()

    def __len__(self) -> int:
        return len(self._places)

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, SegmentRows)
            and np.array_equal(self._places, other._places)
            and {p: t.passes for p, t in self._tries.items()} == {p: t.passes for p, t in other._tries.items()}
        )

    __hash__ = None  # type: ignore[assignment]  # as of any list


def _parts_of(facts: pa.Table, of: Ints, start_s: Floats, end_s: Floats) -> pa.Array:
    """Return the column `parts`: the parts of the source that each segment needs."""
    if facts["parts"].null_count == len(facts):
        return pa.nulls(len(of), pa.string())
    whole = facts["parts"].take(pa.array(of)).to_pylist()
    spans = zip(whole, start_s.tolist(), end_s.tolist(), strict=True)
    return pa.array([cut_parts(*span) for span in spans], pa.string())


class TableCount(NamedTuple):
    """Rows of one of the further tables.

    Attributes:
        planned: rows that the table is to have.
        done: durable rows among them.
        left: rows to make.
        waiting: rows whose parents are not done yet.
        failed: rows that were given up.
        filtered: further rows, which are not made because the filter leaves out their videos.
        removed: videos whose rows the end of the run removes, because the filter leaves out their long captions.
    """

    planned: int
    done: int
    left: int
    waiting: int
    failed: int
    filtered: int = 0
    removed: int = 0


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """The remaining work, and the videos that were given up.

    Attributes:
        segments: segments to caption.
        whole: completely captioned videos that are not narrated yet.
        given_up: video_id -> the reason why a video will not get a row in this run.
        captioned: number of captioned segments of the plan.
        filtered: video_id -> how and why the filter excludes it.
        returning: videos with a long caption that the filter excluded before and includes now.
        unmeasured: column with bounds -> number of videos with a long caption in which it was not measured.
        replaced: captions that a run would replace; None if they were not determined.
        tables: the further tables, by name.
    """

    segments: SegmentRows
    whole: Videos
    given_up: dict[str, str]
    captioned: int
    filtered: dict[str, LeftOut] = field(default_factory=dict)
    returning: set[str] = field(default_factory=set)
    unmeasured: Counter[str] = field(default_factory=Counter)
    replaced: Replacement | None = field(default=None, compare=False)
    tables: Mapping[str, TableCount] = field(default_factory=dict, compare=False)

    @property
    def reasons(self) -> dict[str, str]:
        """video_id -> the reason why the filter excludes it, in one line."""
        return {video_id: reason_of(out.misses) for video_id, out in self.filtered.items()}

    @property
    def nothing(self) -> bool:
        return not self.segments and not self.whole

    @property
    def seconds(self) -> float:
        """Seconds of video in the remaining work."""
        return self.segments.seconds + float(self.whole.durations_s.sum())

    @property
    def undone(self) -> set[str]:
        """Ids of the videos with remaining work."""
        return {*self.segments.videos.ids, *self.whole.ids}


def compare(plan: Plan, store: Store) -> Remaining:
    """Compare plan and store. Reads keys, not texts."""
    videos = plan.videos
    if "segments" not in plan.tables:
        nothing = np.zeros(0, np.int64)
        return Remaining(segments=SegmentRows(videos, nothing, {}, 0), whole=videos[:0], given_up={}, captioned=0)
    failures = store.failed()
    if refused := plan.refused.get("segments"):
        for video_id, key, count in zip(videos.ids, videos.keys, videos.counts.tolist(), strict=True):
            if why := refused.get(video_id):
                failed = Failed("segments", "internal", why, attempts=0, passes=MAX_PASSES)
                failures |= {(key, index): failed for index in range(count)}
    found = states_of(videos, store.segment_keys(), failures, plan.lost)
    state, tries = found.state, found.tries
    rule = plan.config.filter
    state[np.repeat(plan.unwanted, videos.counts) & (state == TODO)] = UNWANTED
    outcomes = Outcomes(
        rule=rule,
        dataset=Standing.of(store.narrated(tuple(rule.limits)), rule),
        out=Standing.of(store.left_out(tuple(rule.limits)), rule),
    )
    decide(plan, outcomes, failures, state)
    return Remaining(
        segments=SegmentRows(
            videos,
            np.flatnonzero(state == TODO),
            tries,
            plan.config.caption.warm_up(),
            parents=plan.parent_keys,
            without=plan.without,
        ),
        whole=videos.take(np.array(outcomes.whole, np.int64)),
        given_up={**{v["video_id"]: v["failure"]["message"] for v in plan.unusable}, **outcomes.given_up},
        captioned=int(np.count_nonzero(state == DONE)),
        filtered=outcomes.filtered,
        returning=outcomes.returning,
        unmeasured=outcomes.unmeasured,
    )
