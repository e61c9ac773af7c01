"""Draw a story with numpy and OpenCV, and encode it with PyAV. Equal stories give equal frames."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.exam.events import COLOURS, PLACES
from pipeline.evaluation.exam.story import Actor, Scene, Story

Image = NDArray[np.uint8]

_SHIFT = 4  # fractional bits of OpenCV's coordinates
_NIGHT = (0.38, 0.8)  # brightness at night of the place and of the shapes, which glow a little
_CANVAS = 3  # frame widths after which a place repeats
_DRAWN = 128  # side in px at which a place is painted


def render(story: Story, time_s: float, side_px: int) -> Image:
    """Return the frame on screen at `time_s`: RGB uint8, shape (side_px, side_px, 3)."""
    scene = next(s for s in reversed(story.scenes) if s.start_s <= time_s + 1e-9 or s is story.scenes[0])
    day = _at(story.light, time_s)
    zoom = _at(scene.zooms, time_s)
    image = _place(scene, _at(scene.pans, time_s), zoom, side_px)
    ground, glow = (night + (1 - night) * day for night in _NIGHT)
    image = _dimmed(image, ground)
    for actor in scene.actors:
        if actor.keys[0][0] <= time_s < actor.end_s:
            _shape(image, actor, time_s, zoom, glow)
    for start_s, end_s, text in story.words:
        if start_s <= time_s < end_s:
            _word(image, text)
    for start_s, end_s in story.fades:
        if start_s < time_s < end_s:
            image = _dimmed(image, abs(2 * (time_s - start_s) / (end_s - start_s) - 1))
    return image


def write_video(story: Story, path: Path, *, side_px: int = 192, fps: int = 8) -> None:
    """Encode the story as H.264 in one thread, with a keyframe every five seconds and a little grain."""
    random = np.random.default_rng(story.seed)
    grain = [random.normal(0, 1.5, (side_px, side_px, 1)).astype(np.int16) for _ in range(7)]
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = side_px, side_px, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "18", "threads": "1", "g": str(5 * fps)}
        stream.codec_context.thread_count = 1
        for k in range(round(story.seconds * fps)):
            clean = render(story, k / fps, side_px)
            frame = av.VideoFrame.from_ndarray(np.clip(clean + grain[k % 7], 0, 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def where(actor: Actor, time_s: float) -> tuple[float, float, float]:
    """Return x, y and radius of a shape, as shares of the side, before zoom; motion starts and stops gently."""
    last = actor.keys[0]
    for key in actor.keys:
        if key[0] > time_s:
            part = (time_s - last[0]) / (key[0] - last[0])
            part = part * part * (3 - 2 * part)
            x, y, r = (a + (b - a) * part for a, b in zip(last[1:], key[1:], strict=True))
            return x, y, r
        last = key
    return last[1], last[2], last[3]


def on_screen(actor: Actor, scene: Scene, time_s: float) -> tuple[float, float, float]:
    """As `where`, with zoom applied."""
    zoom = _at(scene.zooms, time_s)
    x, y, r = where(actor, time_s)
    return 0.5 + (x - 0.5) * zoom, 0.5 + (y - 0.5) * zoom, r * zoom


def _dimmed(image: Image, light: float) -> Image:
    return np.asarray(cv2.convertScaleAbs(image, alpha=light), np.uint8)


def _at(keys: list[tuple[float, float]], time_s: float) -> float:
    return float(np.interp(time_s, [k[0] for k in keys], [k[1] for k in keys]))


@lru_cache(maxsize=64)
def _canvas(place: str, seed: int) -> Image:
    """Draw clouds and columns in the place's colour; returns RGB, shape (_DRAWN, _CANVAS * _DRAWN, 3)."""
    random = np.random.default_rng(seed)
    height, width = _DRAWN, _CANVAS * _DRAWN
    shade = np.zeros((height, width), np.float32)
    for cells, weight in ((4, 0.10), (10, 0.07), (32, 0.05)):
        small = random.standard_normal((cells, _CANVAS * cells)).astype(np.float32)
        wrapped = np.concatenate([small, small[:, :1]], 1)  # the right edge continues at the left one
        grown = cv2.resize(wrapped, (width + _DRAWN // cells, height), interpolation=cv2.INTER_CUBIC)
        shade += weight * grown[:, :width]
    x = random.uniform(0, 0.4)
    while x < _CANVAS - 0.1:
        a, b = round(x * _DRAWN), round((x + random.uniform(0.05, 0.08)) * _DRAWN)
        shade[:, a:b] += random.choice([0.45, -0.4])
        x += random.uniform(0.3, 0.5)
    colour = np.array(PLACES[place], np.float32) + random.uniform(-5, 5, 3)
    return np.clip(colour * (1 + shade[..., None]), 0, 255).astype(np.uint8)


def _place(scene: Scene, pan: float, zoom: float, side_px: int) -> Image:
    canvas = _canvas(scene.place, scene.seed)
    scale = _DRAWN / side_px / zoom
    x, y = (pan + 0.5 - 0.5 / zoom) * _DRAWN, (0.5 - 0.5 / zoom) * _DRAWN
    move = np.array([[scale, 0, x], [0, scale, y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(canvas, move, (side_px, side_px), flags=flags, borderMode=cv2.BORDER_WRAP))


def _shape(image: Image, actor: Actor, time_s: float, zoom: float, glow: float) -> None:
    side = image.shape[0]
    x, y, r = where(actor, time_s)
    x, y, r = (0.5 + (x - 0.5) * zoom) * side, (0.5 + (y - 0.5) * zoom) * side, r * zoom * side
    colour = tuple(int(c * glow) for c in COLOURS[actor.colour])
    if actor.shape == "circle":
        centre = (round((x - 0.5) * 2**_SHIFT), round((y - 0.5) * 2**_SHIFT))
        cv2.circle(image, centre, round(r * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT)
        return
    points = np.array([(x - 0.5, y - 0.5)]) + r * _OUTLINES[actor.shape]
    cv2.fillPoly(image, [np.round(points * 2**_SHIFT).astype(np.int32)], colour, cv2.LINE_AA, _SHIFT)


_ARM = 0.36
_OUTLINES = {
    "square": np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * 0.88,
    "triangle": np.array([(0, -1.1), (1.05, 0.75), (-1.05, 0.75)]),
    "cross": np.array(
        [
            (-_ARM, -1.1),
            (_ARM, -1.1),
            (_ARM, -_ARM),
            (1.1, -_ARM),
            (1.1, _ARM),
            (_ARM, _ARM),
            (_ARM, 1.1),
            (-_ARM, 1.1),
            (-_ARM, _ARM),
            (-1.1, _ARM),
            (-1.1, -_ARM),
            (-_ARM, -_ARM),
        ]
    ),
}


def _word(image: Image, text: str) -> None:
    """Draw a word at the lower edge, white on black, about two thirds of the frame wide."""
    side = image.shape[0]
    scale = side / 96 * 0.62
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    at = ((side - width) // 2, round(0.97 * side))
    cv2.rectangle(image, (at[0] - 3, at[1] - height - 3), (at[0] + width + 3, at[1] + 3), (0, 0, 0), -1)
    thick = max(1, round(side / 96 * 1.4))
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (250, 250, 250), thick, cv2.LINE_AA)
