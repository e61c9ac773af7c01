"""Frames as they leave: the colours of the video, whatever came before them."""

from __future__ import annotations

from fractions import Fraction
from threading import Thread

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from operators.video.images import to_rgb
from operators.video.size import Size
from tests.support.scenes import texture

SIZE = Size(short_side_px=336)


def _frame(
    width: int, height: int, format_: str, *, matrix: Colorspace = Colorspace.ITU709, seed: int = 5
) -> av.VideoFrame:
    drawn = texture("green", "yellow", "red", seed=seed, width=width, height=height, grain=0.6)
    whole = ColorRange.JPEG if format_.startswith("yuvj") else ColorRange.MPEG
    return av.VideoFrame.from_ndarray(drawn, format="rgb24").reformat(
        format=format_, dst_colorspace=matrix, dst_color_range=whole
    )


def _mean_of_all(frame: av.VideoFrame, width: int, height: int) -> np.ndarray:
    """What it should be: every pixel in 16 bits of each colour, and of these the mean of each area."""
    every = frame.reformat(format="rgb48le", interpolation="BICUBIC").to_ndarray().astype(np.float32) / 257
    return cv2.resize(every, (width, height), interpolation=cv2.INTER_AREA)


def _noise_db(frame: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio."""
    return float(10 * np.log10(255**2 / ((frame - truth) ** 2).mean()))


@pytest.mark.parametrize("format_", ["yuv420p", "yuvj420p", "yuv422p", "yuv420p10le"])
@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709])
@pytest.mark.parametrize("height", [1080, 720, 576, 432, 360])
def test_colours_stay(format_: str, matrix: Colorspace, height: int) -> None:
    frame = _frame(height * 16 // 9, height, format_, matrix=matrix)
    image = to_rgb(frame, aspect=Fraction(1), size=SIZE)
    truth = _mean_of_all(frame, 597, 336)
    assert image.shape == (336, 597, 3) and truth.std() > 40
    straight = frame.reformat(597, 336, "rgb24", interpolation="AREA").to_ndarray()
    assert _noise_db(image, truth) > min(40, _noise_db(straight, truth) - 0.5)
    tint = np.abs((image - truth).mean(axis=(0, 1))).max()
    assert tint < np.abs((straight - truth).mean(axis=(0, 1))).max() + 0.5


def test_scalers_that_are_kept_heed_another_size_format_and_matrix() -> None:
    frames = [
        _frame(1280, 720, "yuv420p"),
        _frame(1280, 720, "yuv420p", matrix=Colorspace.ITU601, seed=6),
        _frame(640, 480, "yuv420p", seed=7),
        _frame(1280, 720, "yuvj420p", seed=8),
        _frame(320, 240, "yuv420p", seed=9),
        _frame(1280, 720, "yuv422p", seed=10),
    ]
    alone = []
    for frame in frames:
        found: list[np.ndarray] = []
        thread = Thread(target=lambda f=frame, found=found: found.append(to_rgb(f, aspect=Fraction(1), size=SIZE)))
        thread.start()  # a thread of its own has scalers of its own
        thread.join()
        alone += found
    for frame, image in [*zip(frames, alone, strict=True)] * 2:
        assert np.array_equal(to_rgb(frame, aspect=Fraction(1), size=SIZE), image)
