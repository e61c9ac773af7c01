"""Measure how well `read` recognises text on screen: exact lines, and errors of spans, on rendered and encoded clips.

    python -m bench.screen_text --clips 4

Each clip has lines with random words, typefaces, sizes and positions over a static frame, H.264 at 10 frames
per second, and is processed by `decode` and `read`. Static lines have their own times. Credits scroll up, those of
kind `falling` down; tickers scroll left, those of kind `rightward` right. A scrolling line counts as shown
while half of it is visible, a ticker while three letters are. `others` counts items that match none of these lines.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from operators.core.registry import make
from operators.video.facts import probe
from tests.support.painted import FONT, Painted

_WIDTH, _HEIGHT, _FPS, _LENGTH_S = 1280, 720, 10, 12
_FACES = (
    *("dejavu/DejaVuSans", "dejavu/DejaVuSans-Bold", "dejavu/DejaVuSerif", "dejavu/DejaVuSansCondensed"),
    *("liberation/LiberationSans-Regular", "liberation/LiberationSerif-Regular", "liberation/LiberationSans-Bold"),
    *("liberation/LiberationSerif-Italic", "liberation/LiberationMono-Regular"),
)
_TEXT = """
the quick brown fox jumps over lazy dog while seven wizards make toxic brew station price total energy water
chapter figure results method minister spoke about budget harbour opens at night directed by Maria Jensen written
produced Sunday morning Berlin Paris 2024 45% $12.99 3.5 km/h Professor Anderson and introduction to linear models
we never talk about it Music Sound Camera Editing
"""
_WORDS = _TEXT.split()


@dataclass(frozen=True)
class _Line:
    painted: Painted
    face: Path
    bold: tuple[int, int, int]
    start_s: float  # start of the time in which it is readable
    end_s: float


def static(draw: Random) -> list[_Line]:
    """Return six lines at different heights, each with its times."""
    lines = []
    for row in range(6):
        start_s = draw.randint(0, 7) + draw.choice((0.0, 0.2, 0.5, 0.7))
        end_s = min(float(_LENGTH_S), start_s + draw.randint(20, 60) / 10)
        size = draw.choice((24, 28, 36, 48))
        text = _text(draw, 5 if size < 40 else 3)
        painted = Painted(text, start_s, end_s, (draw.randint(20, 300), 30 + 115 * row), size=size)
        lines.append(_Line(painted, _face(draw), _ink(draw), start_s, end_s))
    return lines


def credits_(draw: Random) -> list[_Line]:
    """Return lines that scroll up one after another."""
    speed, size, face, ink = draw.choice((60, 100, 140, 180)), draw.choice((24, 32, 40)), _face(draw), _ink(draw)
    lines = []
    for row in range(8):
        top = _HEIGHT - 100 + 2 * size * row
        seen_s = (max(0.0, (top + size / 2 - _HEIGHT) / speed), min(_LENGTH_S, (top + size / 2) / speed))
        if seen_s[0] < _LENGTH_S - 2:
            painted = Painted(_text(draw, 4), 0.0, float(_LENGTH_S), (draw.randint(100, 500), top), (0, -speed), size)
            lines.append(_Line(painted, face, ink, *seen_s))
    return lines


def falling(draw: Random) -> list[_Line]:
    """Return lines that scroll down, at more speeds, some of them visible from the start."""
    speed, size, face, ink = draw.choice((30, 80, 240, 320)), draw.choice((24, 36, 48)), _face(draw), _ink(draw)
    lines, begin = [], draw.choice((-100, 300))
    for row in range(8):
        top = begin - 2 * size * row
        seen_s = (max(0.0, -(top + size / 2) / speed), min(_LENGTH_S, (_HEIGHT - top - size / 2) / speed))
        if seen_s[0] < _LENGTH_S - 2:
            painted = Painted(_text(draw, 3), 0.0, float(_LENGTH_S), (draw.randint(100, 500), top), (0, speed), size)
            lines.append(_Line(painted, face, ink, *seen_s))
    return lines


def ticker(draw: Random) -> list[_Line]:
    """Return one line that scrolls by."""
    size, face, speed = draw.choice((28, 36)), _face(draw), draw.choice((90, 140, 200))
    text = _text(draw, 9)
    font = ImageFont.truetype(str(face), size)
    width, three = font.getlength(text), font.getlength(text[:3])
    left = draw.randint(700, 1200)
    end_s = min(float(_LENGTH_S), (left + width - three) / speed)
    painted = Painted(text, 0.0, float(_LENGTH_S), (left, draw.choice((30, 640))), (-speed, 0), size)
    return [_Line(painted, face, _ink(draw), max(0.0, (left + three - _WIDTH) / speed), end_s)]


def rightward(draw: Random) -> list[_Line]:
    """One line that runs by, its end first."""
    size, face, speed = draw.choice((28, 36)), _face(draw), draw.choice((90, 140, 200))
    text = _text(draw, 9)
    font = ImageFont.truetype(str(face), size)
    left = draw.randint(100, 400) - round(font.getlength(text))
    end_s = min(float(_LENGTH_S), (_WIDTH - left - font.getlength(text[:3])) / speed)
    painted = Painted(text, 0.0, float(_LENGTH_S), (left, draw.choice((30, 640))), (speed, 0), size)
    return [_Line(painted, face, _ink(draw), 0.0, end_s)]


_KINDS = {"static": static, "credits": credits_, "ticker": ticker, "falling": falling, "rightward": rightward}


def _text(draw: Random, most: int) -> str:
    return " ".join(draw.sample(_WORDS, draw.randint(2, most)))


def _face(draw: Random) -> Path:
    return Path(FONT).parents[1] / f"{draw.choice(_FACES)}.ttf"


def _ink(draw: Random) -> tuple[int, int, int]:
    return draw.choice(((255, 255, 255), (255, 240, 120), (240, 240, 240)))


def clip(path: Path, lines: Sequence[_Line], draw: Random) -> Path:
    """Write the clip: the lines over a gradient with soft spots."""
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    waves = sum(np.sin(x / draw.uniform(60, 300) + y / draw.uniform(60, 300) + draw.random() * 6) for _ in range(3))
    base = np.array([draw.randint(10, 60) for _ in range(3)])
    ground = np.clip(base + 12 * np.asarray(waves)[..., None] + 25 * (y / _HEIGHT)[..., None], 0, 110).astype(np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=_FPS, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        for k in range(_LENGTH_S * _FPS):
            image = Image.fromarray(ground)
            _paint(ImageDraw.Draw(image), lines, k / _FPS)
            frame = av.VideoFrame.from_image(image)  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = k, Fraction(1, _FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def _paint(canvas: Any, lines: Sequence[_Line], time_s: float) -> None:
    for line in lines:
        one = line.painted
        if one.start_s - 1e-6 <= time_s < one.end_s - 1e-6:
            gone = time_s - one.start_s
            at = ((one.at[0] or 0) + gone * one.speed[0], one.at[1] + gone * one.speed[1])
            canvas.text(at, one.text, font=ImageFont.truetype(str(line.face), one.size), fill=line.bold)


def read(path: Path, step_s: float) -> list[dict[str, Any]]:
    """Return the result of `decode` and `read` for a clip as one segment, with a frame every `step_s`."""
    whole = {"start_s": 0.0, "end_s": float(_LENGTH_S), "decode_start_s": 0.0, "decode_end_s": float(_LENGTH_S)}
    known = {"uri": str(path), "access_uri": None, "source_version": None, "subtitles_uri": None, "parts": None}
    row = {**known, **probe(str(path)), **whole, "video_id": "v", "segment_index": 0, "segment_count": 1}
    options = {"fps": 1 / step_s, "short_side_px": _HEIGHT, "signals_fps": 0}
    with make("decode", options).open() as decode, make("read", {}).open() as apply:
        items: list[dict[str, Any]] = apply(decode(row))["screen_text"]
        return items


def compared(lines: Sequence[_Line], items: Sequence[dict[str, Any]]) -> Iterator[tuple[_Line, dict[str, Any] | None]]:
    """Match each line with the most similar item, if there is one."""
    for line in lines:
        text = line.painted.text

        def like(item: dict[str, Any], text: str = text) -> tuple[float, int]:
            return SequenceMatcher(None, text, item["text"], autojunk=False).ratio(), int(item["frames"])

        best = max(items, key=like, default=None)
        yield line, best if best is not None and like(best)[0] > 0.5 else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=4, help="number of clips of each kind")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--step", type=float, default=1.0, help="seconds between frames that are read")
    parser.add_argument("--only", choices=tuple(_KINDS))
    parser.add_argument("--wrong", action="store_true", help="print lines that are wrong or off by more than a step")
    options = parser.parse_args()
    print(f"{'':9} lines  exact  without spaces  start, worst  end, worst  within a step  others")
    for name, make_lines in _KINDS.items():
        if options.only not in (None, name):
            continue
        count, exact, tight, others, off = 0, 0, 0, 0, []
        for k in range(options.clips):
            draw = Random(options.seed * 1000 + k)
            lines = make_lines(draw)
            with tempfile.TemporaryDirectory() as folder:
                items = read(clip(Path(folder, "a.mp4"), lines, draw), options.step)
            pairs = list(compared(lines, items))
            others += len(items) - len({id(item) for _, item in pairs if item is not None})
            for line, item in pairs:
                count += 1
                text = item["text"] if item else ""
                exact += text == line.painted.text
                tight += "".join(text.split()) == "".join(line.painted.text.split())
                errors = (item["start_s"] - line.start_s, item["end_s"] - line.end_s) if item else (99.0, 99.0)
                off.append(errors)
                if options.wrong and (text != line.painted.text or max(map(abs, errors)) > options.step + 1e-6):
                    span = f"{line.start_s:.2f} to {line.end_s:.2f}"
                    print(f"  {line.face.stem} {line.painted.size} px, {span}: {line.painted.text!r}")
                    print(f"    read {item and (item['text'], item['start_s'], item['end_s'], item['role'])}")
        far = np.array(off).reshape(-1, 2)
        worst = far[np.abs(far).argmax(0), [0, 1]]
        within = float((np.abs(far).max(1) <= options.step + 1e-6).mean())
        print(
            f"{name:9} {count:5d} {exact / count:6.0%} {tight / count:15.0%} "
            f"{worst[0]:+13.2f} {worst[1]:+11.2f} {within:14.0%} {others:7d}"
        )


if __name__ == "__main__":
    main()
