"""Valid rows for tests: rows between stages and in the store, with every column of their schema."""

from __future__ import annotations

from typing import Any

from operators.core import rows
from operators.core.base import Row
from operators.core.grid import Grid, Span, frame_times

WINDOW_S, STRIDE_S, SEGMENT_S = 10.0, 5.0, 60.0
LAYOUT: Row = {"window_s": WINDOW_S, "stride_s": STRIDE_S, "window_rule": "grid", "min_shot_s": 0.0}


def video(video_id: str = "v1", *, duration_s: float = 100.0, **changes: Any) -> Row:
    """Return a row of `rows.VIDEO`, with the columns that are not stored."""
    return {
        "video_id": video_id,
        "uri": f"/videos/{video_id}.mp4",
        "source_version": "1",
        "size_bytes": 1_000_000,
        "subtitles_uri": None,
        "metadata": "{}",
        "container": "mp4",
        "codec": "h264",
        "duration_s": duration_s,
        "fps": 25.0,
        "width_px": 320,
        "height_px": 180,
        "rotation_deg": 0,
        "first_pts_s": 0.0,
        "has_audio": False,
        "keyframe_interval_s": 2.0,
        "discontinuities": 0,
        "parts": None,
        "incomplete": None,
        "failure": None,
        "run_id": "run",
        "key": f"source-{video_id}",
        "attempts": 0,
        "passes": 0,
        **changes,
    }


def failure(failure_class: str = "undecodable", message: str = "no frame", *, stage: str = "decode") -> Row:
    return {"stage": stage, "class": failure_class, "message": message, "attempts": 1}


def image(time_s: float, pts_s: float | None = None) -> Row:
    pts_s = time_s if pts_s is None else pts_s
    return {"time_s": time_s, "pts_s": pts_s, "jpeg": f"jpeg at {pts_s}".encode()}


def decoded(
    video_id: str = "v1",
    index: int = 0,
    *,
    duration_s: float = 100.0,
    fps: float = 1.0,
    warm_up: int = 1,
    **changes: Any,
) -> Row:
    """Return a segment for the captioner: an image at each time of the grid, without facts."""
    grid = Grid(duration_s, WINDOW_S, STRIDE_S)
    spans = grid.segments(SEGMENT_S)
    whole = grid.decode_span(spans[index], warm_up)
    return {
        **_segment(video_id, index, spans),
        "decode_start_s": whole.start_s,
        "decode_end_s": whole.end_s,
        "duration_s": duration_s,
        "first_pts_s": 0.0,
        "images": [image(t) for t in frame_times(whole, fps)],
        "facts": None,
        "decode": decode_facts(spans[index].seconds),
        **changes,
    }


def decode_facts(seconds: float, *, missing: list[Span] | None = None, damaged: int = 0) -> Row:
    holes = missing or []
    return {
        "backend": "pyav",
        "attempts": 1,
        "expected_s": seconds,
        "decoded_s": seconds - sum(h.seconds for h in holes),
        "missing": [{"start_s": h.start_s, "end_s": h.end_s} for h in holes],
        "damaged_packets": damaged,
        "pictures_decoded": round(seconds * 25),
        "bytes_fetched": 0,
    }


def captioned(
    video_id: str = "v1",
    index: int = 0,
    *,
    key: str | None = None,
    duration_s: float = 100.0,
    invalid: tuple[int, ...] = (),
    missing: list[Span] | None = None,
    damaged: int = 0,
    **changes: Any,
) -> Row:
    """Return a row of `rows.CAPTIONED_SEGMENT` for the committer; windows in `invalid` have no caption."""
    grid = Grid(duration_s, WINDOW_S, STRIDE_S)
    spans = grid.segments(SEGMENT_S)
    row = {
        **_segment(video_id, index, spans),
        "frames": [_frame(t) for t in frame_times(spans[index], 1.0)],
        "windows": [_window(grid, k, k not in invalid) for k in grid.windows_of(spans[index])],
        "facts": None,
        "decode": decode_facts(spans[index].seconds, missing=missing, damaged=damaged),
        "provenance": {"engine": "e", "model": "m", "revision": "1", "prompts": "{}", "sampling": "{}"},
        "usage": usage(),
        "content_hash": None,
        "run_id": None,
        "host": "here",
        "timings": '{"decode": 1.0}',
        "config": None,
        "failure": None,
        **changes,
    }
    assert set(rows.CAPTIONED_SEGMENT.names) <= set(row)
    return row if key is None else {**row, "key": key}


