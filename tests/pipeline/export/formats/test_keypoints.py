"""Keypoints on a texture whose movement is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.export.formats.keypoints import Keypoints

_HEIGHT, _WIDTH = 180, 320


def _texture(seed: int) -> Any:
    noise = np.random.default_rng(seed).integers(0, 255, (_HEIGHT // 8, _WIDTH // 8), np.uint8)
    return cv2.resize(noise, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_CUBIC)


def _moved(image: Any, right_px: float, down_px: float) -> Any:
    by = np.array([[1, 0, right_px], [0, 1, down_px]], np.float32)
    return cv2.warpAffine(image, by, (_WIDTH, _HEIGHT), borderMode=cv2.BORDER_REFLECT)


def _states(keypoints: Keypoints, frames: list[Any]) -> Iterator[dict[tuple[int, ...], Any]]:
    """Colour -> place after each frame, of colours that one keypoint alone has."""
    for frame in frames:
        drawn = keypoints(frame)
        assert drawn.shape == (_HEIGHT, _WIDTH, 3) and drawn.dtype == np.uint8
        colours = [tuple(map(int, c)) for c in keypoints._colours]
        yield {c: p for c, p in zip(colours, keypoints._points, strict=True) if colours.count(c) == 1}


def test_they_move_with_what_they_are_on_and_keep_their_colour() -> None:
    image = _texture(1)
    frames = [_moved(image, 2.0 * k, 1.0 * k) for k in range(8)]
    states = list(_states(Keypoints(200), frames))
    both = sorted(set(states[0]) & set(states[-1]))
    steps = np.array([states[-1][c] - states[0][c] for c in both])
    assert len(both) > 50
    assert np.median(np.abs(steps - (14.0, 7.0)).max(axis=1)) < 0.1
    assert (np.abs(steps - (14.0, 7.0)).max(axis=1) < 1.0).mean() > 0.9


def test_a_cut_drops_them_and_new_ones_are_found() -> None:
    keypoints = Keypoints(200)
    first, after = _states(keypoints, [_texture(1), _texture(2)])
    stayed = [c for c in set(first) & set(after) if np.linalg.norm(first[c] - after[c]) < 1.0]
    assert len(after) > 100 and len(stayed) < len(first) / 10


def test_a_plain_frame_has_none() -> None:
    assert Keypoints(10)(np.full((_HEIGHT, _WIDTH), 128, np.uint8)).max() == 0


@pytest.mark.parametrize("count", [1, 25])
def test_there_are_never_more_than_asked_for(count: int) -> None:
    keypoints = Keypoints(count)
    for k in range(5):
        keypoints(_moved(_texture(3), 9.0 * k, 0.0))
        assert 0 < len(keypoints._points) <= count


def test_equal_clips_give_equal_tracks() -> None:
    frames = [_moved(_texture(4), 3.0 * k, 0.0) for k in range(4)]
    one, two = Keypoints(100), Keypoints(100)
    assert all(np.array_equal(one(f), two(f)) for f in frames)
