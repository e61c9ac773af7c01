"""The selection of an export: the videos that fulfil a condition and that nobody rejected, each with its split."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.core.keys import plain_key
from operators.core.text import nearest
from operators.store.reader import TableReader
from pipeline.export import splits
from pipeline.export.duplicates import Clusters
from pipeline.export.where import Where, field_of, parse, path_of
from pipeline.output.annotations import Annotations, standing, verdict_of
from pipeline.output.output import Output
from pipeline.terminal.errors import UsageError

Annotated = Literal["apply", "accepted", "ignore"]
_FACTS_AT_ONCE = 64  # videos


@dataclass(frozen=True)
class Chosen:
    """A video that is exported.

    Attributes:
        stamp: a hash that changes whenever its rows in the export may.
        source: a hash that changes whenever the bytes of the video may have.
    """

    video_id: str
    split: str
    stamp: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Options that select videos.

    Attributes:
        where: a condition on columns; see `pipeline.export.where`.
        shares: split -> share of the videos.
        group: a column, such as "metadata.channel"; videos with the same value are in the same split.
        annotations: "apply" corrections and leave out rejected texts; "accepted": export only accepted ones; "ignore".
        seed: seed of the assignment to splits.
        beside: a further table whose rows also go into the export; "": none.
        tables: further tables by name.
    """

    where: str | None = None
    shares: Mapping[str, float]
    group: str | None = None
    annotations: Annotated = "apply"
    seed: int = 0
    beside: str = ""
    tables: Mapping[str, TableReader] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """The selected videos, and how many were not selected, by reason."""

    chosen: list[Chosen]
    left_out: dict[str, int]


def select(output: Output, asked: Selection, earlier: Mapping[str, str]) -> Found:
    """Select videos, in the order in which the dataset stores them.

    Args:
        earlier: video_id -> split of an earlier export to the same folder.

    Raises:
        UsageError: the condition or the group refers to a column that does not exist.
    """
    others = {
        name: table.schema.names
        for name, table in asked.tables.items()
        if "video_id" in table.schema.names and "segment_index" not in table.schema.names
    }
    schema = output.store.dataset.schema
    where = None if asked.where is None else parse(asked.where, schema, others)
    group = None if asked.group is None else _group(asked.group, schema, others)
    acts = {} if asked.annotations == "ignore" else histories(output)
    beside = _beside(output, asked)
    chosen: list[tuple[Row, str]] = []
    left_out = {"where": 0, "rejected": 0, "not accepted": 0}
    for row in _rows(output, asked.tables, where, group):
        kept = [a for a in standing(acts.get(row["video_id"], []), row["content_hash"]) if a["kind"] != "note"]
        verdict = verdict_of(kept)
        if where is not None and not where.holds(row):
            left_out["where"] += 1
        elif verdict == "reject":
            left_out["rejected"] += 1
        elif asked.annotations == "accepted" and verdict != "accept":
            left_out["not accepted"] += 1
        else:
            stamp = digest([plain_key(row["key"]), row["content_hash"], [a["annotation_id"] for a in kept]])
            if asked.beside:
                stamp = digest([stamp, beside.get(row["video_id"])])
            value = None if group is None else _text(group, row)
            chosen.append(({**row, "stamp": stamp}, "" if value is None else value))
    groups = {row["video_id"]: row["video_id"] for row, _ in chosen}
    if len(asked.shares) > 1:
        groups = _joined(clusters(output, list(groups)), {row["video_id"]: value for row, value in chosen})
    split = splits.assign(groups, asked.shares, earlier, asked.seed)
    found = [Chosen(r["video_id"], split[r["video_id"]], r["stamp"], str(r["source_version"])) for r, _ in chosen]
    return Found(found, {why: count for why, count in left_out.items() if count})


