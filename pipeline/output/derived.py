"""Check a further table: every wanted row exists or has failed, exists once, and matches its content hash."""

from __future__ import annotations

from collections.abc import Mapping

from operators.core.keys import SUPERSEDED, plain_key
from operators.store.content import NOTHING
from operators.store.store import Store
from pipeline.output.invariants import Verdict, check_hash, read_rows
from pipeline.output.known import ever_wanted


def check_derived(store: Store, name: str, found: Verdict, upstream: Mapping[str, set[int]]) -> None:
    """Check one table, and add problems to `found`.

    Args:
        upstream: result of `pipeline.output.upstream.Upstream.segments` for a table of segments.
    """
    table = store.table(name)
    of_segments = "segment_index" in table.schema.names
    failed = {(row["key"], row["segment_index"]) for row in store.failures.read(["key", "segment_index"]).to_pylist()}
    there: dict[str, set[int | None]] = {}
    videos: set[str] = set()
    every = list(ever_wanted(store, name))
    current = {row["video_id"]: row for row in every}
    keys, earlier = {row["key"]: row for row in current.values()}, {row["key"] for row in every}
    older: dict[str, str] = {}
    for row in read_rows(table, found):
        at = row.get("segment_index")
        what = f"{name}: {row.get('video_id', name)}" + (f" segment {at}" if of_segments else "")
        own = there.setdefault(row["key"], set())
        if at in own or (not of_segments and row.get("video_id", name) in videos):
            found.add("twice", what, f"is twice in {name}")
        own.add(at)
        videos.add(row.get("video_id", name))
        check_hash(row, table.schema, what, found, NOTHING, table.schema)  # the second form is of earlier versions
        if plain_key(row["key"]) in earlier and row["key"] not in keys:
            older[what] = current[row["video_id"]]["key"]
        elif row["key"] not in keys:
            found.add("stray", what, f"no run wanted its key {row['key']}")
    for what, key in older.items():  # a row stays until its successor exists, so that a failure loses nothing
        if there.get(key):
            found.add("stray", what, f"a row with the key {key} has replaced it")
    for key, row in keys.items():
        have = there.get(key, set()) | there.get(f"{key}{SUPERSEDED}", set())  # kept until its successor exists
        own_failures = {index for other, index in failed if other == key} - have
        if own_failures:
            found.rows_failed[name] = found.rows_failed.get(name, 0) + len(own_failures)
        lost = own_failures | upstream.get(row["video_id"], set())
        if len(have | lost) < row["rows"]:
            missing = f"{row['rows'] - len(have | lost)} of {row['rows']} rows are neither in the table nor in failures"
            found.add("missing", f"{name}: {row['video_id']}", missing)
