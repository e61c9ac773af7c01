"""A person's judgement of a long caption: one row of the append-only table `annotations`."""

from __future__ import annotations

import pyarrow as pa

ANNOTATION = pa.schema(
    [
        pa.field("annotation_id", pa.string()),
        pa.field("video_id", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("kind", pa.string()),  # accept, reject, text, times, note, undo
        pa.field("section_index", pa.int32()),  # what it is about; null: the whole caption; -1: its opening
        pa.field("sentence_index", pa.int32()),  # in that section; null: all of it
        pa.field("text", pa.string()),  # the corrected text; null unless kind is text
        pa.field("start_s", pa.float64()),  # the corrected span; null unless kind is times
        pa.field("end_s", pa.float64()),
        pa.field("note", pa.string()),
        pa.field("undoes", pa.string()),  # annotation_id of the row that an undo takes back
        pa.field("author", pa.string()),
        pa.field("time", pa.timestamp("us", tz="UTC")),
        pa.field("content_hash", pa.string()),  # of the long caption that it is about
        pa.field("run_id", pa.string()),  # the session that wrote it
    ]
)
