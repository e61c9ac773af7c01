"""Render small real video files from a script of scenes, so that their content is known.

    scenes = [Scene(seconds=6, canvas=texture("green", "yellow"), pan=0.1), Scene(seconds=4, canvas=plain("blue"))]
    truth = render(path, scenes)
    row = measured_row(path)

Everything is drawn with numpy and OpenCV and encoded by PyAV (H.264, one thread): equal scripts give equal frames.
Lengths are in frame widths, times in seconds, colours by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np

from operators.video.thumbnails import Thumbnails

Array = np.ndarray

RGB: dict[str, tuple[int, int, int]] = {
    "black": (8, 8, 8),
    "grey": (128, 128, 128),
    "white": (244, 244, 244),
    "red": (205, 35, 35),
    "orange": (245, 140, 30),
    "yellow": (245, 215, 40),
    "green": (40, 140, 50),
    "teal": (20, 140, 140),
    "blue": (50, 90, 215),
    "purple": (130, 50, 150),
    "pink": (240, 130, 170),
    "brown": (120, 80, 50),
    "beige": (225, 205, 170),
}

WIDTH, HEIGHT = 320, 180  # everything is drawn at this size and upscaled for the encoder


def texture(
    *colours: str, seed: int = 0, width: int = 3 * WIDTH, height: int = 3 * HEIGHT, grain: float = 0.35
) -> Array:
    """Return a cloudy canvas between two or more named colours, RGB uint8, shape (height, width, 3).

    It has structure at every size from a tenth of a frame to a few pixels, so that any movement is visible.
    """
    rng = np.random.default_rng(seed)
    field_ = np.zeros((height, width), np.float32)
    for cell, weight in ((90, 0.7), (36, 1.0), (14, 0.8), (6, grain)):
        small = rng.standard_normal((height // cell + 2, width // cell + 2)).astype(np.float32)
        field_ += weight * cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    rank = np.clip((field_ - field_.mean()) / (2.2 * field_.std()) * 0.5 + 0.5, 0, 1) * (len(colours) - 1)
    stops = np.array([RGB[c] for c in colours], np.float32)
    if len(stops) == 1:
        shade = 0.7 + 0.6 * np.clip((field_ - field_.mean()) / (4.4 * field_.std()) + 0.5, 0, 1)
        return np.clip(stops[0] * shade[..., None], 0, 255).astype(np.uint8)
    low = np.minimum(rank.astype(int), len(stops) - 2)
    part = (rank - low)[..., None]
    return (stops[low] * (1 - part) + stops[low + 1] * part).astype(np.uint8)


def plain(colour: str, width: int = 3 * WIDTH, height: int = 3 * HEIGHT) -> Array:
    """Return a canvas of one colour without structure."""
    return np.full((height, width, 3), RGB[colour], np.uint8)


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A shape that moves over the frame, from `at` (frame widths from the upper left corner) when the scene starts."""

    colour: str = "red"
    shape: Literal["disc", "box"] = "disc"
    size: float = 0.1  # diameter or side
    at: tuple[float, float] = (0.5, 0.28)
    speed: tuple[float, float] = (0.0, 0.0)  # widths per second, right and down


