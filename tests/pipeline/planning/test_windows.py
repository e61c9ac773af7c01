"""A job whose windows follow the shots, on a real Ray and a rendered film."""

from __future__ import annotations

from itertools import pairwise

import pytest

import pipeline as longcap
from operators.analysis.facts import Facts, cuts_of
from pipeline.output.verification import verify
from tests.support.scenes import Scene, render, texture

LENGTHS_S = [4.5, 0.5, 7.0, 13.5, 0.5, 6.0]  # cuts at 4.5, 5, 12, 25.5 and 26; segments of 10 s
CUTS_S = [4.5, 5.0, 12.0, 25.5, 26.0]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> longcap.Result:
    folder = tmp_path_factory.mktemp("shots")
    colours = [("red", "white"), ("blue", "green"), ("yellow", "black"), ("teal", "beige"), ("grey", "pink")]
    scenes = [
        Scene(seconds=s, canvas=texture(*colours[k % 5], seed=k), pan=0.1 if s > 5 else 0.0)
        for k, s in enumerate(LENGTHS_S)
    ]
    (folder / "in").mkdir()
    render(folder / "in" / "film.mp4", scenes)
    chosen = ["plan.segment_s=10", "plan.windows=shots", "narrate.section_s=12"]
    return longcap.run(str(folder / "in"), str(folder / "out"), longcap.load_config(None, chosen))


def test_no_window_crosses_a_cut_and_their_cells_tile_the_video(told: longcap.Result) -> None:
    (row,) = told.to_arrow().to_pylist()
    segments = told.captioned(row["video_id"])
    cuts = [c for s in segments for c in cuts_of(Facts.parse(s["facts"]))]
    assert cuts == pytest.approx(CUTS_S, abs=0.05)
    windows = [w for s in segments for w in s["windows"]]
    for window in windows:
        assert not [c for c in cuts if window["start_s"] + 1e-6 < c < window["end_s"] - 1e-6]
        assert window["valid"] and window["pts_s"], "each shot has a frame"
    starts = [w["start_s"] for w in windows]
    assert starts == sorted(set(starts)) and starts[0] == 0.0
    assert {round(s, 1) for s in starts} >= {*CUTS_S, 10.0, 20.0}
    for before, after in pairwise(windows):
        assert before["end_s"] >= after["start_s"] - 1e-6
    assert (row["windows"], row["windows_captioned"], row["coverage"], row["integrity"]) == (
        len(windows),
        len(windows),
        1.0,
        True,
    )


def test_its_sections_begin_at_cuts(told: longcap.Result) -> None:
    (row,) = told.to_arrow().to_pylist()
    assert [s["start_s"] for s in row["sections"]] == pytest.approx([0.0, 12.0, 25.5], abs=0.05)


def test_the_output_verifies_and_again_does_nothing(told: longcap.Result) -> None:
    assert verify(longcap.open(told.uri)).findings == []
    assert told.report.unaccounted == []
