"""Videos with captions, and narrators of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from operators.analysis.facts import Camera, Facts, Light, Piece, Transition
from operators.core.base import Row
from operators.engines.base import Request
from operators.narrate.narrate import Narrate
from tests.support.engines import Model, Scripted, asked
from tests.support.rows import LAYOUT, captioned, narrated


def loaded(segments: list[Row] | None = None, *, count: int = 2) -> Row:
    """The row that a narrator gets: facts of the video, and its captioned segments."""
    captions = [captioned("v", 0), captioned("v", 1)] if segments is None else segments
    return {**narrated("v"), "captioned": captions, "segments": count, **LAYOUT}


def run(log: str, row: Row, *, script: list[dict[str, Any]] | None = None, **options: Any) -> tuple[Row, list[Request]]:
    engine = Scripted(script=json.dumps(script or []), log=f"narrate {log}")
    with Narrate(engine=engine, **options).open() as apply:
        return apply(row), asked(f"narrate {log}")


def facts(start_s: float, end_s: float, *cuts_s: float) -> str:
    pieces = tuple(
        Piece(
            start_s=t, end_s=t + 5.0, camera=Camera(state="still"), light=Light(level="bright", mean=0.7, contrast=0.1)
        )
        for t in range(int(start_s), int(end_s), 5)
    )
    cuts = tuple(Transition(kind="cut", start_s=t, end_s=t) for t in cuts_s)
    return Facts(start_s=start_s, end_s=end_s, transitions=cuts, pieces=pieces).dump()


PLACES = ("kitchen", "garden", "harbour", "station", "market", "library", "workshop", "stairway", "bridge", "bakery")

PEOPLE = ("baker", "sailor", "painter", "nurse", "drummer", "gardener", "pilot", "tailor", "farmer", "waiter", "judge")

DEEDS = ("lifts a heavy crate", "counts silver coins", "folds a paper map", "waves to the crowd", "ties a long rope")

COLOURS = ("red", "blue", "green", "yellow", "grey", "violet", "orange")


def varied(k: int) -> str:
    """The caption of window `k` of a film in which much happens."""
    person, colour, place = PEOPLE[k % 11], COLOURS[k % 7], PLACES[k // 6 % 10]
    return (
        f"A {person} with a {colour} hat number {k} {DEEDS[k % 5]} in the {place}. "
        f"Behind the {person} hangs a {COLOURS[(k + 3) % 7]} lamp beside poster {k + 200}."
    )


def film(*, minutes: int = 10, text: Callable[[int], str] = varied, frame: str | None = "A lamp at {t} s.") -> Row:
    """A whole video in segments of a minute, its windows told by `text`."""
    duration_s = 60.0 * minutes
    segments = [captioned("v", k, duration_s=duration_s) for k in range(minutes)]
    for segment in segments:
        for window in segment["windows"]:
            window["text"] = text(window["window_index"])
        segment["frames"] = [{**f, "text": frame.format(t=f["time_s"])} for f in segment["frames"]] if frame else []
    return {**loaded(segments, count=minutes), "duration_s": duration_s}


def model(
    log: str, row: Row, *, script: list[dict[str, Any]] | None = None, context: int | None = None, **options: Any
) -> tuple[Row, list[Request]]:
    engine = Model(script=json.dumps(script or []), log=f"model {log}", context=context)
    with Narrate(engine=engine, **options).open() as apply:
        return apply(row), asked(f"model {log}")


def check_citations(made: Row, windows: range) -> None:
    """Every sentence rests on windows of its section, and sections take the windows in turn."""
    assert [w for s in made["sections"] for w in s["windows"]] == list(windows)
    for section in made["sections"]:
        assert section["text"] == " ".join(s["text"] for s in section["sentences"])
        assert section["sentences"]
        for sentence in section["sentences"]:
            assert sentence["windows"] and set(sentence["windows"]) <= set(section["windows"])
