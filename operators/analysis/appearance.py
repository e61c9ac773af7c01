"""Appearance of a frame: its colours by name, its light, its contrast, and whether it is black and white.

Colours are named by the nearest colour of a small palette in CIE Lab, weighted by common usage: colours below a chroma
at which no hue is visible are greys, named by lightness. Shares below a tenth are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from operators.analysis.facts import Colour, Light, LightChange, LightLevel
from operators.analysis.signals import FloatArray
from operators.core.base import ItemError

_GREY_CHROMA = 9.0  # Lab chroma below which a patch looks grey; film grain and JPEG leave 2 to 5 on true greys
_GREY_SHARE = 0.985  # least share of pixels without hue in a black and white frame
_LOOK_PX = 64  # frames are decoded at about this width

# Hue names by CIE Lab hue angle (degrees); borders between the focal colours of Berlin and Kay's basic terms, measured
# on their sRGB renderings (red 40, orange 65, yellow 103, green 136, cyan 196, blue 280-306, purple 320, pink 0).
_HUES: tuple[tuple[float, str], ...] = (
    (18.0, "pink"),
    (48.0, "red"),
    (80.0, "orange"),
    (113.0, "yellow"),
    (172.0, "green"),
    (222.0, "teal"),
    (310.0, "blue"),
    (333.0, "purple"),
    (360.0, "pink"),
)


_HUE_EDGES = np.array([edge for edge, _ in _HUES])


@dataclass(frozen=True)
class Look:
    """Measurements of one frame.

    Attributes:
        names: colour names with their shares, largest first.
        mean, contrast: mean and standard deviation of luma, 0 to 1.
        high: 98th percentile of luma, 0 to 1.
        grey: whether no pixel has a hue.
        ninths: mean luma (0 to 1) and mean chroma (Lab) by ninths of the frame, shape (2, 3, 3).
        small: the frame at 16x9, RGB, float32, shape (9, 16, 3).
    """

    names: tuple[Colour, ...]
    mean: float
    contrast: float
    high: float
    grey: bool
    ninths: FloatArray
    small: FloatArray


def decode(jpeg: bytes) -> npt.NDArray[np.uint8]:
    """Decode a JPEG to RGB, uint8, shape (height, width, 3), at a quarter of the size or less, which is enough here.

    Raises:
        ItemError: class `internal`, the bytes are not a JPEG.
    """
    import cv2

    flag = cv2.IMREAD_REDUCED_COLOR_4 if len(jpeg) > 8_000 else cv2.IMREAD_COLOR
    frame = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flag)
    if frame is None:
        raise ItemError("internal", f"a frame of {len(jpeg)} bytes is not a JPEG")
    height, width = frame.shape[:2]
    if width > 1.5 * _LOOK_PX:
        size = (_LOOK_PX, max(1, round(height * _LOOK_PX / width)))
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(frame[..., ::-1])


def look(frame: npt.NDArray[np.uint8]) -> Look:
    """Measure one RGB frame."""
    import cv2

    lab = cv2.cvtColor(frame.astype(np.float32) / 255.0, cv2.COLOR_RGB2Lab)
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255.0
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    codes = name_codes(lab)
    counts = np.bincount(codes.ravel(), minlength=len(names()))
    order = np.argsort(-counts, kind="stable")
    colours = tuple(Colour(name=names()[k], share=float(counts[k] / codes.size)) for k in order if counts[k])
    ninths = np.zeros((2, 3, 3), np.float32)
    for i, plane in enumerate((luma, chroma)):
        ninths[i] = cv2.resize(plane, (3, 3), interpolation=cv2.INTER_AREA)
    return Look(
        names=colours,
        mean=float(luma.mean()),
        contrast=float(luma.std()),
        high=float(np.percentile(luma, 98)),
        grey=bool((chroma < _GREY_CHROMA).mean() >= _GREY_SHARE),
        ninths=ninths,
        small=cv2.resize(frame, (16, 9), interpolation=cv2.INTER_AREA).astype(np.float32),
    )


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Return all colour names; a code of `name_codes` is an index into them."""
    hues = sorted({name for _, name in _HUES})
    plain = ["black", "dark grey", "grey", "light grey", "white", "brown", "beige", "olive"]
    return (*plain, *(f"{shade}{hue}" for hue in hues for shade in ("dark ", "", "light ")))


