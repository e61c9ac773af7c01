"""Checks of the tables of an output; each adds its findings to a `Verdict`.

`planned` maps video_id to its row of `pipeline.planning.plan.PLANNED` in the newest plan that contains the video;
`earlier` holds its rows in older plans.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pyarrow as pa

from operators.analysis.facts import Facts, cuts_of
from operators.analysis.filter import Filter, reason_of
from operators.core import rows
from operators.core.base import Row
from operators.core.causes import explained
from operators.core.grid import Grid
from operators.core.keys import SUPERSEDED, is_superseded, plain_key, video_key
from operators.core.spoken import talk_of
from operators.core.windows import WindowRule, Windows
from operators.store.content import content_hash
from operators.store.patience import FAILURES
from operators.store.store import Store, narration_failure_key
from operators.store.table import Table

_BATCH = 256  # rows with texts that are read at a time
_VIDEOS = 32  # videos whose speech is kept in memory
_BEING_MADE = "is being made again: run the same command again to resume"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One problem.

    Attributes:
        kind: missing, twice, unaccounted, windows, unreadable, content, filter, stray, upload, unfinished.
        what: the video, segment or file.
        why: the problem, in one line.
    """

    kind: str
    what: str
    why: str


Earlier: TypeAlias = Mapping[str, Sequence[Row]]


@dataclass(kw_only=True)
class Verdict:
    """The result of a verification.

    Attributes:
        findings: the problems.
        notes: information that is no problem: `mixed`, captions of several configs in one dataset; `kept`, the
                long caption of an earlier config is still used because the newest config failed for the video.
        segments_failed: number of current segments in failures, those of videos in the dataset included.
        rows_failed: name of a further table -> number of its current rows in failures; only tables with such rows.
        configs: value of the column `config` of the dataset -> number of rows; "" for null.
        kept: ids of the videos whose row is of earlier captions: with a note `kept`, or being captioned again.
    """

    videos: int = 0
    captioned: int = 0
    filtered: int = 0
    failed: int = 0
    segments: int = 0
    segments_failed: int = 0
    rows_failed: dict[str, int] = field(default_factory=dict)
    files: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    configs: dict[str, int] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)

    def add(self, kind: str, what: str, why: str) -> None:
        """Add one problem."""
        self.findings.append(Finding(kind=kind, what=what, why=why))

    @property
    def ok(self) -> bool:
        return not self.findings


def check_segments(
    store: Store, planned: dict[str, Row], found: Verdict, earlier: Earlier | None = None
) -> dict[str, set[int]]:
    """Check every captioned segment; return key -> the indices of its segments."""
    there: dict[str, set[int]] = {}
    older = [plan for plans in (earlier or {}).values() for plan in plans]
    current = {plan["key"]: plan for plan in (*older, *planned.values()) if plan["key"]}
    talk = _Talk(store)
    for row in read_rows(store.segments, found):
        what = f"segment {row['segment_index']} of {row['video_id']}"
        if row["segment_index"] in there.setdefault(row["key"], set()):
            found.add("twice", what, f"is twice under key {row['key']}")
        there[row["key"]].add(row["segment_index"])
        found.segments += 1
        check_hash(row, store.segments.schema, what, found, rows.CAPTIONED_SEGMENT)
        plan = current.get(plain_key(row["key"]))
        if plan is None:
            found.add("stray", what, f"no plan has its key {row['key']}")
        elif why := _off_grid(row, plan, talk.of(plan)):
            found.add("windows", what, why)
    return there


