from __future__ import annotations

import pytest

from operators.core.base import Row
from operators.core.grid import Grid
from pipeline.evaluation.exam.reading import read


def row(*sentences: tuple[str, list[int]], start_s: float = 0.0) -> Row:
    return {"sections": [{"start_s": start_s, "sentences": [{"text": t, "windows": w} for t, w in sentences]}]}


def predicted(*sentences: tuple[str, list[int]]) -> list[tuple[str, str | None, float, float]]:
    events = (t.event for t in read(row(*sentences), Grid(600.0)))
    return [(e.kind, e.where, e.start_s, e.end_s) for e in events]


def test_a_time_holds_for_the_sentences_of_its_windows() -> None:
    assert predicted(
        ("From 1:05 to 1:15: Night falls.", [13]),
        ("The camera pans left.", [13]),
        ("The camera zooms in.", [20]),
    ) == [("night", None, 65, 75), ("pan", "left", 65, 75), ("zoom", "in", 100, 110)]


def test_without_a_time_the_windows_tell_it() -> None:
    assert predicted(("Day breaks.", [4, 5, 9])) == [("day", None, 20, 35)]
    assert predicted(("Day breaks.", [])) == [("day", None, 0, 600)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("From 0:55 to 0:58 the camera slowly pans left.", [("pan", "left", 55, 58)]),
        ("Until 0:15 the camera closes in and something moves.", [("zoom", "in", 0, 15)]),
        ("Between 1:00:00 and 1:00:05 the camera pans right and draws back.",
         [("pan", "right", 3600, 3605), ("zoom", "out", 3600, 3605)]),
        ("At 1:21 there is a cut: the picture is mostly beige and brown.", [("cut", None, 81, 81)]),
        ("From 0:08 to 0:09 the picture fades to black.", [("fade", None, 8, 9)]),
        ("From 0:10 to 0:20 the camera stands still and the picture grows darker.", [("night", None, 10, 20)]),
        ("From 0:10 to 0:20 the camera does not move and there is movement.", []),
    ],
)  # fmt: skip
def test_what_the_built_in_engine_says_is_read_too(text: str, wanted: list[object]) -> None:
    assert predicted((text, [0])) == wanted
