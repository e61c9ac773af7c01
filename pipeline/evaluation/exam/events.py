"""The events and actors of the exam's world."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Literal

Kind = Literal["enter", "leave", "move", "grow", "shrink", "meet", "pan", "zoom", "cut", "fade", "night", "day", "word"]

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 30),
    "green": (30, 180, 50),
    "blue": (40, 70, 230),
    "yellow": (240, 220, 30),
    "orange": (245, 140, 20),
    "purple": (150, 40, 190),
    "cyan": (40, 210, 220),
    "white": (245, 245, 245),
}
SHAPES = ("circle", "square", "triangle", "cross")
SIZES = ("small", "large")
PLACES: dict[str, tuple[int, int, int]] = {"gray": (115, 115, 115), "brown": (105, 66, 34), "teal": (10, 84, 88)}
WORDS = ("HOME", "STOP", "MOON", "FISH", "BIRD", "LAKE", "WIND", "EAST")
SIDES = ("left", "right", "top", "bottom")
WAYS = ("left", "right", "up", "down")


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event in `[start_s, end_s]`, seconds from the first frame; a cut takes no time.

    Attributes:
        kind: kind of event.
        who: "red circle"; the actor, such as "red circle"; None without one. Names hold for a whole scene.
        where: the side (enter, leave), direction (move, pan, zoom), place (cut, fade) or word; else None.
        whom: the actor that is met.
        size: size of an actor who enters, "small" or "large"; else None.
    """

    kind: Kind
    start_s: float
    end_s: float
    who: str | None = None
    where: str | None = None
    whom: str | None = None
    size: str | None = None

    @property
    def what(self) -> tuple[str, str | None, str | None, str | None]:
        """Everything except time and size: events that say the same have equal values."""
        return (self.kind, self.who, self.where, self.whom)

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2


@cache
def held_out(who: str, kind: str, where: str | None) -> bool:
    """Whether this combination of colour, shape and motion is excluded from training: one in ten, by a hash."""
    return hashlib.blake2b(f"{who} {kind} {where}".encode(), digest_size=4).digest()[0] % 10 == 3
