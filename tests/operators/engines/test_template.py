"""The built-in engine says what was measured, in clean English, and nothing else."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operators.analysis.facts import Facts, Label, Light, Line, Piece, Transition
from operators.core.base import ItemError
from operators.engines.base import FrameImage, Request
from operators.engines.template import MeasureEngine
from tests.operators.analysis.reel import SCENES, filmed, measure, reel
from tests.operators.analysis.test_facts import facts as any_facts
from tests.support.scenes import Scene, texture

CAMERA_WORDS = {
    "pan right": "pans right",
    "pan left": "pans left",
    "tilt up": "tilts up",
    "tilt down": "tilts down",
    "zoom in": "closer|closes in",
    "zoom out": "moves back|draws back",
    "still": "stands still|does not move|is still|does not change|stays as it is",
    "shakes": "unsteady|shakes|wavers",
}
NAMES = list(SCENES)


def ask(kind: str, facts: Facts | None, start_s: float, end_s: float, **more: Any) -> str:
    request = Request(kind=kind, start_s=start_s, end_s=end_s, prompt="", facts=facts, **more)
    with MeasureEngine().open() as engine:
        return engine.submit(request).result(timeout=60).text


def span(name: str) -> tuple[float, float]:
    start = 5.0 * NAMES.index(name)
    return start, start + 5.0


@pytest.mark.parametrize("name", list(CAMERA_WORDS))
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_window_tells_the_camera_and_no_other_camera(name: str, seed: int) -> None:
    text = ask("window", reel()[2], *span(name), seed=seed)
    said = {n for n, words in CAMERA_WORDS.items() if re.search(words, text)}
    assert said == {name}, text


def test_a_window_tells_the_cut_the_colours_and_their_times() -> None:
    row, _ = filmed(
        Scene(seconds=7, canvas=texture("red", seed=1)), Scene(seconds=3, canvas=texture("blue", seed=2)), fps=24
    )
    text = ask("window", measure(row), 0.0, 10.0)
    assert re.search(r"At 0:07 (the shot changes|a new shot begins|there is a cut)", text), text
    assert text.index("red") < text.index("0:07") < text.index("blue"), text


def test_fades_are_told_with_their_times() -> None:
    row, _ = filmed(Scene(seconds=6, canvas=texture("red", "white"), leave="fade", change_s=2.0))
    assert re.search(r"From 0:0[34] to 0:0[56] the picture fades to black\.", ask("section", measure(row), 0.0, 6.0))


def test_black_between_short_shots_is_not_counted_as_a_shot() -> None:
    kinds = [("fade out", 2.0, 2.4), ("black", 2.4, 2.6), ("fade in", 2.6, 3.0)] * 3
    changes = [
        Transition(kind=k, start_s=a + 3 * (i // 3), end_s=b + 3 * (i // 3)) for i, (k, a, b) in enumerate(kinds)
    ]
    light = Light(level="bright", mean=0.8, contrast=0.2)
    edges = [0.0, 2.4, 2.6, 5.4, 5.6, 8.4, 8.6, 11.0]
    pieces = [Piece(start_s=a, end_s=b, light=light) for a, b in pairwise(edges)]
    facts = Facts(start_s=0.0, end_s=11.0, cell_s=11.0, transitions=tuple(changes), pieces=tuple(pieces))
    assert len(facts.shots()) == 4
    told = ask("section", facts, 0.0, 11.0)
    assert "four shots" in told and "four short shots follow one another" in told and "seven" not in told


def test_what_moves_is_told_with_its_way() -> None:
    assert "to the right" in ask("window", reel()[2], *span("ball"))


def test_nothing_is_said_of_camera_or_cuts_without_signals() -> None:
    row, truth, _ = reel()
    facts = measure({**row, "signals": None})
    for kind in ("window", "section", "video"):
        text = ask(kind, facts, 0.0, truth.seconds)
        assert not re.search("camera|shot|cut|mov|fade|still", text), text
        assert text


def test_a_frame_tells_static_detail_only() -> None:
    row, _, facts = reel()
    for image in row["images"][::5]:
        at = image["time_s"]
        text = ask("frame", facts, at, at + 1, images=(FrameImage(**image),))
        assert not re.search("camera|shot|cut|mov|until|throughout", text), text
        assert len(re.findall(r"\.(?: |$)", text)) <= 3


def test_a_frame_tells_where_the_light_is() -> None:
    canvas = texture("black", width=320, height=180)
    canvas[:60, :107] = 250
    row, _ = filmed(Scene(seconds=1, canvas=canvas, start=(0.5, 0.5)))
    image = FrameImage(**row["images"][0])
    assert "the brightest part is in the upper left" in ask("frame", None, 0.0, 1.0, images=(image,)).lower()


def test_the_whole_is_opened_with_length_and_shots() -> None:
    _, truth, facts = reel()
    text = ask("video", facts, 0.0, truth.seconds)
    assert "1 minute and 10 seconds" in text
    assert f"{len(SCENES)} shots" in text


def test_text_labels_and_subtitles_are_quoted() -> None:
    piece = Piece(start_s=0.0, end_s=5.0, text=("EXIT",), labels=(Label(name="espresso", score=0.91),))
    facts = Facts(
        start_s=0.0, end_s=5.0, pieces=(piece,), subtitles=(Line(text='Say "cheese".', start_s=1.0, end_s=2.0),)
    )
    for kind in ("window", "section"):
        text = ask(kind, facts, 0.0, 5.0)
        assert '"EXIT"' in text
        assert "perhaps an espresso (score 0.91)" in text
        assert "Subtitles read: \"Say 'cheese'.\"" in text


def test_an_hour_of_one_still_frame_is_a_short_paragraph() -> None:
    row, _ = filmed(Scene(seconds=5, canvas=texture("teal", "white")))
    only = measure(row).pieces[0]
    cells = [(5.0 * k, 5.0 * k + 5) for k in range(720)]
    pieces = tuple(Piece(**{**only.__dict__, "start_s": a, "end_s": b}) for a, b in cells)
    facts = Facts(start_s=0.0, end_s=3600.0, transitions=(), pieces=pieces)
    assert len(ask("section", facts, 0.0, 3600.0, words=2000).split()) < 40
    assert "1 hour" in ask("video", facts, 0.0, 3600.0)


def test_fewer_words_tell_fewer_facts() -> None:
    _, truth, facts = reel()
    short, long = (ask("section", facts, 0.0, truth.seconds, words=n) for n in (60, 400))
    assert len(short.split()) <= 72
    assert len(long.split()) > len(short.split())


def test_nothing_measured_is_an_engine_failure_and_submit_does_not_raise() -> None:
    request = Request(kind="window", start_s=0.0, end_s=5.0, prompt="", facts=None)
    with MeasureEngine().open() as engine:
        future = engine.submit(request)
        assert isinstance(future.exception(), ItemError)
        assert str(future.exception()).startswith("engine: nothing was measured between 0 s and 5 s")


def test_a_broken_frame_fails_its_request_alone() -> None:
    request = Request(
        kind="frame", start_s=0.0, end_s=1.0, prompt="", images=(FrameImage(time_s=0.0, pts_s=0.0, jpeg=b"x"),)
    )
    with MeasureEngine().open() as engine:
        assert isinstance(engine.submit(request).exception(), ItemError)


@lru_cache(maxsize=1)
def _engine() -> Any:
    return MeasureEngine().open().__enter__()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    any_facts(), st.sampled_from(["window", "section", "video"]), st.integers(0, 5), st.sampled_from([None, 30, 300])
)
def test_grammar_of_whatever_was_measured(facts: Facts, kind: str, seed: int, words: int | None) -> None:
    request = Request(
        kind=kind, start_s=facts.start_s, end_s=facts.end_s, prompt="", facts=facts, seed=seed, words=words
    )
    future = _engine().submit(request)
    if future.exception() is not None:
        assert "nothing" in str(future.exception())
        return
    text = future.result().text
    assert text == _engine().submit(request).result().text
    plain = re.sub(r'"[^"]*"', '"…"', text)  # what is quoted has its own grammar
    assert plain[-1] in '."'
    assert not re.search(r"  | [.,;:]|[,;:]\.|\.\.", plain)
    sentences = [s.strip() for s in re.split(r"(?<=[.])\s", plain) if s.strip()]
    assert len(sentences) == len(set(sentences))
    assert all(s[0].isupper() for s in sentences), text
    assert not re.search(r"(?<![.\d])(1|one) (seconds|minutes|hours|shots)\b", plain)
    assert not re.search(r"\b([02-9]|no|two|three|four) (second|shot)\b", plain)
    for minutes, seconds in re.findall(r"\b(\d+):(\d\d)\b", plain):
        assert facts.start_s - 1 < int(minutes) * 60 + int(seconds) <= facts.end_s
