"""The window captions of many videos."""

from __future__ import annotations

from collections.abc import Sequence

from operators.core.base import Row
from operators.core.keys import current_key
from pipeline.output.output import Output


def window_captions(output: Output, video_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Return video_id -> its valid window captions of the current key, ordered by time."""
    columns = ["video_id", "segment_index", "key", "run_id", "windows"]
    segments = output.store.segments.lookup("video_id", *video_ids, columns=columns).to_pylist()
    known = output.store.dataset.lookup("video_id", *video_ids, columns=["video_id", "key"]).to_pylist()
    narrated = {row["video_id"]: row["key"] for row in known}
    every: dict[str, set[tuple[str, str]]] = {}
    for s in segments:
        every.setdefault(s["video_id"], set()).add((s["run_id"], s["key"]))
    current = {video_id: current_key(some, narrated.get(video_id)) for video_id, some in every.items()}
    found: dict[str, list[Row]] = {}
    for s in segments:
        if s["key"] == current[s["video_id"]]:
            found.setdefault(s["video_id"], []).extend(w for w in s["windows"] or () if w["valid"])
    return {video_id: sorted(some, key=lambda w: (w["start_s"], w["window_index"])) for video_id, some in found.items()}
