"""The columns of the list, joined from the tables of an output: one row for each video that any of them contains."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from operators.core import rows
from operators.store.store import Store
from pipeline.output.annotations import VERDICTS

METADATA = "metadata."
"""Prefix of the names of a manifest's columns."""

_KINDS = (pa.types.is_string, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating)
_TEXTS = frozenset({"caption", "metadata", "parts", "timings"})
_LEFT_OUT = frozenset({"content_hash", "host", "source_version", "subtitles_uri", "key"})
_FIRST = ("video_id", "name", "state", "verdict", "flags", "duration_s", "words", "coverage", "integrity")
_MOST_METADATA = 100


def scalar(field: pa.Field) -> bool:
    """Return whether the list can show, compare and sort a column: text, numbers, yes or no."""
    return any(kind(field.type) for kind in _KINDS)


def build(store: Store) -> pa.Table:
    """Build the list: one row for each video of the output, whichever table contains it."""
    kept = {
        table: [f.name for f in schema if scalar(f) and f.name not in _TEXTS | _LEFT_OUT]
        for table, schema in (("videos", rows.VIDEO), ("dataset", rows.LONG_CAPTION))
    }
    videos, scalars = store.videos.read([*kept["videos"], "failure"]), kept["dataset"]
    made, left_out = store.dataset.read(scalars), store.filtered.read(scalars)
    failed = store.failures.read(["video_id", "uri", "segment_index", "class", "message", "time"])
    every = [chunk for table in (videos, made, left_out, failed) for chunk in table["video_id"].chunks]
    ids = pc.unique(pa.chunked_array(every, pa.string()))
    at = {name: pc.index_in(ids, value_set=flat(table["video_id"])) for name, table in
          (("videos", videos), ("made", made), ("left_out", left_out))}  # fmt: skip
    columns: dict[str, Any] = {"video_id": ids}
    for name in scalars[1:]:
        parts = [flat(t[name]).take(at[k]) for k, t in (("made", made), ("left_out", left_out))]
        if name in videos.column_names:
            parts.append(flat(videos[name]).take(at["videos"]))
        columns[name] = pc.coalesce(*parts)
    columns["size_bytes"] = flat(videos["size_bytes"]).take(at["videos"])
    newest = failed.sort_by([("time", "descending")])
    fail_at = pc.index_in(ids, value_set=flat(newest["video_id"]))
    columns["uri"] = pc.coalesce(columns["uri"], flat(newest["uri"]).take(fail_at))
    probing = flat(videos["failure"]).take(at["videos"])
    for name, field in (("failure_class", "class"), ("failure_message", "message")):
        columns[name] = pc.coalesce(flat(newest[field]).take(fail_at), pc.struct_field(probing, field))
    done, out = pc.is_valid(at["made"]), pc.is_valid(at["left_out"])
    columns["state"] = pc.case_when(
        pc.make_struct(done, out, pc.is_valid(columns["failure_class"])), "captioned", "filtered", "failed", "waiting"
    )
    columns["name"] = pc.replace_substring_regex(columns["uri"], r"^.*/([^/])", r"\1")
    columns["flags"] = _flags(columns, done)
    columns["verdict"] = pa.nulls(len(ids), pa.string())
    return pa.table({name: columns[name] for name in dict.fromkeys([*_FIRST, *columns])})


def _flags(columns: dict[str, Any], done: Any) -> Any:
    """Return what needs attention, as words separated by commas; empty if nothing does."""
    tests = {
        "not whole": pc.invert(columns["integrity"]),
        "gaps": pc.less(columns["coverage"], 0.9995),
        "damaged": pc.greater(columns["damaged_packets"], 0),
        "incomplete file": pc.is_valid(columns["incomplete"]),
        "segments missing": pc.less(columns["segments_captioned"], columns["segments"]),
        "segments failed": pc.and_(done, pc.is_valid(columns["failure_class"])),
    }
    words = [pc.if_else(pc.and_(done, pc.fill_null(test, False)), f"{word}, ", "") for word, test in tests.items()]
    return pc.utf8_rtrim(pc.binary_join_element_wise(*words, pa.scalar("")), ", ")


def with_verdicts(table: pa.Table, annotations: pa.Table) -> pa.Table:
    """Add the column `verdict`: accept or reject if somebody gave this verdict on the long caption as a whole.

    The verdict may be on an earlier caption, which the page of the video shows; here no hashes are compared.
    """
    undone: set[str] = set()
    newest: dict[str, str] = {}
    events = annotations.select(["annotation_id", "video_id", "kind", "section_index", "undoes", "time"]).sort_by(
        "time"
    )
    for row in reversed(events.to_pylist()):
        if row["annotation_id"] in undone:
            continue
        if row["kind"] == "undo":
            undone.add(row["undoes"])
        elif row["kind"] in VERDICTS and row["section_index"] is None:
            newest.setdefault(row["video_id"], row["kind"])
    at = pc.index_in(table["video_id"], value_set=pa.array(list(newest), pa.string()))
    verdicts = pa.array(list(newest.values()), pa.string()).take(flat(at))
    return table.set_column(table.column_names.index("verdict"), "verdict", verdicts)


def metadata_names(store: Store) -> list[str]:
    """Return the columns of manifests, read from the first rows of the table, such as `metadata.license`."""
    found: dict[str, None] = {}
    for fragment in store.videos.fragments()[:3]:
        for text in fragment.head(200, columns=["metadata"])["metadata"].to_pylist():
            try:
                value = json.loads(text or "{}")
            except ValueError:
                continue
            if isinstance(value, dict):
                found.update(dict.fromkeys(value))
    return [f"{METADATA}{name}" for name in list(found)[:_MOST_METADATA]]


def metadata_value(text: str | None, name: str) -> Any:
    if not text or json.dumps(name, ensure_ascii=False)[1:-1] not in text:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value.get(name) if isinstance(value, dict) else None


def metadata_array(values: list[Any]) -> pa.Array:
    known = [v for v in values if v is not None]
    if known and all(isinstance(v, int | float) and not isinstance(v, bool) for v in known):
        with contextlib.suppress(OverflowError):  # an integer above 1.8e308 stays text
            return pa.array([None if v is None else float(v) for v in values], pa.float64())
    return pa.array([None if v is None else str(v) for v in values], pa.string())


def flat(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
