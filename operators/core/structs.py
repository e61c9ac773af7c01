"""Structs in the columns of `operators.core.rows`, such as captions, decoding results, costs and failures.

The conventions of that module apply. Imports nothing else of Longcap.
"""

from __future__ import annotations

import pyarrow as pa

FAILURE = pa.struct(
    [
        pa.field("stage", pa.string()),  # list, probe, or an operator's name
        pa.field("class", pa.string()),  # one of operators.core.base.FAILURE_CLASSES
        pa.field("message", pa.string()),  # one plain line
        pa.field("attempts", pa.int32()),  # tries inside the stage
    ]
)

FRAME_IMAGE = pa.struct(
    [
        pa.field("time_s", pa.float64()),  # the grid time that was asked for
        pa.field("pts_s", pa.float64()),  # of the frame that is shown then
        pa.field("until_s", pa.float64()),  # it stands for [time_s, until_s); null: for its grid cell
        pa.field("jpeg", pa.binary()),  # quality 90, RGB, upright
    ]
)

JUMP = pa.struct(
    [
        pa.field("time_s", pa.float64()),  # of the first frame after it, exactly
        pa.field("step", pa.float64()),  # mean absolute difference of luma, grey levels
        pa.field("colour_step", pa.float64()),  # the same of the two colour planes, summed
        pa.field("beside", pa.float64()),  # the next largest step between the same two thumbnails
        pa.field("earlier", pa.binary()),  # luma of the two frames before it, as `luma`; null: there is none
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
        pa.field("pictures_decoded", pa.int64()),  # frames that came out of the decoder; a stored name
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

ANSWER = [
    pa.field("valid", pa.bool_()),
    pa.field("prompt_hash", pa.string()),
    pa.field("sampling", pa.string()),  # JSON: the settings of the attempt that was kept; null where nothing is drawn
    pa.field("attempts", pa.int32()),  # (outside content)
    pa.field("problem", pa.string()),  # why it is not valid, or why an `ask` kept the earlier caption; else null
    pa.field("usage", USAGE),  # (outside content)
]

FRAME_CAPTION = pa.struct(
    [
        pa.field("time_s", pa.float64()),
        pa.field("pts_s", pa.float64()),
        pa.field("text", pa.string()),
        *ANSWER,
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
        *ANSWER,
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
        *(f for f in ANSWER if f.name != "valid"),
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

MISS = pa.struct(  # a bound of the section `filter` that a video does not keep
    [
        pa.field("column", pa.string()),
        pa.field("value", pa.float64()),  # null: the column has texts
        pa.field("min", pa.float64()),  # null: no bound
        pa.field("max", pa.float64()),
    ]
)
