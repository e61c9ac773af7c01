"""Times in texts of clips."""

from __future__ import annotations

import pytest

from pipeline.export.times import on_clip
from tests.pipeline.export.test_export import Exported, rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("At 0:13 a new shot begins.", "At 0:03 a new shot begins."),
        ("From 0:10 to 0:25 it rains.", "From 0:00 to 0:10 it rains."),
        ("Until 0:08 the pier, then 0:19.", "Until 0:00 the pier, then 0:09."),
        ("The score is 3:99, the clock shows 12:45.", "The score is 3:99, the clock shows 12:45."),
        ("Ratio 1.5:30 and 1:00:15.", "Ratio 1.5:30 and 1:00:15."),
    ],
)
def test_times_become_those_of_the_clip(text: str, said: str) -> None:
    assert on_clip(text, 10.0, 20.0) == said


def test_hours_are_kept_where_they_are_left() -> None:
    assert on_clip("At 1:59:00 it ends.", 3600.0, 7200.0) == "At 59:00 it ends."
    assert on_clip("At 2:30:05 it ends.", 0.0, 10_000.0) == "At 2:30:05 it ends."


def test_a_cut_section_tells_its_own_times_and_a_span_those_of_the_video(exported: Exported) -> None:
    texts = {}
    for spans in ("cut", "text"):
        _, folder = exported("jsonl", spans, unit="section", spans=spans, where="video_id = 'harbour'")
        texts[spans] = {r["id"]: r["caption"] for r in rows(folder / "train.jsonl")}
    assert "At 0:13" in texts["text"]["harbour-s0001"] or "0:13" in texts["text"]["harbour-s0001"]
    assert "0:03" in texts["cut"]["harbour-s0001"] and "0:13" not in texts["cut"]["harbour-s0001"]