@dataclass(frozen=True, kw_only=True)
class Words:
    """Drawn text with the left end of its base line at `at` (frame widths), on a `panel` or without one."""

    text: str
    at: tuple[float, float] = (0.08, 0.5)
    size: float = 1.0
    colour: str = "white"
    panel: str | None = None
    from_s: float = 0.0
    to_s: float = 1e9


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One shot. `pan` right, `tilt` down: camera rotation, widths per second; `zoom` in: log of growth per second."""

    seconds: float
    canvas: Array
    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0
    shake: float = 0.0  # widths, root mean square
    start: tuple[float, float] | None = (
        None  # centre of the first view, as shares of the canvas; None: chosen so that the view stays inside
    )
    things: tuple[Thing, ...] = ()
    words: tuple[Words, ...] = ()
    light: tuple[float, float] = (1.0, 1.0)  # gain at its start and end
    lamps: tuple[tuple[float, float], ...] = ()  # (time, gain): a lamp that is switched at this time
    flashes_s: tuple[float, ...] = ()  # times from the start of the scene; each is two white frames
    enter: Literal["cut", "fade", "dissolve"] = "cut"
    leave: Literal["cut", "fade"] = "cut"
    change_s: float = 1.0  # duration of a fade or dissolve
    seed: int = 0
    note: str = ""


@dataclass
class Truth:
    """The content of the file. Times in seconds from the first frame."""

    seconds: float = 0.0
    cuts_s: list[float] = field(default_factory=list)
    fades_s: list[tuple[str, float, float]] = field(default_factory=list)
    dissolves_s: list[tuple[float, float]] = field(default_factory=list)
    flashes_s: list[float] = field(default_factory=list)
    scenes: list[dict[str, Any]] = field(default_factory=list)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.__dict__, indent=1) + "\n", "utf-8")


def render(
    path: Path,
    scenes: Sequence[Scene],
    *,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    fps: int = 24,
    seconds: float | None = None,
    noise: float = 1.0,
) -> Truth:
    """Write the scenes to `path`, at most `seconds` of them; `noise` is the grain in grey levels."""
    truth = truth_of(scenes, fps, seconds)
    rng = np.random.default_rng(1)
    grain = [rng.normal(0, noise, (HEIGHT, WIDTH, 1)).astype(np.int16) for _ in range(7)] if noise else []
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "20", "threads": "1", "g": str(5 * fps)}
        stream.codec_context.thread_count = 1
        count = round(truth.seconds * fps)
        for k, clean in zip(range(count), frames(scenes, fps), strict=False):
            image = np.clip(clean + grain[k % len(grain)], 0, 255).astype(np.uint8) if grain else clean
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, fps)
            out.mux(stream.encode(frame.reformat(*size, format="yuv420p", interpolation="BICUBIC")))
        out.mux(stream.encode())
    return truth


def truth_of(scenes: Sequence[Scene], fps: int = 24, seconds: float | None = None) -> Truth:
    """Return the content that `render` will show."""
    truth = Truth()
    now = 0.0
    for scene in scenes:
        length = round(scene.seconds * fps) / fps
        end = now + length
        if scene.enter == "fade":
            truth.fades_s.append(("in", now, now + scene.change_s))
        elif now > 0 and scene.enter == "dissolve":
            truth.dissolves_s.append((now, now + scene.change_s))
        elif now > 0 and truth.scenes[-1]["leave"] == "cut":
            truth.cuts_s.append(now)
        if scene.leave == "fade":
            truth.fades_s.append(("out", end - scene.change_s, end))
        truth.flashes_s += [now + f for f in scene.flashes_s]
        told = {k: getattr(scene, k) for k in ("pan", "tilt", "zoom", "shake", "enter", "leave", "light", "note")}
        told |= {"start_s": now, "end_s": end, "words": [w.text for w in scene.words]}
        told["things"] = [{"colour": t.colour, "speed": list(t.speed), "at": list(t.at)} for t in scene.things]
        truth.scenes.append(told)
        now = end
    truth.seconds = now if seconds is None else min(now, seconds)
    truth.cuts_s = [t for t in truth.cuts_s if t < truth.seconds]
    truth.scenes = [s for s in truth.scenes if s["start_s"] < truth.seconds]
    return truth


def frames(scenes: Sequence[Scene], fps: int) -> Iterator[Array]:
    """Yield every frame, RGB uint8, shape (HEIGHT, WIDTH, 3). Dissolves blend with the previous scene's last frame."""
    last: Array | None = None
    for scene in scenes:
        count = round(scene.seconds * fps)
        change = round(scene.change_s * fps)
        before = last
        for k in range(count):
            frame = _frame(scene, k / fps, k, count)
            if scene.enter == "fade" and k < change:
                frame = _mix(np.zeros_like(frame), frame, k / change)
            elif scene.enter == "dissolve" and before is not None and k < change:
                frame = _mix(before, frame, k / change)
            if scene.leave == "fade" and k >= count - change:
                frame = _mix(np.zeros_like(frame), frame, (count - 1 - k) / change)
            if any(0 <= k / fps - f < 2 / fps - 1e-9 for f in scene.flashes_s):
                frame = _mix(frame, np.full_like(frame, 255), 0.85)
            last = frame
            yield frame


def _mix(a: Array, b: Array, share: float) -> Array:
    return cv2.addWeighted(a, 1 - share, b, share, 0)