class _Talk:
    """The times of spoken lines in videos whose windows follow them; caches the last videos."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, list[tuple[float, float]]] = {}

    def of(self, plan: Row) -> list[tuple[float, float]] | None:
        """Return the lines that the segments of a plan follow; empty if its speech table has no row of the video.

        None: the row that they follow no longer exists, as for an earlier plan or another output.
        """
        name, key = plan.get("speech"), plan.get("speech_key")
        if name is None or key is None:
            return []
        if name not in self._store.derived:
            return None
        if key not in self._known:
            found = self._store.table(name).lookup("key", key, columns=["speech"]).to_pylist()
            if not found:
                return None
            while len(self._known) >= _VIDEOS:
                del self._known[next(iter(self._known))]
            self._known[key] = talk_of(found[0]["speech"])
        return self._known[key]


def _off_grid(row: Row, plan: Row, talk: Sequence[tuple[float, float]] | None = None) -> str | None:
    """Return why a segment is not on the grid, or its windows are not the planned ones.

    Args:
        talk: times of lines in the video, for windows that follow lines; None if they are not known any more.
    """
    grid = Grid(plan["duration_s"], plan["window_s"], plan["stride_s"])
    spans = grid.segments(plan["segment_s"])
    if not 0 <= row["segment_index"] < len(spans):
        return f"the video has {len(spans)} segments"
    rule: WindowRule = plan.get("window_rule") or "grid"
    if rule == "lines" and talk is None:
        return None
    windows = Windows(
        grid=grid,
        rule=rule,
        min_shot_s=plan.get("min_shot_s") or 0.0,
        talk=talk or (),
        line_reach_s=plan.get("line_reach_s") or 0.0,
    )
    span = windows.segment(spans[row["segment_index"]])
    if (row["start_s"], row["end_s"]) != (span.start_s, span.end_s):
        by = "the grid says" if rule == "shots" else windows.by
        return f"is at {row['start_s']:g} s to {row['end_s']:g} s; {by} {span.start_s:g} s to {span.end_s:g} s"
    facts = Facts.parse(row["facts"]) if rule == "shots" and row["facts"] else None
    owned = windows.of(span, cuts_of(facts))
    have, should = [w["window_index"] for w in row["windows"]], [w.index for w in owned]
    if have != should:
        return f"has the windows {have}; it must have {should}"
    for window, own in zip(row["windows"], owned, strict=True):
        is_, lies = (window["start_s"], window["end_s"]), (own.span.start_s, own.span.end_s)
        if is_ != lies:
            return f"window {own.index} is at {is_}; {windows.by} {lies}"
    return None


def check_superseded(
    planned: dict[str, Row], earlier: Earlier, captioned: dict[str, set[int]], present: set[str], found: Verdict
) -> None:
    """Find captions of an earlier plan, or superseded ones, that newer captions have replaced but that are still there.

    Args:
        present: ids of the videos in the tables dataset and filtered.
    """
    for video_id in sorted(present & planned.keys() - set(found.kept)):
        newest = planned[video_id]["key"]
        plans = (*earlier.get(video_id, ()), planned[video_id])
        older = {plan["key"] for plan in plans} - {newest, None}
        older |= {f"{plan['key']}{SUPERSEDED}" for plan in plans}
        for key in sorted(older):
            if captioned.get(newest) and captioned.get(key):
                why = "superseded" if is_superseded(key) else "of an earlier plan"
                found.add("stray", f"segments of {video_id}", f"their key {key} is {why}")


def check_dataset(
    store: Store,
    planned: dict[str, Row],
    captioned: dict[str, set[int]],
    found: Verdict,
    *,
    earlier: Earlier | None = None,
    failed: Collection[str] = (),
) -> set[str]:
    """Check every long caption; return their video ids.

    Args:
        failed: ids of videos with current failures; if the newest plan failed, the row of an earlier plan stays.
    """
    narrated: set[str] = set()
    for row in read_rows(store.dataset, found):
        what = f"long caption of {row['video_id']}"
        if row["video_id"] in narrated:
            found.add("twice", what, "is twice in the dataset")
        narrated.add(row["video_id"])
        config = row["config"] or ""
        found.configs[config] = found.configs.get(config, 0) + 1
        check_hash(row, store.dataset.schema, what, found, rows.LONG_CAPTION)
        if _is_kept(row, planned, earlier or {}, captioned, failed):
            found.kept.append(row["video_id"])
            why = f"was made by run {row['run_id']}, and the run after it failed for this video"
            found.notes.append(Finding(kind="kept", what=what, why=why))
            continue
        plan = planned.get(row["video_id"])
        if plan is None or plan["key"] is None:
            found.add("stray", what, "no plan has this video")
            continue
        if is_superseded(row["key"]):
            found.kept.append(row["video_id"])
            found.add("unfinished", what, _BEING_MADE)
            continue
        have = captioned.get(plan["key"], set())
        if not _tells(row, plan, captioned):
            found.add("content", what, "covers other segments than the table has, or is by another narrator")
        elif misses := Filter.parse(plan.get("filter")).misses(row):
            found.add("filter", what, f"is in the dataset, but the filter of its plan excludes it: {reason_of(misses)}")
        elif (row["segments"], row["segments_captioned"]) != (plan["segment_count"], len(have)):
            found.findings.append(
                Finding(
                    kind="content", what=what, why=f"counts {row['segments_captioned']} of {row['segments']} segments"
                )
            )
    return narrated


def _is_kept(
    row: Row,
    planned: dict[str, Row],
    earlier: Earlier,
    captioned: dict[str, set[int]],
    failed: Collection[str],
) -> bool:
    """Return whether a row is of an earlier plan, or superseded, and stays because the newest plan failed for its
    video."""
    video_id = row["video_id"]
    if video_id not in failed or video_id not in planned or _tells(row, planned[video_id], captioned):
        return False
    again = [planned[video_id]] if is_superseded(row["key"]) else []
    return any(_tells(row, plan, captioned, kept=True) for plan in (*earlier.get(video_id, ()), *again))


def _tells(row: Row, plan: Row, captioned: dict[str, set[int]], *, kept: bool = False) -> bool:
    """Return whether a row matches a plan and covers exactly the existing segments.

    Args:
        kept: the row may be superseded, and covers superseded segments then.
    """
    key = plan["key"]
    if key is None:
        return False
    mark = SUPERSEDED if kept and is_superseded(row["key"]) else ""
    return bool(row["key"] == video_key(key, captioned.get(key + mark, set()), plan["narrator"]) + mark)


def check_filtered(
    store: Store,
    planned: dict[str, Row],
    captioned: dict[str, set[int]],
    narrated: set[str],
    found: Verdict,
    *,
    earlier: Earlier | None = None,
    failed: Collection[str] = (),
) -> set[str]:
    """Check every row of the table filtered; return the video ids."""
    left_out: set[str] = set()
    for row in read_rows(store.filtered, found):
        what = f"filtered video {row['video_id']}"
        if row["video_id"] in left_out or row["video_id"] in narrated:
            where = "twice in filtered" if row["video_id"] in left_out else "in the dataset and in filtered"
            found.add("twice", what, f"stands {where}")
        left_out.add(row["video_id"])
        check_hash(row, store.dataset.schema, what, found, rows.LONG_CAPTION)
        if _is_kept(row, planned, earlier or {}, captioned, failed):
            found.kept.append(row["video_id"])
            continue
        plan = planned.get(row["video_id"])
        if plan is None or plan["key"] is None:
            found.add("stray", what, "no plan has this video")
        elif is_superseded(row["key"]):
            found.kept.append(row["video_id"])
            if row["filtered"] != Filter.parse(plan.get("filter")).misses(row):
                found.add("unfinished", what, _BEING_MADE)
        elif not _tells(row, plan, captioned):
            found.add("content", what, "was measured in other segments than the table has, or for another narrator")
        elif row["filtered"] != Filter.parse(plan.get("filter")).misses(row):
            found.add("filter", what, f"says {reason_of(row['filtered'])}; the filter of its plan says otherwise")
    return left_out


def standing_failures(
    store: Store, planned: dict[str, Row], captioned: dict[str, set[int]], found: Verdict
) -> dict[str, set[int | None]]:
    """Return video_id -> its segments with a current failure, or None for the video as a whole."""
    failed: dict[str, set[int | None]] = {}
    for event in read_rows(store.failures, found):
        plan, index = planned.get(event["video_id"]), event["segment_index"]
        if plan is None:
            continue
        if index is not None:
            stands = event["key"] == plan["key"] and index not in captioned.get(plan["key"], ())
        else:
            stands = plan["key"] is None or event["key"] == narration_failure_key(plan["key"], plan["narrator"])
        if stands:
            failed.setdefault(event["video_id"], set()).add(index)
    return failed


def account(
    plan: Row, have: set[int], failed: set[int | None], found: Verdict, *, narrated: bool, left_out: bool
) -> None:
    """Check that each video is in dataset, filtered or failures, and each segment is captioned, failed or excluded."""
    video_id = plan["video_id"]
    found.videos += 1
    found.captioned += narrated
    found.filtered += left_out
    lost = sorted(i for i in failed if i is not None)
    found.segments_failed += 0 if left_out else len(set(lost) - have)
    if plan["key"] is not None:
        for index in range(plan["segment_count"]):
            if index not in have and index not in failed and not left_out:
                found.findings.append(
                    Finding(
                        kind="unaccounted", what=f"segment {index} of {video_id}", why="has neither row nor failure"
                    )
                )
    if narrated:
        if lost and plan["strict"] and video_id not in found.kept:
            found.add("content", f"long caption of {video_id}", f"segments {lost} of it failed")
        return
    if left_out:
        return
    if failed:
        found.failed += 1
    else:
        found.findings.append(
            Finding(
                kind="missing", what=f"video {video_id}", why=f"{plan['uri']} is in none of dataset, filtered, failures"
            )
        )


def read_rows(table: Table, found: Verdict) -> Iterator[Row]:
    """Yield every row of a table, file by file, so that an unreadable file is named."""
    for fragment in table.fragments():
        found.files += 1
        try:
            for batch in fragment.to_batches(schema=table.schema, batch_size=_BATCH, batch_readahead=1):
                yield from batch.to_pylist()
        except FAILURES as error:
            found.add("unreadable", f"{table.uri}/{fragment.path.rpartition('/')[2]}", explained(error))


def check_hash(row: Row, schema: pa.Schema, what: str, found: Verdict, *always: pa.Schema) -> None:
    """Add a finding for a row whose hash does not match its content; `always`: see `content_hash`; any may match."""
    if row["content_hash"] not in (content_hash(row, schema, some) for some in always):
        found.add("content", what, "its content_hash is not that of its row")
