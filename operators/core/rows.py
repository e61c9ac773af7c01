"""Every row that passes between stages or lies in the store, as an Arrow schema. Imports nothing of ours.

Conventions: `_s` is seconds from the first presented picture, `pts_s` the container's presentation time in seconds,
`first_pts_s` joins the two (`pts_s = time_s + first_pts_s`). `failure` is null where all went well: a failure is a row,
never a missing row. Columns marked (outside content) never enter a `content_hash`.

Nullable columns and struct fields may be added: tables of earlier versions read as null there, and grow with the first
commit. One that is part of the content goes into `operators.store.content.ADDED`, so that old hashes stay valid.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

# -- small parts ---------------------------------------------------------------------------------------------------

FAILURE = pa.struct(
    [
        pa.field("stage", pa.string()),  # list, probe, or an operator's name
        pa.field("class", pa.string()),  # one of operators.core.base.FAILURE_CLASSES
        pa.field("message", pa.string()),  # one plain line
        pa.field("attempts", pa.int32()),  # tries inside the stage
    ]
)

PICTURE = pa.struct(
    [
        pa.field("time_s", pa.float64()),  # the grid time that was asked for
        pa.field("pts_s", pa.float64()),  # of the picture that is shown then
        pa.field("until_s", pa.float64()),  # it stands for [time_s, until_s); null: for its grid cell
        pa.field("jpeg", pa.binary()),  # quality 90, RGB, upright
    ]
)

JUMP = pa.struct(
    [
        pa.field("time_s", pa.float64()),  # of the first picture after it, exactly
        pa.field("step", pa.float64()),  # mean absolute difference of luma, grey levels
        pa.field("colour_step", pa.float64()),  # the same of the two colour planes, summed
        pa.field("beside", pa.float64()),  # the next largest step between the same two thumbnails
        pa.field("earlier", pa.binary()),  # luma of the two pictures before it, as `luma`; null: there is none
        pa.field("before", pa.binary()),
        pa.field("after", pa.binary()),  # and of the two after it
        pa.field("later", pa.binary()),
    ]
)

SIGNALS = pa.struct(
    [
        pa.field("times_s", pa.list_(pa.float64())),  # of each thumbnail, n of them
        pa.field("height_px", pa.int32()),
        pa.field("width_px", pa.int32()),
        pa.field("luma", pa.binary()),  # n x height x width uint8, row major
        pa.field("jumps", pa.list_(JUMP)),  # the largest step between thumbnails that differ much
        pa.field("cuts_s", pa.list_(pa.float64())),  # hard cuts, where the decoder looked for them; else null
    ]
)

SUBTITLES = pa.struct(  # of the file beside the video, what of it the decoded span needs
    [
        pa.field("status", pa.string()),  # "read", or "not read: " and why
        pa.field(
            "lines",
            pa.list_(
                pa.struct(
                    [pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64()), pa.field("text", pa.string())]
                )
            ),
        ),
    ]
)

SPAN = pa.struct([pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64())])

DECODE_FACTS = pa.struct(
    [
        pa.field("backend", pa.string()),
        pa.field("attempts", pa.int32()),  # (outside content)
        pa.field("expected_s", pa.float64()),  # seconds of the segment's own span
        pa.field("decoded_s", pa.float64()),  # seconds of it that decoded
        pa.field("missing", pa.list_(SPAN)),  # stretches of its own span that did not
        pa.field("damaged_packets", pa.int64()),
        pa.field("pictures_decoded", pa.int64()),
        pa.field("bytes_fetched", pa.int64()),  # (outside content) over the network; 0 for a local file
    ]
)

USAGE = pa.struct(  # (outside content) what a caption cost, all its attempts together
    [
        pa.field("prompt_tokens", pa.int64()),
        pa.field("cached_tokens", pa.int64()),  # of these, not computed again
        pa.field("output_tokens", pa.int64()),
        pa.field("engine_s", pa.float64()),  # from submission to answer; requests overlap
        pa.field("cost_usd", pa.float64()),  # what a vendor charges; 0 for an engine of one's own
        pa.field("rejected", pa.list_(pa.string())),  # names of the gates that sent an answer back
        pa.field("cleaned", pa.list_(pa.string())),  # names of the rules that removed something; null: not cleaned
    ]
)

_ANSWER = [
    pa.field("valid", pa.bool_()),
    pa.field("prompt_hash", pa.string()),
    pa.field("sampling", pa.string()),  # JSON: the settings of the attempt that was kept; null where nothing is drawn
    pa.field("attempts", pa.int32()),  # (outside content)
    pa.field("problem", pa.string()),  # why it is not valid; null where it is
    pa.field("usage", USAGE),  # (outside content)
]

FRAME_CAPTION = pa.struct(
    [
        pa.field("time_s", pa.float64()),
        pa.field("pts_s", pa.float64()),
        pa.field("text", pa.string()),
        *_ANSWER,
    ]
)

WINDOW_CAPTION = pa.struct(
    [
        pa.field("window_index", pa.int32()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("fields", pa.string()),  # JSON: operators.caption.structure.WindowFields; null where not asked for
        pa.field("pts_s", pa.list_(pa.float64())),  # of the frames it was captioned from
        pa.field("previous_window", pa.int32()),  # whose caption its prompt held; null for none
        *_ANSWER,
    ]
)

GROUNDING = pa.struct(  # how well the captions support a sentence, 0 to 1; null: that scorer was not used
    [
        pa.field("support", pa.float64()),  # of the fitted model over the scorers
        pa.field("lexical", pa.float64()),  # share of its words that the nearest caption sentence has
        pa.field("embedding", pa.float64()),  # cosine with the nearest caption sentence
        pa.field("entailment", pa.float64()),  # probability that one of the nearest implies it
        pa.field("contradiction", pa.float64()),  # probability that all of the nearest contradict it
    ]
)

SENTENCE = pa.struct(
    [
        pa.field("text", pa.string()),
        pa.field("windows", pa.list_(pa.int32())),
        pa.field("grounding", GROUNDING),  # null where it needs no proof: measured or quoted
    ]
)

CUT = pa.struct(  # a clause or sentence of an answer that was left out
    [
        pa.field("text", pa.string()),
        pa.field(
            "why", pa.string()
        ),  # unsupported, number, colour, negation, opposite, roles, contradicted, order, repeated
    ]
)

SECTION = pa.struct(
    [
        pa.field("section_index", pa.int32()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("windows", pa.list_(pa.int32())),  # window_index of each window it rests on
        pa.field("sentences", pa.list_(SENTENCE)),  # its text again, each sentence with the windows that say it
        pa.field("topic", pa.string()),  # from the outline; null without one
        pa.field("wanted_words", pa.int32()),  # null: left to the engine
        pa.field("length", pa.string()),  # why it is not within 0.9 and 1.25 of them; null where it is
        pa.field("cut", pa.list_(CUT)),  # what was left out of the model's answers; null: no model
        *(f for f in _ANSWER if f.name != "valid"),
    ]
)

RENAME = pa.struct(  # a mention in the captions that the narration was made from
    [
        pa.field("window_index", pa.int32()),  # whose caption it is in; null: a frame's
        pa.field("time_s", pa.float64()),  # of that frame
        pa.field("start", pa.int32()),  # index into the caption as it was renamed, in characters
        pa.field("was", pa.string()),
        pa.field("now", pa.string()),
    ]
)

OPENING = pa.struct(  # the first paragraph of the caption
    [
        pa.field("text", pa.string()),
        pa.field("sentences", pa.list_(SENTENCE)),  # null: measured, or first sentences of sections
        pa.field("cut", pa.list_(CUT)),
        pa.field("wanted_words", pa.int32()),
    ]
)

NAME = pa.struct(
    [
        pa.field("name_id", pa.string()),  # person or thing, the same all through the video: n0, n1, …
        pa.field("name", pa.string()),
        pa.field("aliases", pa.list_(pa.string())),  # what the captions had called it
        pa.field("windows", pa.list_(pa.int32())),  # in which it is seen
        pa.field("looks", pa.list_(pa.string())),  # what the captions say that it looks like
        pa.field("renames", pa.list_(RENAME)),  # each can be undone: `was` instead of `now`
    ]
)

PROVENANCE = pa.struct(
    [
        pa.field("engine", pa.string()),
        pa.field("model", pa.string()),
        pa.field("revision", pa.string()),
        pa.field("prompts", pa.string()),  # JSON: prompt name -> version and hash of its text
        pa.field("sampling", pa.string()),  # JSON
    ]
)

# -- rows ------------------------------------------------------------------------------------------------------------

VIDEO_FACTS: list[pa.Field] = [
    pa.field("container", pa.string()),
    pa.field("codec", pa.string()),
    pa.field("duration_s", pa.float64()),  # first presented picture to the end of the last
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
"""A URL with its signature or password, for reading only; null where `uri` is the whole of it. Never stored."""

PARENT_KEYS = pa.field("parent_keys", pa.string())
"""JSON: table -> key of the row that a row is made from there, null for a row that failed. Never stored."""

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

MISS = pa.struct(  # a bound of the section `filter` that a video does not keep
    [
        pa.field("column", pa.string()),
        pa.field("value", pa.float64()),  # null: the column has texts
        pa.field("min", pa.float64()),  # null: no bound
        pa.field("max", pa.float64()),
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
        pa.field("passes", pa.int32()),  # times a run has given it to the stage
        pa.field("replay", pa.string()),  # the command that tries this item again
        pa.field("key", pa.string()),  # fingerprint of what failed: a changed config makes it worth another try
        pa.field("time", pa.timestamp("us", tz="UTC")),  # when it was recorded
        pa.field("run_id", pa.string()),
        pa.field("host", pa.string()),
    ]
)

CORE: dict[str, pa.Schema] = {"segments": CAPTIONED_SEGMENT, "dataset": LONG_CAPTION}
"""The two tables that every job makes: the columns that they have always; recipes may add further ones."""


def joined(first: pa.Schema, further: Iterable[pa.Field]) -> pa.Schema:
    """The columns of `first`, and after them those of `further` that it does not have."""
    return pa.schema([*first, *(field for field in further if field.name not in first.names)])


COLUMNS: dict[str, pa.Field] = {
    f.name: f
    for f in [
        *VIDEO,
        *SEGMENT,
        *CAPTIONED_SEGMENT,
        pa.field("pictures", pa.list_(PICTURE)),
        pa.field("signals", SIGNALS),
        pa.field("subtitle_lines", SUBTITLES),
        pa.field("usage", USAGE),
        pa.field("failure", FAILURE),
        pa.field("captioned_indices", pa.list_(pa.int32())),
        pa.field("filtered", pa.list_(MISS)),
    ]
}
"""Every column that may travel on the way to a captioned segment, those that never reach the store included."""

MAX_ROW_BYTES = 16 * 2**20  # no row between stages may be larger: Ray's blocks and actors' memory are sized by it