def _frame(scene: Scene, time_s: float, k: int, count: int) -> Array:
    height, width = scene.canvas.shape[:2]
    x, y = _path(scene, width, height, time_s)
    if scene.shake:
        dx, dy = _shake(scene, k, count)
        x, y = x + dx * WIDTH, y + dy * WIDTH
    growth = float(np.exp(scene.zoom * (time_s - (scene.seconds if scene.zoom < 0 else 0))))
    move = np.array([[1 / growth, 0, x - WIDTH / 2 / growth], [0, 1 / growth, y - HEIGHT / 2 / growth]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    frame = cv2.warpAffine(scene.canvas, move, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    for thing in scene.things:
        _draw(frame, thing, time_s)
    gain = scene.light[0] + (scene.light[1] - scene.light[0]) * k / max(1, count - 1)
    gain *= next((g for at_s, g in reversed(scene.lamps) if time_s >= at_s), 1.0)
    if gain != 1.0:
        frame = np.clip(frame * gain, 0, 255).astype(np.uint8)
    for words in scene.words:
        if words.from_s <= time_s < words.to_s:
            at = (round(words.at[0] * WIDTH), round(words.at[1] * WIDTH))
            font = cv2.FONT_HERSHEY_DUPLEX
            if words.panel is not None:
                (width, height), _ = cv2.getTextSize(words.text, font, words.size, 1)
                corners = (at[0] - 4, at[1] - height - 4), (at[0] + width + 4, at[1] + 6)
                cv2.rectangle(frame, *corners, RGB[words.panel], -1)
            cv2.putText(frame, words.text, at, font, words.size, RGB["black"], 4, cv2.LINE_AA)
            cv2.putText(frame, words.text, at, font, words.size, RGB[words.colour], 1, cv2.LINE_AA)
    return frame


def _path(scene: Scene, width: int, height: int, time_s: float) -> tuple[float, float]:
    """Return the centre of the view on the canvas, px."""
    if scene.start is None:  # the path is centred on the canvas
        x0 = width / 2 - scene.pan * WIDTH * scene.seconds / 2
        y0 = height / 2 - scene.tilt * WIDTH * scene.seconds / 2
    else:
        x0, y0 = scene.start[0] * width, scene.start[1] * height
    return x0 + scene.pan * WIDTH * time_s, y0 + scene.tilt * WIDTH * time_s


def _shake(scene: Scene, k: int, count: int) -> Array:
    """Return the tremble of a hand: noise with a period of about a third of a second."""
    rng = np.random.default_rng(scene.seed + 99)
    knots = rng.standard_normal((count // 4 + 3, 2)) * scene.shake
    a, part = divmod(k / 4, 1)
    part = part * part * (3 - 2 * part)
    return knots[int(a)] * (1 - part) + knots[int(a) + 1] * part


def _draw(frame: Array, thing: Thing, time_s: float) -> None:
    x = (thing.at[0] + thing.speed[0] * time_s) * WIDTH * 16
    y = (thing.at[1] + thing.speed[1] * time_s) * WIDTH * 16
    half = thing.size * WIDTH / 2 * 16
    colour = RGB[thing.colour]
    if thing.shape == "disc":
        cv2.circle(frame, (round(x), round(y)), round(half), colour, -1, cv2.LINE_AA, 4)
    else:
        a, b = (round(x - half), round(y - half)), (round(x + half), round(y + half))
        cv2.rectangle(frame, a, b, colour, -1, cv2.LINE_AA, 4)


def measured_row(
    path: Path,
    *,
    fps: float = 1.0,
    signals_fps: float = 8.0,
    side_px: int = 336,
    signals: bool = True,
) -> dict[str, Any]:
    """Return the decoded segment row of a whole file by sequential decoding: frames and signals on their grids.

    The frame at grid time t is the last one whose time is not after t.
    """
    frames: list[dict[str, Any]] = []
    thumbnails = Thumbnails(signals_fps, Fraction(1))
    with av.open(str(path)) as file:
        stream = file.streams.best("video")
        step_s = float(1 / stream.average_rate)
        decoded = [(float(f.pts * stream.time_base), f) for f in file.decode(stream)]
    first_s = decoded[0][0]
    last: Any = None
    last_s = 0.0
    for pts_s, frame in [*decoded, (float("inf"), None)]:
        time_s = pts_s - first_s
        while last is not None and _due(len(frames) / fps, time_s, last_s, frame is None):
            frames.append(_jpeg(last, len(frames) / fps, last_s + first_s, side_px))
        if signals and frame is not None:
            thumbnails.see(time_s, frame)
        if frame is not None:
            last, last_s = frame, time_s
    end_s = round(last_s + step_s, 6)
    dense = thumbnails.result() if signals else None
    spans = {"start_s": 0.0, "end_s": end_s, "decode_start_s": 0.0, "decode_end_s": end_s, "duration_s": end_s}
    return {"images": frames, "signals": dense, "subtitle_lines": None, **spans}


def _due(wanted_s: float, next_s: float, last_s: float, at_end: bool) -> bool:
    """Return whether the last frame is the one shown at `wanted_s`."""
    return wanted_s <= last_s + 1e-6 if at_end else wanted_s < next_s - 1e-6


def _jpeg(frame: av.VideoFrame, time_s: float, pts_s: float, side_px: int) -> dict[str, Any]:
    scale = min(1.0, side_px / min(frame.width, frame.height))
    image = frame.reformat(round(frame.width * scale), round(frame.height * scale), format="rgb24").to_ndarray()
    _, jpeg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return {"time_s": time_s, "pts_s": pts_s, "jpeg": jpeg.tobytes()}