def failed_segment(video_id: str = "v1", index: int = 0, failure_class: str = "undecodable", **changes: Any) -> Row:
    """Return a segment that failed."""
    return {**captioned(video_id, index), "frames": None, "windows": None, "failure": failure(failure_class), **changes}


def narrated(video_id: str = "v1", *, captioned_indices: tuple[int, ...] = (0, 1), **changes: Any) -> Row:
    """Return a narrated video for the committer: a hint of kind `whole` with the columns of `rows.LONG_CAPTION`."""
    row = {
        **video(video_id),
        "kind": "whole",
        "segment_index": None,
        "segment_count": 2,
        "key": f"captions-{video_id}",
        "caption": "A video.\n\nIt goes on.",
        "words": 5,
        "wanted_words": None,
        "repeated_sentences": 0,
        "opening": None,
        "subtitles": None,
        "coverage": 1.0,
        "integrity": True,
        "sections": [section()],
        "names": None,
        "usage": usage(),
        "decoded_s": 100.0,
        "damaged_packets": 0,
        "segments": 2,
        "segments_captioned": 2,
        "windows": 19,
        "windows_captioned": 19,
        "motion": None,
        "moving_camera": None,
        "still": None,
        "duplicate": None,
        "text_share": None,
        "shots": None,
        "longest_shot_s": None,
        "speech_share": None,
        "silence_share": None,
        "music_share": None,
        "speech_language": None,
        "match_score": None,
        "rating": None,
        "provenance": {"engine": "e", "model": "m", "revision": "1", "prompts": "{}", "sampling": "{}"},
        "content_hash": None,
        "host": "here",
        "timings": "{}",
        "config": None,
        "captioned_indices": list(captioned_indices),
        "seconds": 0.0,
        "frames": 0,
        "final": None,
        **changes,
    }
    assert set(rows.LONG_CAPTION.names) <= set(row)
    return row


def usage(**changes: Any) -> Row:
    """Return a value of `structs.USAGE`."""
    return {
        "prompt_tokens": 10,
        "cached_tokens": 4,
        "output_tokens": 5,
        "engine_s": 0.5,
        "cost_usd": 0.25,
        "rejected": [],
        "cleaned": [],
        **changes,
    }


def section(**changes: Any) -> Row:
    """Return a value of `structs.SECTION`."""
    return {
        "section_index": 0,
        "start_s": 0.0,
        "end_s": 100.0,
        "text": "It goes on.",
        "windows": [0, 1],
        "sentences": [{"text": "It goes on.", "windows": [0, 1], "grounding": None}],
        "topic": None,
        "wanted_words": None,
        "length": None,
        "cut": None,
        "prompt_hash": "s",
        "sampling": None,
        "attempts": 1,
        "problem": None,
        "usage": usage(),
        **changes,
    }


def _segment(video_id: str, index: int, spans: list[Span]) -> Row:
    return {
        "video_id": video_id,
        "uri": f"/videos/{video_id}.mp4",
        "access_uri": None,
        "source_version": "1",
        "subtitles_uri": None,
        "parts": None,
        "segment_index": index,
        "segment_count": len(spans),
        "start_s": spans[index].start_s,
        "end_s": spans[index].end_s,
        "key": f"captions-{video_id}",
        "attempts": 0,
        "passes": 0,
    }


def _frame(time_s: float) -> Row:
    return {
        "time_s": time_s,
        "pts_s": time_s,
        "text": f"A frame at {time_s:g} s.",
        "valid": True,
        "prompt_hash": "f",
        "sampling": None,
        "attempts": 1,
        "problem": None,
        "usage": usage(),
    }


def _window(grid: Grid, k: int, valid: bool) -> Row:
    span = grid.window(k)
    return {
        "window_index": k,
        "start_s": span.start_s,
        "end_s": span.end_s,
        "text": f"Window {k} is told." if valid else "",
        "fields": None,
        "pts_s": frame_times(span, 1.0),
        "previous_window": k - 1 if k else None,
        "valid": valid,
        "prompt_hash": "w",
        "sampling": None,
        "attempts": 1,
        "problem": None if valid else "the answer is empty",
        "usage": usage(),
    }
