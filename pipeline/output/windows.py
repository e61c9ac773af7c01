"""The window captions of many videos."""

from __future__ import annotations

from collections.abc import Sequence

from operators.core.base import Row
from pipeline.output.current import current_keys
from pipeline.output.output import Output


def window_captions(output: Output, video_ids: Sequence[str]) -> dict[str, list[Row]]:
    """Return video_id -> the valid window captions that its long caption was made from, ordered by time."""
    columns = ["video_id", "segment_index", "key", "run_id", "windows"]
    segments = output.store.segments.lookup("video_id", *video_ids, columns=columns).to_pylist()
    every: dict[str, set[tuple[str, str]]] = {}
    for s in segments:
        every.setdefault(s["video_id"], set()).add((s["run_id"], s["key"]))
    current = current_keys(output.store, every)
    found: dict[str, list[Row]] = {}
    for s in segments:
        if s["key"] == current[s["video_id"]]:
            found.setdefault(s["video_id"], []).extend(w for w in s["windows"] or () if w["valid"])
    return {video_id: sorted(some, key=lambda w: (w["start_s"], w["window_index"])) for video_id, some in found.items()}