def _beside(output: Output, asked: Selection) -> dict[str, list[str]]:
    """video_id -> hashes that change whenever its rows in the further table do."""
    if not asked.beside:
        return {}
    name, known = asked.beside, {n: t for n, t in asked.tables.items() if "video_id" in t.schema.names}
    if name not in known:
        listed = ", ".join(known) or "none"
        raise UsageError(
            f"{output.uri} has no table {name!r} of videos{nearest(name, known)} Known: {listed}; tables of another "
            "output that was made from it are named with --tables"
        )
    found: dict[str, list[str]] = {}
    for batch in known[name].batches(["video_id", "key", "content_hash"]):
        for row in batch.to_pylist():
            found.setdefault(row["video_id"], []).append(f"{plain_key(row['key'])} {row['content_hash']}")
    return {video_id: sorted(some) for video_id, some in found.items()}


def histories(output: Output) -> dict[str, list[Row]]:
    """video_id -> its annotations."""
    found: dict[str, list[Row]] = {}
    for row in Annotations(output.store).all().to_pylist():
        found.setdefault(row["video_id"], []).append(row)
    return found


_DUPLICATES = "duplicate_groups"


def clusters(output: Output, video_ids: list[str]) -> dict[str, str]:
    """video_id -> the smallest id among the videos that share frames with it; see `pipeline.export.duplicates`."""
    found = Clusters()
    for start in range(0, len(video_ids), _FACTS_AT_ONCE):
        some = video_ids[start : start + _FACTS_AT_ONCE]
        columns = ["video_id", "start_s", "end_s", "facts", "run_id", "key"]
        table = output.store.segments.lookup("video_id", *some, columns=columns)
        hashes: dict[str, list[str]] = {video_id: [] for video_id in some}
        for segment in sorted(table.to_pylist(), key=lambda s: (s["video_id"], s["start_s"])):
            hashes[segment["video_id"]] += hashes_of(segment)
        for video_id in some:
            found.add(video_id, hashes[video_id])
    groups = found.groups()
    for name in output.store.derived:  # duplicates that the step `near_duplicates` found by vectors
        table = output.store.table(name)
        if _DUPLICATES in table.schema.names:
            known = [g for row in table.read([_DUPLICATES]).to_pylist() for g in row[_DUPLICATES] or ()]
            values = {g["video_id"]: g["group"] for g in known}
            groups = _joined(groups, {video_id: values.get(video_id, "") for video_id in groups})
    return groups


def hashes_of(segment: Row) -> list[str]:
    """Return the perceptual hashes of a segment's own span, as `Facts.of` does, without reading the other facts."""
    found = json.loads(segment["facts"] or "{}").get("prints") or ()
    return [p["bits"] for p in found if segment["start_s"] <= p["time_s"] < segment["end_s"]]


def _joined(groups: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Merge groups that share a value."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for video_id, group in groups.items():
        if values[video_id]:
            one, other = sorted((root(group), root(f"\x00{values[video_id]}")), reverse=True)
            parent[one] = other  # a name that begins with a zero byte is kept, since no video has it
    return {video_id: root(group) for video_id, group in groups.items()}


def _rows(
    output: Output, further: Mapping[str, TableReader], where: Where | None, group: tuple[str, ...] | None
) -> Iterator[Row]:
    columns = {"video_id", "key", "content_hash", "source_version", *(where.columns if where else ())}
    own = set(output.store.dataset.schema.names)
    columns |= {group[0]} & own if group else set()
    tables = {name: set(some) for name, some in (where.tables.items() if where else ())}
    if group and group[0] not in own:
        tables.setdefault(group[0], set()).add(group[1])
    beside: dict[str, dict[str, Row]] = {}
    for name, some in tables.items():
        read = further[name].read(sorted({"video_id", *some})).to_pylist()
        beside[name] = {row["video_id"]: row for row in read}
    for batch in output.store.dataset.batches(sorted(columns)):
        for row in pa.Table.from_batches([batch]).to_pylist():
            yield {**row, **{name: some.get(row["video_id"]) for name, some in beside.items()}}


def _group(text: str, schema: pa.Schema, tables: Mapping[str, list[str]]) -> tuple[str, ...]:
    import ast

    try:
        path = path_of(ast.parse(text, mode="eval").body)
    except SyntaxError:
        path = None
    if path is None:
        raise UsageError(f"--group {text} is not a column; give one such as metadata.channel")
    parse(f"{text} is None", schema, tables)
    return path


def _text(path: tuple[str, ...], row: Row) -> str | None:
    value = field_of(path, row)
    return None if value is None else str(value)
