"""One rendered reel for all tests here: five seconds of everything, cut hard, rendered and measured once a process."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from operators.analysis.facts import Facts, Piece
from operators.analysis.measure import Measure
from tests.support.scenes import Scene, Thing, Truth, measured_row, plain, render, texture

_ACROSS = (Thing(colour="red", size=0.15, at=(0.1, 0.3), speed=(0.16, 0.0)),)
_BIG = (Thing(colour="red", shape="box", size=0.5, at=(0.1, 0.28), speed=(0.16, 0.0)),)
_HIDDEN = (Thing(colour="red", size=0.2, at=(0.2, 0.3), speed=(0.1, 0.0)),)

SCENES: dict[str, Scene] = {
    "pan right": Scene(seconds=5, canvas=texture("green", "yellow", seed=1), pan=0.1),
    "pan left": Scene(seconds=5, canvas=texture("blue", "white", seed=2), pan=-0.06),
    "tilt up": Scene(seconds=5, canvas=texture("red", "beige", seed=3), tilt=-0.08),
    "tilt down": Scene(seconds=5, canvas=texture("purple", "white", seed=4), tilt=0.08),
    "zoom in": Scene(seconds=5, canvas=texture("brown", "beige", seed=5), zoom=0.08),
    "zoom out": Scene(seconds=5, canvas=texture("black", "grey", "white", seed=6), zoom=-0.08),
    "fast pan": Scene(seconds=5, canvas=texture("orange", "black", seed=7, width=1800), pan=0.4),
    "still": Scene(seconds=5, canvas=texture("teal", "white", seed=8)),
    "shakes": Scene(seconds=5, canvas=texture("yellow", "brown", seed=9), shake=0.012),
    "ball": Scene(seconds=5, canvas=texture("teal", "white", seed=10), things=_ACROSS),
    "big box": Scene(seconds=5, canvas=texture("green", "white", seed=11), things=_BIG),
    "flashes": Scene(seconds=5, canvas=texture("green", "black", seed=12), flashes_s=(2.1, 3.4)),
    "plain": Scene(seconds=5, canvas=plain("blue"), pan=0.1),
    "brightens": Scene(seconds=5, canvas=texture("beige", "brown", seed=13), light=(0.4, 1.2)),
}


def measure(row: dict[str, Any], **options: Any) -> Facts:
    """What `Measure` writes for a row."""
    with Measure(**options).open() as apply:
        return Facts.parse(apply(row)["facts"])


def filmed(*scenes: Scene, **options: Any) -> tuple[dict[str, Any], Truth]:
    """Render scenes to a real file and decode it: the row and what is true of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        truth = render(path, scenes, **options)
        return measured_row(path), truth


@lru_cache(maxsize=1)
def reel() -> tuple[dict[str, Any], Truth, Facts]:
    """The row of all `SCENES` one after the other, what is true of it, and what is measured."""
    row, truth = filmed(*SCENES.values())
    return row, truth, measure(row)


def piece(name: str) -> Piece:
    """The longest piece in the scene of that name."""
    start = 5.0 * list(SCENES).index(name)
    inside = [p for p in reel()[2].pieces if p.start_s >= start - 0.2 and p.end_s <= start + 5.2]
    return max(inside, key=lambda p: p.seconds)
