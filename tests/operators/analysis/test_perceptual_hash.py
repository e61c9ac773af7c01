"""What is shown again is known again, in whatever segment, and a still run repeats nothing."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from operators.analysis.columns import columns_of
from operators.analysis.facts import Facts
from operators.analysis.perceptual_hash import perceptual_hashes, repeated_share
from operators.analysis.signals import Thumbs
from tests.operators.analysis.reel import filmed, measure
from tests.support.scenes import Scene, Thing, plain, texture

A = Scene(seconds=6, canvas=texture("green", "yellow", seed=1), pan=0.1)
B = Scene(seconds=6, canvas=texture("blue", "white", seed=2), pan=0.1)
SLIDE = Scene(seconds=6, canvas=texture("teal", "white", seed=8))
OTHER = Scene(seconds=6, canvas=texture("purple", "beige", seed=9))
FLY = Scene(
    seconds=12,
    canvas=texture("teal", "white", seed=8),
    things=(Thing(colour="red", size=0.03, at=(0.1, 0.3), speed=(0.06, 0.0)),),
)


@cache
def facts_of(*names: str) -> Facts:
    row, _ = filmed(*(globals()[name] for name in names))
    return measure(row)


def share(*names: str) -> float:
    found = columns_of(facts_of(*names), whole=True)["duplicate"]
    assert found is not None
    return found


def test_a_second_of_each_frame_is_printed_on_whole_seconds() -> None:
    prints = facts_of("A", "B").prints
    assert prints is not None
    assert [p.time_s for p in prints] == [float(k) for k in range(12)]
    assert {len(p.bits) for p in prints} == {64}


def test_film_that_goes_on_repeats_nothing_and_film_that_comes_back_is_known() -> None:
    assert share("A", "B") == 0.0
    assert share("A", "B", "A") == pytest.approx(1 / 3, abs=0.06)


def test_a_still_run_repeats_nothing_until_it_comes_back() -> None:
    assert share("SLIDE", "OTHER") == 0.0
    assert share("SLIDE", "OTHER", "SLIDE") == pytest.approx(1 / 3, abs=0.06)


def test_a_frame_in_which_hardly_anything_moves_repeats_itself() -> None:
    found = columns_of(facts_of("FLY"), whole=True)
    assert found["still"] == 0.0
    assert found["duplicate"] is not None and found["duplicate"] > 0.7


def test_what_came_in_another_segment_is_known() -> None:
    facts = facts_of("A", "B", "A")
    parts = [facts.slice(t, t + 5.0) for t in (0.0, 5.0, 10.0)] + [facts.slice(15.0, facts.end_s)]
    again = [Facts.parse(part.dump()) for part in parts]
    assert Facts.merge(again).prints == facts.prints
    assert columns_of(Facts.merge(again), whole=True)["duplicate"] == share("A", "B", "A")
    assert columns_of(parts[3], whole=True)["duplicate"] == 0.0, "by itself nothing in it was there before"


def test_black_and_plain_frames_have_no_print() -> None:
    row, _ = filmed(Scene(seconds=3, canvas=plain("black")), Scene(seconds=3, canvas=plain("blue")))
    facts = measure(row)
    assert facts.prints == ()
    assert columns_of(facts, whole=True)["duplicate"] is None


def test_without_signals_there_is_none() -> None:
    row, _ = filmed(SLIDE)
    assert measure({**row, "signals": None}).prints is None
    assert repeated_share(()) is None


def test_a_still_run_goes_on_over_the_seam_of_two_segments_that_saw_nothing_of_each_other() -> None:
    row, _ = filmed(SLIDE, SLIDE)
    halves = [measure({**row, "decode_start_s": a, "decode_end_s": b}) for a, b in ((0.0, 5.0), (5.0, 12.0))]
    assert [p.held for p in halves[1].prints or ()][:2] == [None, True]
    assert columns_of(Facts.merge(halves), whole=True)["duplicate"] == 0.0


def test_noise_does_not_make_a_frame_new() -> None:
    rng = np.random.default_rng(0)
    times = np.arange(8) / 4
    base = rng.integers(0, 256, (9, 16)).repeat(4, 0).repeat(4, 1)
    luma = np.clip(base + rng.normal(0, 3, (8, 36, 64)), 0, 255).astype(np.uint8)
    assert repeated_share(perceptual_hashes(Thumbs(times, luma))) == 0.5
