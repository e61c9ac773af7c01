"""Lanes of the tables that recipes add."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from operators.audio.lines import LINE
from operators.store.store import Store
from pipeline.viewer.further import further_lanes, timed_columns

_TIMED = pa.struct([pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64()), pa.field("title", pa.string())])
_BESIDE = [pa.field("video_id", pa.string()), pa.field("key", pa.string()), pa.field("run_id", pa.string())]
_SPEECH = pa.schema([*_BESIDE, pa.field("speech", pa.list_(LINE))])
_PARTS = pa.schema(
    [
        *_BESIDE,
        pa.field("segment_index", pa.int32()),
        pa.field("chapters", pa.list_(_TIMED)),
        pa.field("steps", pa.list_(_TIMED)),
        pa.field("vectors", pa.list_(pa.float32())),
    ]
)


def item(start_s: float, end_s: float, title: str | None) -> dict[str, Any]:
    return {"start_s": start_s, "end_s": end_s, "title": title}


def line(start_s: float, end_s: float, text: str) -> dict[str, Any]:
    return {"start_s": start_s, "end_s": end_s, "text": text, "source": "recognised"}


def test_columns_with_times_and_texts_can_be_shown_and_no_others() -> None:
    assert timed_columns(_SPEECH) == {"speech": "text"}
    assert timed_columns(_PARTS) == {"chapters": "title", "steps": "title"}
    assert timed_columns(pa.schema([pa.field("spans", pa.list_(pa.struct([pa.field("start_s", pa.float64())])))])) == {}


def test_the_newest_rows_of_a_video_become_lanes(tmp_path: Path) -> None:
    store = Store(str(tmp_path), tables={"speech": _SPEECH, "story_parts": _PARTS})
    speech = [
        {"video_id": "v", "key": "old", "run_id": "1", "speech": [line(0.0, 1.0, "Misheard.")]},
        {"video_id": "v", "key": "new", "run_id": "2", "speech": [line(3.0, 4.0, "Later."), line(1.0, 2.0, "Hello")]},
        {"video_id": "w", "key": "new", "run_id": "2", "speech": [line(5.0, 6.0, "Of another video.")]},
    ]
    parts = [
        {"video_id": "v", "key": "k", "run_id": "2", "segment_index": 1, "chapters": [item(60.0, 90.0, "B")]},
        {"video_id": "v", "key": "k", "run_id": "1", "segment_index": 0, "chapters": [item(0.0, 60.0, "A")]},
    ]
    for name, made, schema in (("speech", speech, _SPEECH), ("story_parts", parts, _PARTS)):
        store.derived[name].fence()
        store.derived[name].append(pa.Table.from_pylist(made, schema=schema))
    heard, chapters = further_lanes(store, "v")
    assert (heard["id"], heard["name"]) == ("speech", "Speech")
    assert [i[:4] for i in heard["items"]] == [
        [1.0, 2.0, "speech.speech.1", "Hello"],
        [3.0, 4.0, "speech.speech.0", "Later."],
    ]
    assert (chapters["id"], chapters["name"]) == ("table-story_parts-chapters", "Story parts: chapters")
    assert [i[3] for i in chapters["items"]] == ["A", "B"]
    assert further_lanes(store, "nobody") == []
