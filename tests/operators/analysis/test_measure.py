"""The operator as a whole: its contract, what it leaves out, and real film where it is at hand."""

from __future__ import annotations

from operators.analysis.facts import Facts
from tests.operators.analysis.reel import filmed, measure, piece, reel
from tests.support.scenes import Scene, Thing, plain, texture


def test_it_writes_the_columns_that_it_declares_and_needs_no_other() -> None:
    from operators.analysis.measure import Measure

    row, _, facts = reel()
    with Measure().open() as apply:
        written = apply({name: row[name] for name in Measure.reads})
    assert set(written) == Measure.reads | Measure.writes
    assert Facts.parse(written["facts"]) == facts


def test_equal_input_gives_equal_bytes() -> None:
    row, _, facts = reel()
    assert measure(row).dump() == facts.dump()


def test_without_signals_nothing_is_claimed_that_needs_them() -> None:
    row, _, _ = reel()
    facts = measure({**row, "signals": None})
    assert facts.transitions is None
    assert facts.pieces
    assert all(p.camera is None and p.motion is None and p.frozen is None for p in facts.pieces)
    assert all(p.colours for p in facts.pieces)


def test_without_frames_light_comes_from_the_thumbnails() -> None:
    row, _, facts = reel()
    blind = measure({**row, "images": []})
    assert all(p.colours is None and p.grey is None for p in blind.pieces)
    for a, b in zip(blind.pieces, facts.pieces, strict=True):
        assert a.light is not None
        assert b.light is not None
        assert abs(a.light.mean - b.light.mean) < 0.06


def test_nothing_at_all_is_no_fact() -> None:
    row, _, _ = reel()
    facts = measure({**row, "signals": None, "images": []})
    assert not facts.measured
    assert facts.pieces == ()


def test_only_the_decoded_span_is_measured() -> None:
    row, _, _ = reel()
    facts = measure({**row, "decode_start_s": 10.0, "decode_end_s": 20.0})
    assert (facts.pieces[0].start_s, facts.pieces[-1].end_s) == (10.0, 20.0)


def test_a_frozen_frame_is_known_and_colour_without_luma_unfreezes_it() -> None:
    assert piece("plain").frozen
    grey_of_blue = Thing(colour="red", size=0.2, at=(0.2, 0.3), speed=(0.1, 0.0))
    row, _ = filmed(Scene(seconds=5, canvas=plain("blue"), things=(grey_of_blue,)), noise=0)
    assert not measure(row).pieces[0].frozen


def test_light_that_grows_is_told() -> None:
    light = piece("brightens").light
    assert light is not None
    assert light.change == "brightens"


def test_colours_of_a_fade_are_not_the_frames_own() -> None:
    row, _ = filmed(Scene(seconds=5, canvas=texture("white"), enter="fade", change_s=2.0))
    shown = [p for p in measure(row).pieces if p.colours]
    assert {c.name for p in shown for c in p.colours or ()} <= {"white", "light grey", "black"}
    assert shown[-1].colours is not None
    assert shown[-1].colours[0].name in ("white", "light grey")
