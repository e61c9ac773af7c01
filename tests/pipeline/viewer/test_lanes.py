"""The lanes of the timeline: what is known of which stretch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pyarrow as pa

from operators.analysis.facts import Facts, Line, Piece, Transition
from operators.core import rows as schemas
from operators.core.grid import Span
from pipeline.viewer import lanes
from tests.support import rows

FACTS = Facts(
    start_s=0.0,
    end_s=60.0,
    transitions=(Transition(kind="cut", start_s=20.0, end_s=20.0),),
    pieces=(Piece(start_s=5.0, end_s=10.0, text=("EXIT", "12")),),
    subtitles=(Line(text="Hello <b>", start_s=1.0, end_s=3.0),),
)


def made(segments: list[dict[str, Any]], caption: dict[str, Any] | None = None, **more: Any) -> dict[str, list[Any]]:
    table = pa.Table.from_pylist(segments, schema=schemas.CAPTIONED_SEGMENT)
    found = lanes.lanes(
        duration_s=100.0,
        caption=caption,
        segments=table,
        facts=lanes.facts_of(table),
        failures=more.get("failures", []),
    )
    return {lane["id"]: lane["items"] for lane in found}


def test_every_kind_has_its_lane() -> None:
    first = rows.captioned("v", 0, facts=FACTS.dump(), invalid=(3,), missing=[Span(40.0, 42.0)])
    section = {**rows.section(), "sentences": [{"text": "It goes on.", "windows": [0, 1, 5]}]}
    section["sentences"].append({"text": "Corrected.", "windows": [0], "start_s": 7.0, "end_s": 8.0})
    found = made([first], {"sections": [section]}, failures=[{**rows.failure(), "segment_index": 1}])
    assert [i[:3] for i in found["sections"]] == [[0.0, 100.0, "s0"]]
    assert [(*i[:3], i[5]) for i in found["sentences"]] == [
        (0.0, 15.0, "s0.0", "ok"),
        (7.0, 8.0, "s0.1", "own"),
        (25.0, 35.0, "s0.0", "ok"),
    ]
    assert len(found["windows"]) == 12 and found["windows"][3][5] == "bad"
    assert [i[:2] for i in found["shots"]] == [[0.0, 20.0], [20.0, 60.0]]
    assert found["speech"][0][:2] == [1.0, 3.0] and found["text"][0][3] == "EXIT / 12"
    gaps = {(i[0], i[1]): i[3] for i in found["gaps"]}
    assert gaps[40.0, 42.0] == "Did not decode"
    assert gaps[60.0, 100.0] == "No captions: no frame"
    assert "Window without a caption" in gaps[15.0, 25.0]


def test_overlapping_items_lie_in_rows_of_their_own() -> None:
    found = made([rows.captioned("v", 0)])
    assert {i[4] for i in found["windows"]} == {0, 1}
    for row in (0, 1):
        spans = [i[:2] for i in found["windows"] if i[4] == row]
        assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_facts_that_do_not_parse_are_left_out() -> None:
    assert "shots" not in made([rows.captioned("v", 0, facts='{"start_s": 1')])


def test_a_label_ends_between_words() -> None:
    assert lanes.short("A red  car\nturns left.") == "A red car turns left."
    assert lanes.short("A red car turns left.", 16) == "A red car turns…"
    assert lanes.short("A red car turns left.", 14) == "A red car…"
    assert lanes.short("一" * 40, 12) == "一" * 11 + "…", "no words to part"
