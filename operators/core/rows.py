"""Arrow schemas of all rows that pass between stages or are stored.

Conventions: names that end in `_s` are seconds from the first presented frame. `pts_s` is the container's presentation
time in seconds; `pts_s = time_s + first_pts_s`. `failure` is null on success: a failed item has a row with `failure`
set, never a missing row. Columns marked (outside content) are not part of `content_hash`.

Nullable columns and struct fields may be added. Tables of earlier versions read as null there and gain the column with
the next commit. A new column that is part of the content must be listed in `operators.store.content.ADDED`, so that old
hashes stay valid. The structs of columns are defined in `operators.core.structs`.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from operators.core.structs import (
    DECODE_FACTS,
    FAILURE,
    FRAME_CAPTION,
    FRAME_IMAGE,
    MISS,
    NAME,
    OPENING,
    PROVENANCE,
    SECTION,
    SIGNALS,
    SUBTITLES,
    USAGE,
    WINDOW_CAPTION,
)

VIDEO_FACTS: list[pa.Field] = [
    pa.field("container", pa.string()),
    pa.field("codec", pa.string()),
    pa.field("duration_s", pa.float64()),  # first presented frame to the end of the last
    pa.field("fps", pa.float64()),  # average
    pa.field("width_px", pa.int32()),  # as shown: after rotation
    pa.field("height_px", pa.int32()),
    pa.field("rotation_deg", pa.int32()),  # 0, 90, 180, 270, clockwise
    pa.field("first_pts_s", pa.float64()),
    pa.field("has_audio", pa.bool_()),
    pa.field("keyframe_interval_s", pa.float64()),  # median; null where not known without reading the whole file
    pa.field("discontinuities", pa.int32()),  # times the clock jumps or stands still, and time was continued over it
    pa.field("parts", pa.string()),  # JSON: operators.video.parts; null where there is one clock
    pa.field("incomplete", pa.string()),  # why it is known to have held more than duration_s; null: it is not
]

VIDEO = pa.schema(
    [
        pa.field("video_id", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("source_version", pa.string()),  # changes whenever the bytes may have
        pa.field("size_bytes", pa.int64()),
        pa.field("subtitles_uri", pa.string()),
        pa.field("metadata", pa.string()),  # JSON object: the user's own columns
        *VIDEO_FACTS,
        pa.field("failure", FAILURE),
        pa.field("run_id", pa.string()),
    ]
)

ACCESS_URI = pa.field("access_uri", pa.string())
"""The URL with its signature or password, used for reading; null if `uri` has no secrets. Never stored."""

PARENT_KEYS = pa.field("parent_keys", pa.string())
"""JSON: parent table -> key of the parent row, null if that row failed. Never stored."""

SEGMENT = pa.schema(
    [
        pa.field("video_id", pa.string()),
        pa.field("uri", pa.string()),
        ACCESS_URI,
        pa.field("source_version", pa.string()),  # only this one may be decoded
        pa.field("subtitles_uri", pa.string()),
        pa.field("segment_index", pa.int32()),
        pa.field("segment_count", pa.int32()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("decode_start_s", pa.float64()),  # its own span, the warm-up before it and its last window's end
        pa.field("decode_end_s", pa.float64()),
        pa.field("duration_s", pa.float64()),  # of the video
        pa.field("first_pts_s", pa.float64()),
        pa.field("parts", pa.string()),  # those that it touches, and one on each side
        pa.field("key", pa.string()),  # fingerprint: source version, segmentation, every operator up to the captions
        pa.field("attempts", pa.int32()),  # tries in the passes before this one
        pa.field("passes", pa.int32()),  # how many those were
    ]
)

CAPTIONED_SEGMENT = pa.schema(
    [
        pa.field("video_id", pa.string()),
        pa.field("segment_index", pa.int32()),
        pa.field("segment_count", pa.int32()),
        pa.field("key", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("frames", pa.list_(FRAME_CAPTION)),
        pa.field("windows", pa.list_(WINDOW_CAPTION)),
        pa.field("facts", pa.string()),  # JSON: operators.analysis.facts.Facts of the segment's own span
        pa.field("decode", DECODE_FACTS),
        pa.field("provenance", PROVENANCE),
        pa.field("usage", USAGE),  # (outside content) of all its captions, those that only warmed up included
        pa.field("content_hash", pa.string()),
        pa.field("run_id", pa.string()),  # (outside content)
        pa.field("host", pa.string()),  # (outside content)
        pa.field("timings", pa.string()),  # (outside content) JSON: operator -> seconds it took
        pa.field("config", pa.string()),  # (outside content) keys.captioner_of; null: from before the column
    ]
)

LONG_CAPTION = pa.schema(
    [
        pa.field("video_id", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("duration_s", pa.float64()),
        pa.field("caption", pa.string()),
        pa.field("words", pa.int32()),
        pa.field("wanted_words", pa.int32()),  # of all sections; null: left to the engine, or from before the column
        pa.field("repeated_sentences", pa.int32()),  # sentences of sections that tell an event again; null: from before
        pa.field("opening", OPENING),  # the caption's first paragraph; null: from before the column
        pa.field("subtitles", pa.string()),  # "read", or "not read: " and why; null: there are none, or not asked for
        pa.field("coverage", pa.float64()),  # 0 to 1
        pa.field("integrity", pa.bool_()),  # false on any damaged packet, missing span or failed window
        pa.field("sections", pa.list_(SECTION)),
        pa.field("names", pa.list_(NAME)),  # null where no operator looked for them
        pa.field("decoded_s", pa.float64()),
        pa.field("damaged_packets", pa.int64()),
        pa.field("segments", pa.int32()),
        pa.field("segments_captioned", pa.int32()),
        pa.field("windows", pa.int32()),
        pa.field("windows_captioned", pa.int32()),
        pa.field("motion", pa.float64()),  # this and the next six: operators.analysis.columns; null: not measured
        pa.field("moving_camera", pa.float64()),
        pa.field("still", pa.float64()),
        pa.field("duplicate", pa.float64()),
        pa.field("text_share", pa.float64()),
        pa.field("shots", pa.int32()),
        pa.field("longest_shot_s", pa.float64()),
        pa.field("speech_share", pa.float64()),  # this and the next three: operators.audio.listen; null: nobody did
        pa.field("silence_share", pa.float64()),
        pa.field("music_share", pa.float64()),
        pa.field("speech_language", pa.string()),
        pa.field("match_score", pa.float64()),  # operators.embedding.match; null: nobody did
        pa.field("rating", pa.float64()),  # operators.embedding.rate; null: nobody did
        *[f for f in VIDEO_FACTS if f.name not in ("duration_s", "parts")],
        pa.field("source_version", pa.string()),
        pa.field("metadata", pa.string()),
        pa.field("provenance", PROVENANCE),
        pa.field("usage", USAGE),  # (outside content) of the narration
        pa.field("key", pa.string()),  # fingerprint: the segments' keys and the narrator
        pa.field("content_hash", pa.string()),
        pa.field("run_id", pa.string()),  # (outside content)
        pa.field("host", pa.string()),  # (outside content)
        pa.field("timings", pa.string()),  # (outside content)
        pa.field("config", pa.string()),  # (outside content) keys.config_of; null: from before the column
    ]
)

FILTERED = pa.schema(  # caption and all that a narrator writes are null where none had narrated the video before
    [*LONG_CAPTION, pa.field("filtered", pa.list_(MISS))]  # (outside content)
)

FAILED = pa.schema(
    [
        pa.field("stage", pa.string()),
        pa.field("video_id", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("segment_index", pa.int32()),  # null: the whole video
        pa.field("class", pa.string()),
        pa.field("message", pa.string()),
        pa.field("attempts", pa.int32()),  # tries inside the stage, over all passes
        pa.field("passes", pa.int32()),  # times a run has given it to the stage; 0: a retry has asked for it again
        pa.field("replay", pa.string()),  # the command that tries this item again
        pa.field("key", pa.string()),  # fingerprint of what failed: a changed config makes it worth another try
        pa.field("time", pa.timestamp("us", tz="UTC")),  # when it was recorded
        pa.field("run_id", pa.string()),
        pa.field("host", pa.string()),
    ]
)

CORE: dict[str, pa.Schema] = {"segments": CAPTIONED_SEGMENT, "dataset": LONG_CAPTION}
"""The fixed columns of the two tables that every job makes. Recipes may add columns."""


def joined(first: pa.Schema, further: Iterable[pa.Field]) -> pa.Schema:
    """The columns of `first`, and after them those of `further` that it does not have."""
    return pa.schema([*first, *(field for field in further if field.name not in first.names)])


COLUMNS: dict[str, pa.Field] = {
    f.name: f
    for f in [
        *VIDEO,
        *SEGMENT,
        *CAPTIONED_SEGMENT,
        pa.field("images", pa.list_(FRAME_IMAGE)),
        pa.field("signals", SIGNALS),
        pa.field("subtitle_lines", SUBTITLES),
        pa.field("usage", USAGE),
        pa.field("failure", FAILURE),
        pa.field("captioned_indices", pa.list_(pa.int32())),
        pa.field("filtered", pa.list_(MISS)),
    ]
}
"""All columns that rows may have on the way to a captioned segment, including columns that are never stored."""

MAX_ROW_BYTES = 16 * 2**20  # no row between stages may be larger: Ray's blocks and actors' memory are sized by it
