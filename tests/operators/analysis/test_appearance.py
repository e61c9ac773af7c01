"""Colours by name, light, and black and white."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from operators.analysis.appearance import colours_of, decode, light_of, look
from operators.core.base import ItemError

NAMED = {
    "red": (205, 35, 35),
    "orange": (245, 140, 30),
    "yellow": (245, 215, 40),
    "green": (40, 140, 50),
    "teal": (20, 140, 140),
    "blue": (40, 80, 230),
    "purple": (130, 50, 150),
    "pink": (240, 100, 160),
    "brown": (120, 80, 50),
    "beige": (225, 205, 170),
    "black": (5, 5, 5),
    "grey": (128, 128, 128),
    "white": (250, 250, 250),
    "light blue": (135, 206, 235),
    "dark green": (10, 60, 15),
    "dark blue": (10, 10, 90),
}


def flat(rgb: tuple[int, int, int]) -> np.ndarray:
    return np.full((36, 64, 3), rgb, np.uint8)


@pytest.mark.parametrize("name", NAMED)
def test_colours_have_the_names_that_people_give_them(name: str) -> None:
    assert look(flat(NAMED[name])).names[0].name == name


def test_shares_are_shares_of_the_frame() -> None:
    frame = flat(NAMED["red"])
    frame[:, :16] = NAMED["white"]
    assert [(c.name, c.share) for c in look(frame).names] == [("red", 0.75), ("white", 0.25)]


def test_small_shares_are_not_named() -> None:
    frame = flat(NAMED["red"])
    frame[:, :4] = NAMED["white"]
    assert [c.name for c in colours_of([look(frame)])] == ["red"]


def test_black_and_white_survives_jpeg_and_one_colour_ends_it() -> None:
    rng = np.random.default_rng(0)
    grey = np.repeat(rng.integers(0, 255, (90, 160, 1)), 3, axis=2).astype(np.uint8)
    assert look(decode(cv2.imencode(".jpg", grey)[1].tobytes())).grey
    grey[20:60, 20:60] = NAMED["red"]
    assert not look(decode(cv2.imencode(".jpg", grey)[1].tobytes())).grey


@pytest.mark.parametrize(
    ("grey", "level"), [(0, "black"), (25, "very dark"), (50, "dark"), (110, "medium"), (240, "very bright")]
)
def test_light_has_a_word(grey: int, level: str) -> None:
    seen = look(flat((grey, grey, grey)))
    assert light_of([seen.mean], [seen.contrast], [seen.high]).level == level


def test_a_lamp_in_the_dark_is_not_black() -> None:
    frame = flat((0, 0, 0))
    frame[:8, :8] = 255
    seen = look(frame)
    assert light_of([seen.mean], [seen.contrast], [seen.high]).level == "very dark"


@pytest.mark.parametrize(
    ("means", "change"),
    [
        ([0.2, 0.3, 0.4, 0.5], "brightens"),
        ([0.5, 0.4, 0.2], "darkens"),
        ([0.3, 0.6, 0.3], "steady"),
        ([0.3, 0.33, 0.35], "steady"),
    ],
)
def test_light_changes_only_where_it_goes_one_way(means: list[float], change: str) -> None:
    assert light_of(means, [0.1] * len(means), [0.9] * len(means)).change == change


def test_what_is_no_jpeg_is_an_item_error() -> None:
    with pytest.raises(ItemError, match="is not a JPEG"):
        decode(b"not a frame")
