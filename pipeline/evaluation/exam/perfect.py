"""Perfect captions: rows of a captioned video, taken directly from the script."""

from __future__ import annotations

from collections.abc import Iterator

from operators.core.base import Row
from operators.core.grid import Grid
from pipeline.evaluation.exam.language import caption, window_events
from pipeline.evaluation.exam.story import Story

SEGMENT_S = 120.0


def captioned(story: Story, grid: Grid) -> Iterator[Row]:
    """Yield the segments of a story with true window captions, with the columns that narrators read."""
    for span in grid.segments(min(SEGMENT_S, grid.duration_s)):
        windows = []
        for k in grid.windows_of(span):
            shown = grid.window(k)
            text = caption(window_events(story.events, shown.start_s, shown.end_s))
            windows.append(
                {"window_index": k, "start_s": shown.start_s, "end_s": shown.end_s, "text": text, "valid": True}
            )
        yield {
            "start_s": span.start_s,
            "end_s": span.end_s,
            "windows": windows,
            "frames": [],
            "facts": None,
            "decode": {"decoded_s": span.seconds, "damaged_packets": 0, "missing": []},
            "provenance": {"engine": "script"},
        }


def narration(story: Story, grid: Grid) -> Row:
    """Return the row that a narrator reads: `operators.narrate.narrate.Narrate.reads`."""
    segments = list(captioned(story, grid))
    return {
        "video_id": f"story-{story.seed}",
        "duration_s": grid.duration_s,
        "window_s": grid.window_s,
        "stride_s": grid.stride_s,
        "window_rule": "grid",
        "min_shot_s": 0.0,
        "captioned": segments,
        "segments": len(segments),
    }
