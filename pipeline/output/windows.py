"""The window captions of many videos."""

from __future__ import annotations

from collections.abc import Sequence

from operators.core.base import Row
from pipeline.output.output import Output


def window_captions(output: Output, video_ids: Sequence[str]) -> dict[str, list[Row]]:
    """video_id -> its valid window captions, in order of time, those of the newest key."""
    columns = ["video_id", "segment_index", "key", "run_id", "windows"]
    segments = output.store.segments.lookup("video_id", *video_ids, columns=columns).to_pylist()
    newest: dict[str, tuple[str, str]] = {}
    for s in segments:
        newest[s["video_id"]] = max(newest.get(s["video_id"], ("", "")), (str(s["run_id"]), s["key"]))
    found: dict[str, list[Row]] = {}
    for s in segments:
        if s["key"] == newest[s["video_id"]][1]:
            found.setdefault(s["video_id"], []).extend(w for w in s["windows"] or () if w["valid"])
    return {video_id: sorted(some, key=lambda w: (w["start_s"], w["window_index"])) for video_id, some in found.items()}
