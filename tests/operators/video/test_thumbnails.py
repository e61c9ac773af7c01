"""Thumbnails and the jumps between them, on real decoded frames."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from operators.video.thumbnails import Thumbnails
from tests.support.scenes import Scene, plain, texture
from tests.support.scenes import render as film


def _signals(path: Path, fps: float = 8.0) -> dict[str, Any]:
    thumbnails = Thumbnails(fps, Fraction(1))
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.time is not None
            thumbnails.see(frame.time, frame)
    return thumbnails.result()


@pytest.mark.parametrize("cut_s", [1.0, 1 + 1 / 24, 1 + 2 / 24])
@pytest.mark.parametrize("fps", [2.0, 8.0, 24.0])
def test_a_jump_is_placed_to_the_frame_wherever_thumbnails_lie(cut_s: float, fps: float, tmp_path: Path) -> None:
    scenes = [Scene(seconds=cut_s, canvas=texture("red", "white")), Scene(seconds=1, canvas=texture("blue", seed=3))]
    film(tmp_path / "film.mp4", scenes)
    (jump,) = _signals(tmp_path / "film.mp4", fps)["jumps"]
    assert jump["time_s"] == pytest.approx(cut_s)
    assert jump["step"] > 20 and jump["beside"] < 2
    sides = [np.frombuffer(jump[name], np.uint8).astype(int) for name in ("earlier", "before", "after", "later")]
    steps = [float(np.abs(b - a).mean()) for a, b in pairwise(sides)]
    assert steps[1] > 20 > 2 > max(steps[0], steps[2])


def test_colours_of_one_luma_are_told_apart(tmp_path: Path) -> None:
    green, red = np.full((540, 960, 3), (0, 100, 0), np.uint8), np.full((540, 960, 3), (196, 0, 0), np.uint8)
    film(tmp_path / "film.mp4", [Scene(seconds=1, canvas=green), Scene(seconds=1, canvas=red)], noise=0)
    (jump,) = _signals(tmp_path / "film.mp4")["jumps"]
    assert jump["colour_step"] > 20 > 5 > jump["step"]


def test_a_still_and_a_steady_pan_have_none(tmp_path: Path) -> None:
    film(tmp_path / "film.mp4", [Scene(seconds=2, canvas=plain("blue"))])
    assert _signals(tmp_path / "film.mp4")["jumps"] == []
    film(tmp_path / "film.mp4", [Scene(seconds=3, canvas=texture("green", "yellow"), pan=0.1)])
    assert len(_signals(tmp_path / "film.mp4")["jumps"]) <= 2


@pytest.mark.parametrize("format_", ["yuv420p", "yuvj420p", "yuv444p", "yuv422p"])
@pytest.mark.parametrize("size", [(1920, 1080), (1366, 768), (1080, 1920), (800, 332), (426, 240), (258, 146)])
def test_samples_of_a_frame_say_what_all_of_it_does(format_: str, size: tuple[int, int]) -> None:
    width, height = size
    drawn = texture("green", "yellow", "black", seed=5, width=width, height=height, grain=0.6)
    frame = av.VideoFrame.from_ndarray(drawn, format="rgb24").reformat(format=format_)
    thumbnails = Thumbnails(8.0, Fraction(1))
    thumbnails.see(0.0, frame)
    told = thumbnails.result()
    small = told["width_px"], told["height_px"]
    every = frame.reformat(*small, "yuvj444p", interpolation="AREA").to_ndarray()[0].astype(int)
    off = np.abs(np.frombuffer(told["luma"], np.uint8).reshape(every.shape) - every)
    assert every.std() > 15 and off.mean() < 1.5
    assert abs(int(every.sum()) - sum(told["luma"])) < 0.5 * every.size, "neither lighter nor darker on the whole"
