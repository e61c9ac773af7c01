"""Cuts, fades and dissolves, on rendered film of known edit and on real film where it is at hand."""

from __future__ import annotations

import pytest

from tests.operators.analysis.reel import filmed, measure, reel
from tests.support.scenes import Scene, Words, plain, texture

THUMB_S = 1 / 8


def test_every_cut_is_found_within_a_thumbnail_and_no_other() -> None:
    """The reel holds pans, a fast pan, zooms, shaking, flashes and a big subject: none of them is a cut."""
    _, truth, facts = reel()
    assert facts.transitions is not None
    found = [t.start_s for t in facts.transitions if t.kind == "cut"]
    assert len(found) == len(truth.cuts_s)
    for a, b in zip(found, truth.cuts_s, strict=True):
        assert a == pytest.approx(b, abs=THUMB_S + 1e-6)
    assert {t.kind for t in facts.transitions} == {"cut"}


def test_words_painted_over_a_frame_are_no_cut_and_a_new_slide_is_one() -> None:
    title = Words(text="EAST", at=(0.25, 0.54), size=1.2, panel="black", from_s=1.5, to_s=3.0)
    row, _ = filmed(Scene(seconds=5, canvas=texture("teal", "white", seed=8), words=(title,)))
    assert measure(row).transitions == ()
    lines = [
        tuple(Words(text=text, at=(0.08, 0.1 + 0.1 * k), size=0.6, colour="black") for k, text in enumerate(texts))
        for texts in (("about cats", "they sleep", "they eat", "and again"), ("dogs, too", "bark at night", "", "run"))
    ]
    row, truth = filmed(*(Scene(seconds=2.5, canvas=plain("white"), words=words) for words in lines))
    found = measure(row).transitions or ()
    assert [(t.kind, pytest.approx(t.start_s, abs=THUMB_S)) for t in found] == [("cut", truth.cuts_s[0])]


def test_pieces_end_at_cuts_and_cells() -> None:
    row, _ = filmed(
        Scene(seconds=3, canvas=texture("red", "black")), Scene(seconds=4, canvas=texture("blue", "white", seed=5))
    )
    facts = measure(row)
    assert [(p.start_s, p.end_s) for p in facts.pieces] == [(0.0, 3.0), (3.0, 5.0), (5.0, 7.0)]
    assert facts.shots() == [(0.0, 3.0), (3.0, 7.0)]


def test_fades_and_the_black_between() -> None:
    row, _ = filmed(
        Scene(seconds=4, canvas=texture("red", "white"), leave="fade"),
        Scene(seconds=4, canvas=texture("blue", "white", seed=5), enter="fade"),
    )
    facts = measure(row)
    assert facts.transitions is not None
    spans = {t.kind: (t.start_s, t.end_s) for t in facts.transitions}
    assert set(spans) == {"fade out", "black", "fade in"}
    assert spans["fade out"] == pytest.approx((3.0, 4.0), abs=0.3)
    assert spans["fade in"] == pytest.approx((4.0, 5.0), abs=0.3)
    assert len(facts.shots()) == 2


def test_a_dissolve_is_one_change_and_no_cut() -> None:
    row, _ = filmed(
        Scene(seconds=4, canvas=texture("red", "black", seed=1)),
        Scene(seconds=4, canvas=texture("white", "blue", seed=5), enter="dissolve"),
    )
    facts = measure(row)
    assert facts.transitions is not None
    assert [t.kind for t in facts.transitions] == ["dissolve"]
    middle = (facts.transitions[0].start_s + facts.transitions[0].end_s) / 2
    assert middle == pytest.approx(4.5, abs=0.3)


def test_growing_light_is_no_dissolve() -> None:
    row, _ = filmed(Scene(seconds=6, canvas=texture("beige", "brown"), light=(0.3, 1.3)))
    assert measure(row).transitions == ()
