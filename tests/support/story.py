"""A short story of four minutes, as material for demos and end-to-end tests, with known content.

    python -m tests.support.story OUT.mp4 [--seconds 240] [--size 640x360] [--fps 24] [--seed 7]

Writes OUT.mp4 and OUT.json: cuts, fades, dissolves, and the content of each scene. A story longer than four minutes
starts over with other skies and hills. Equal arguments give equal frames.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from tests.support.scenes import HEIGHT, RGB, WIDTH, Array, Scene, Thing, Words, render, texture


def landscape(
    sky: tuple[str, str], ground: Sequence[str], seed: int, *, width: int = 3 * WIDTH, stars: int = 0, sun: str = ""
) -> Array:
    """Return a sky with clouds or stars over hills, each row darker and nearer; RGB uint8, (2 * HEIGHT, width, 3)."""
    rng = np.random.default_rng(seed)
    height = 2 * HEIGHT
    frame = texture(*sky, seed=seed, width=width, height=height, grain=0.15)
    for _ in range(stars):
        at = (int(rng.integers(width)), int(rng.integers(height)))
        cv2.circle(frame, at, int(rng.integers(1, 3)), RGB["white"], -1, cv2.LINE_AA)
    if sun:
        cv2.circle(frame, (int(0.55 * width), int(0.3 * height)), 26, RGB[sun], -1, cv2.LINE_AA)
    x = np.arange(width)
    rows = np.arange(height)[:, None]
    for k, colour in enumerate(ground):
        base = height * (0.5 + 0.5 * k / len(ground)) * 0.95
        phases = rng.uniform(0, 6.28, 3)
        crest = base + sum(a * np.sin(x / p + f) for a, p, f in zip((14, 8, 4), (95, 41, 17), phases, strict=True))
        below = rows > crest[None]
        paint = texture(colour, seed=seed + k + 1, width=width, height=height, grain=0.8)
        frame[below] = (paint[below] * (1.0 - 0.12 * k)).astype(np.uint8)
    return frame


def town(seed: int, *, night: bool, width: int = 4 * WIDTH) -> Array:
    """Return a street front of houses with windows, lit at night; RGB uint8, (2 * HEIGHT, width, 3)."""
    rng = np.random.default_rng(seed)
    height = 2 * HEIGHT
    frame = texture(*(("black", "blue") if night else ("blue", "white")), seed=seed, width=width, height=height)
    if night:
        frame = (frame * 0.35).astype(np.uint8)
    x = 0
    while x < width:
        broad, tall = int(rng.integers(46, 90)), int(rng.integers(90, 250))
        colour = np.array(RGB[str(rng.choice(["brown", "beige", "red", "grey", "orange"]))])
        wall = (colour * (0.25 if night else 0.9)).astype(int).tolist()
        cv2.rectangle(frame, (x, height - tall), (x + broad, height), wall, -1)
        for wy in range(height - tall + 10, height - 14, 22):
            for wx in range(x + 8, x + broad - 12, 18):
                lit = rng.random() < (0.4 if night else 0.1)
                pane = RGB["yellow"] if lit else tuple(int(c * (0.3 if night else 0.55)) for c in RGB["teal"])
                cv2.rectangle(frame, (wx, wy), (wx + 9, wy + 12), pane, -1)
        x += broad + int(rng.integers(0, 8))
    return frame


def sea(seed: int, width: int = 3 * WIDTH) -> Array:
    """Return water with waves under an evening sky; RGB uint8, (2 * HEIGHT, width, 3)."""
    height = 2 * HEIGHT
    frame = texture("orange", "pink", "purple", seed=seed, width=width, height=height, grain=0.1)
    water = texture("blue", "teal", seed=seed + 1, width=width, height=height, grain=0.9)
    frame[height // 2 :] = water[height // 2 :]
    rng = np.random.default_rng(seed)
    for _ in range(420):
        x, y = int(rng.integers(width)), int(rng.integers(height // 2 + 6, height))
        cv2.ellipse(frame, (x, y), (int(rng.integers(4, 16)), 2), 0, 180, 360, RGB["white"], 1, cv2.LINE_AA)
    return frame


def story(seed: int = 7) -> list[Scene]:
    """Return the scenes: a day in a valley, 240 seconds. Other seeds give other hills, clouds and houses."""
    s = 100 * seed
    dawn = landscape(("purple", "pink", "orange"), ("purple", "brown", "green"), s + 1, sun="orange")
    day = landscape(("blue", "white"), ("teal", "green", "green"), s + 2, sun="yellow")
    night = (landscape(("black", "blue"), ("blue", "black"), s + 3, stars=160, sun="white") * 0.45).astype(np.uint8)
    wall = texture("beige", "brown", seed=s + 4)
    meadow = texture("green", "yellow", seed=s + 5)
    snow = landscape(("grey", "white"), ("white", "grey"), s + 6)
    ball = Thing(colour="red", size=0.12, at=(-0.1, 0.36), speed=(0.13, 0.0))
    box = Thing(colour="blue", shape="box", size=0.2, at=(1.15, 0.3), speed=(-0.12, 0.0))
    bird = Thing(colour="black", size=0.05, at=(0.2, 0.5), speed=(0.05, -0.06))
    title = Words(text="A day in the valley", at=(0.1, 0.2), size=0.9, from_s=3, to_s=10)
    return [
        Scene(seconds=14, canvas=dawn, enter="fade", change_s=2, words=(title,), note="dawn, title"),
        Scene(seconds=18, canvas=dawn, tilt=0.012, light=(0.75, 1.15), enter="dissolve", note="dawn grows lighter"),
        Scene(seconds=20, canvas=day, pan=0.08, note="hills by day, pan right"),
        Scene(seconds=15, canvas=meadow, things=(ball,), note="a red ball rolls to the right over a meadow"),
        Scene(seconds=14, canvas=town(s + 7, night=False), pan=-0.12, note="houses by day, pan left"),
        Scene(
            seconds=16, canvas=wall, things=(box,), words=(Words(text="WORKSHOP", to_s=8),), note="a blue box, a sign"
        ),
        Scene(seconds=15, canvas=meadow, zoom=0.07, note="the meadow draws near"),
        Scene(seconds=16, canvas=day, shake=0.012, seed=s, enter="dissolve", note="hills, hand-held"),
        Scene(seconds=18, canvas=snow, things=(bird,), note="snow, a black bird flies up"),
        Scene(seconds=12, canvas=snow, tilt=0.05, leave="fade", change_s=2, note="tilt down, fade to black"),
        Scene(seconds=18, canvas=sea(s + 8), pan=0.05, enter="fade", change_s=2, note="evening at the sea, pan right"),
        Scene(seconds=16, canvas=sea(s + 9), zoom=-0.06, light=(1.0, 0.55), note="the sea draws back and grows darker"),
        Scene(seconds=18, canvas=town(s + 10, night=True), pan=0.1, note="lit windows at night, pan right"),
        Scene(seconds=14, canvas=night, flashes_s=(4.0, 9.5), note="night sky, two flashes of lightning"),
        Scene(
            seconds=16,
            canvas=night,
            words=(Words(text="The end", at=(0.33, 0.3), from_s=4, to_s=13),),
            leave="fade",
            change_s=2,
            enter="dissolve",
            note="night, the end, fade to black",
        ),
    ]


def render_story(
    path: Path, *, seconds: float = 240.0, size: tuple[int, int] = (640, 360), fps: int = 24, seed: int = 7
) -> None:
    """Render the story to `path`, and write its truth next to it."""
    scenes: list[Scene] = []
    while sum(scene.seconds for scene in scenes) < seconds:
        scenes += story(seed + len(scenes))
    truth = render(path, scenes, size=size, fps=fps, seconds=seconds)
    truth.write(path.with_suffix(".json"))


def main() -> None:
    parser = argparse.ArgumentParser(description="Render a four-minute story whose cuts and movements are known.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--size", default="640x360", help="WIDTHxHEIGHT, even numbers, 16:9")
    parser.add_argument("--fps", type=int, default=24)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    width, height = (int(v) for v in args.size.split("x"))
    render_story(args.out, seconds=args.seconds, size=(width, height), fps=args.fps, seed=args.seed)


if __name__ == "__main__":
    main()
