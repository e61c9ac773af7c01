"""Facts are plain data: dumping, parsing, slicing and merging lose nothing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operators.analysis.facts import Camera, Colour, Facts, Label, Light, Line, Motion, Piece, Transition

CELL_S = 5.0
unhurried = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
shares = st.integers(0, 1000).map(lambda n: n / 1000)
tenths = st.integers(0, 600).map(lambda n: n / 10)

cameras = st.builds(
    Camera,
    state=st.sampled_from(["still", "moves", "shakes", "unsure"]),
    moves=st.lists(st.sampled_from(["pan left", "tilt up", "zoom in"]), unique=True).map(tuple),
    speed=shares,
    zoom=st.integers(-500, 500).map(lambda n: n / 1000),
    shake=shares,
)
motions = st.builds(
    Motion,
    level=st.sampled_from(["none", "little", "some", "much"]),
    share=shares,
    where=st.sampled_from([None, "left", "upper right"]),
    direction=st.sampled_from([None, "left", "down"]),
)
lights = st.builds(
    Light,
    level=st.sampled_from(["black", "dark", "medium", "very bright"]),
    mean=shares,
    contrast=shares,
    change=st.sampled_from(["steady", "darkens"]),
)
colours = st.lists(st.builds(Colour, name=st.sampled_from(["red", "light blue"]), share=shares), max_size=3).map(tuple)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    end = draw(st.integers(1, 600).map(lambda n: n / 10))
    cuts = sorted(draw(st.sets(tenths.filter(lambda t: t < end), max_size=5)))
    changes = [Transition(kind="cut", start_s=t, end_s=t) for t in cuts]
    cells = [k * CELL_S for k in range(1, 13) if k * CELL_S < end]
    edges = sorted({0.0, end, *cuts, *cells})
    pieces = []
    for a, b in pairwise(edges):
        if draw(st.booleans()):
            pieces.append(
                Piece(
                    start_s=a,
                    end_s=b,
                    camera=draw(st.none() | cameras),
                    motion=draw(st.none() | motions),
                    light=draw(st.none() | lights),
                    colours=draw(st.none() | colours),
                    grey=draw(st.none() | st.booleans()),
                    text=draw(st.none() | st.lists(st.text(max_size=5), max_size=2).map(tuple)),
                    labels=draw(st.none() | st.just((Label(name="cup", score=0.5),))),
                )
            )
    spans = draw(st.lists(st.tuples(tenths, tenths), max_size=3))
    lines = sorted((min(s), min(max(s), end)) for s in spans)
    subtitles = [Line(text=f"line {k}", start_s=a, end_s=b) for k, (a, b) in enumerate(lines) if b > a]
    return Facts(
        start_s=0.0,
        end_s=end,
        cell_s=CELL_S,
        transitions=tuple(changes),
        pieces=tuple(pieces),
        subtitles=draw(st.sampled_from([None, tuple(subtitles)])),
    )


@unhurried
@given(facts())
def test_dump_and_parse_are_inverse(f: Facts) -> None:
    assert Facts.parse(f.dump()) == f
    assert Facts.parse(f.dump()).dump() == f.dump()


def test_equal_measurements_give_equal_bytes() -> None:
    a = Facts(
        start_s=0.0, end_s=1 / 3, pieces=(Piece(start_s=0.0, end_s=1 / 3, camera=Camera(state="still", zoom=-0.0)),)
    )
    b = Facts(start_s=0.0, end_s=0.1 + 0.7 / 3, pieces=(Piece(start_s=0.0, end_s=1 / 3, camera=Camera(state="still")),))
    assert a.dump() == b.dump()


@unhurried
@given(facts(), st.lists(tenths, max_size=4))
def test_slices_put_together_again_are_the_whole(f: Facts, points: list[float]) -> None:
    edges = sorted({f.start_s, f.end_s, *(p for p in points if f.start_s < p < f.end_s)})
    parts = [f.slice(a, b) for a, b in pairwise(edges)]
    merged = Facts.merge(reversed(parts))
    assert merged.pieces == f.pieces
    assert merged.transitions == f.transitions
    assert (merged.start_s, merged.end_s) == (f.start_s, f.end_s)
    assert {(x.text, x.start_s, x.end_s) for x in merged.subtitles or ()} == {
        (x.text, x.start_s, x.end_s) for x in f.subtitles or ()
    }


@unhurried
@given(facts(), tenths, tenths)
def test_a_slice_stays_inside_its_span(f: Facts, a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    part = f.slice(low, high)
    times = [t for p in part.pieces for t in (p.start_s, p.end_s)]
    times += [t for x in part.subtitles or () for t in (x.start_s, x.end_s)]
    times += [t.start_s for t in part.transitions or ()]
    assert all(low <= t <= high for t in times)
    assert part.slice(low, high) == part


def test_a_shot_that_goes_on_across_a_seam_is_one_shot() -> None:
    cut = Transition(kind="cut", start_s=12.0, end_s=12.0)
    f = Facts(start_s=0.0, end_s=20.0, transitions=(cut,))
    assert f.shots() == [(0.0, 12.0), (12.0, 20.0)]
    assert Facts.merge([f.slice(0, 10), f.slice(10, 20)]).shots() == f.shots()
    assert Facts.merge([f.slice(0, 12), f.slice(12, 20)]).shots() == f.shots()
    assert f.slice(12, 20).shots() == [(12.0, 20.0)]


def test_black_parts_two_shots_and_is_none() -> None:
    black = Transition(kind="black", start_s=4.0, end_s=5.0)
    assert Facts(start_s=0.0, end_s=9.0, transitions=(black,)).shots() == [(0.0, 4.0), (5.0, 9.0)]


def test_not_measured_is_not_nothing_there() -> None:
    assert Facts(start_s=0.0, end_s=9.0).shots() == []
    assert Facts(start_s=0.0, end_s=9.0, transitions=()).shots() == [(0.0, 9.0)]
    assert not Facts(start_s=0.0, end_s=9.0, transitions=()).measured


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ([], "at least one"),
        ([Facts(start_s=0.0, end_s=6.0), Facts(start_s=5.0, end_s=9.0)], "overlap"),
        ([Facts(start_s=0.0, end_s=5.0), Facts(start_s=5.0, end_s=9.0, cell_s=2.0)], "cells"),
    ],
)
def test_merge_says_what_is_wrong(parts: list[Facts], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Facts.merge(parts)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"start_s": 0}'])
def test_parse_refuses_what_is_no_facts(text: str) -> None:
    with pytest.raises(ValueError, match="not a dumped Facts"):
        Facts.parse(text)