@lru_cache(maxsize=1)
def _places() -> tuple[dict[str, int], npt.NDArray[np.int64], dict[str, npt.NDArray[np.bool_]]]:
    """Return the code of each name; the code of the dark shade of each of `_HUES`; and a mask of `_HUES` by name."""
    place = {name: k for k, name in enumerate(names())}
    dark = np.array([place[f"dark {name}"] for _, name in _HUES])
    return place, dark, {name: np.array([n == name for _, n in _HUES]) for _, name in _HUES}


def name_codes(lab: Any) -> npt.NDArray[np.int64]:
    """Return the name of every pixel of a Lab frame (L 0 to 100), as indices into `names()`."""
    place, base_of, is_of = _places()
    light, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    chroma = np.hypot(a, b)
    hue = np.degrees(np.arctan2(b, a)) % 360
    index = np.searchsorted(_HUE_EDGES, hue, side="right").clip(0, len(_HUES) - 1)
    base = base_of[index]
    shade = np.where(light < 32, 0, np.where(light < 76, 1, 2))
    codes = base + shade
    is_yellow, is_orange, is_red = (is_of[name][index] for name in ("yellow", "orange", "red"))
    codes = np.where(is_yellow & (light >= 60) & (chroma >= 35), place["yellow"], codes)
    codes = np.where(is_orange & (light >= 55) & (chroma >= 45), place["orange"], codes)
    brown = (is_orange | is_red | is_yellow) & (light < 58) & (chroma < 52 - 10 * (light > 48))
    codes = np.where(brown, place["brown"], codes)
    codes = np.where((is_orange | is_yellow | is_red) & (light >= 58) & (chroma < 35), place["beige"], codes)
    # dull yellow-green is olive, not brown, such as grass and leaves in the sun
    codes = np.where((hue >= 95) & (hue < 113) & (light >= 20) & (light < 70), place["olive"], codes)
    grey = np.array([place[n] for n in ("black", "dark grey", "grey", "light grey", "white")])
    greys = grey[np.searchsorted(np.array([14.0, 38.0, 68.0, 88.0]), light)]
    codes = np.where(chroma < _GREY_CHROMA + 3, greys, codes)
    return np.where((light < 5) | ((light < 12) & (chroma < 30)), place["black"], codes).astype(np.int64)


def colours_of(looks: Sequence[Look], most: int = 3, least: float = 0.1) -> tuple[Colour, ...]:
    """Return the main colours of several frames, by mean share."""
    total: dict[str, float] = {}
    for one in looks:
        for colour in one.names:
            total[colour.name] = total.get(colour.name, 0.0) + colour.share / len(looks)
    best = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Colour(name=n, share=s) for n, s in best[:most] if s >= least)


def light_of(means: Sequence[float], contrasts: Sequence[float], highs: Sequence[float]) -> Light:
    """Return the light of a span from mean luma, contrast and 98th percentile of each frame, 0 to 1."""
    mean = float(np.mean(means))
    return Light(
        level=light_level(mean, float(np.max(highs))),
        mean=mean,
        contrast=float(np.mean(contrasts)),
        change=_change(np.asarray(means)),
    )


def light_level(mean: float, high: float) -> LightLevel:
    """Return a word for mean luma; "black" only if even the lightest pixels are."""
    if high < 0.08:
        return "black"
    edges: tuple[tuple[float, LightLevel], ...] = (
        (0.12, "very dark"),
        (0.28, "dark"),
        (0.58, "medium"),
        (0.8, "bright"),
    )
    return next((word for limit, word in edges if mean < limit), "very bright")


def _change(means: npt.NDArray[np.float64]) -> LightChange:
    """Return the change of light, if it is an eighth of the range and monotonic."""
    if len(means) < 3:
        return "steady"
    total = float(means[-1] - means[0])
    steps = np.diff(means) * np.sign(total)
    if abs(total) < 0.12 or steps.min() < -0.02:
        return "steady"
    return "brightens" if total > 0 else "darkens"
