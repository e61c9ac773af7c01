"""A seeded script: actors that come and go, camera motion, nightfall; and the position of everything in the frame.

Events follow one another, each two to three seconds long, with a pause of one or two seconds. No sentence is true twice
within 20 s, so an event that two overlapping windows describe can be recognised as one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from pipeline.evaluation.exam.events import COLOURS, PLACES, SHAPES, SIDES, SIZES, WORDS, Event, Kind, held_out

Split = Literal["any", "train", "heldout"]
Key = tuple[float, float, float, float]
"""(time_s, x, y, radius): a point on a path, as shares of the frame's side."""

RADII = {"small": (0.055, 0.066), "large": (0.108, 0.124)}
_ZOOM = 1.3  # factor; a small shape stays smaller than a large one that is not zoomed
_PAN = 0.45  # frame widths
_COLUMNS, _ROWS = (0.2, 0.5, 0.8), (0.2, 0.45, 0.7)
_OUTSIDE = 0.2  # distance beyond the edge at which a shape's path begins and ends
_STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
_FROM = {"left": "left", "right": "right", "top": "up", "bottom": "down"}
_MOST_ACTORS = 3
_FIRST_S, _REST_S = 1.0, 3.0  # seconds without events at the beginning and at the end
_PAUSE_S = (1.0, 2.2)
_AGAIN_S = 20.0
_SECONDS: dict[Kind, float] = {"pan": 3.0, "zoom": 2.4, "meet": 2.6, "word": 3.0, "cut": 0.0}
_USUAL_S = 2.0
_WEIGHTS: dict[Kind, float] = {
    "enter": 5.0,
    "leave": 2.5,
    "move": 3.5,
    "grow": 2.0,
    "shrink": 2.0,
    "meet": 2.0,
    "pan": 1.8,
    "zoom": 1.8,
    "cut": 0.9,
    "fade": 0.7,
    "night": 1.0,
    "day": 1.0,
    "word": 1.8,
}


@dataclass(kw_only=True)
class Actor:
    """A shape and its path through a scene; it is absent before its first key and after its last one."""

    colour: str
    shape: str
    large: bool
    slot: tuple[int, int]
    keys: list[Key]
    end_s: float = float("inf")

    @property
    def name(self) -> str:
        return f"{self.colour} {self.shape}"


@dataclass(kw_only=True)
class Scene:
    """The part of a story between two cuts."""

    start_s: float
    place: str
    seed: int
    actors: list[Actor] = field(default_factory=list)
    pans: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 0.0)])
    zooms: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 1.0)])


@dataclass(kw_only=True)
class Story:
    """A script and the tracks of the frame.

    Attributes:
        events: the events in order of time.
        scenes: the scenes in order of time.
        light: (time_s, 0 night to 1 day) keys; words: (from_s, to_s, text); fades: (from_s, to_s), black in the middle.
    """

    seconds: float
    seed: int
    events: list[Event] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    light: list[tuple[float, float]] = field(default_factory=list)
    words: list[tuple[float, float, str]] = field(default_factory=list)
    fades: list[tuple[float, float]] = field(default_factory=list)


def write_story(seconds: float, seed: int, split: Split = "any") -> Story:
    """Write the story of this length and seed.

    Args:
        seconds: length, at least 10.
        seed: equal seeds give equal stories.
        split: `train` avoids the combinations of `held_out`, `heldout` prefers them.

    Raises:
        ValueError: the story is too short.
    """
    if seconds < 10:
        raise ValueError(f"a story of {seconds:g} s is too short: at least 10 s are needed")
    return _Writer(seconds, seed, split).write()


class _Writer:
    def __init__(self, seconds: float, seed: int, split: Split) -> None:
        self._random = random.Random(f"{seed} {split}")
        self._split = split
        self._story = Story(seconds=seconds, seed=seed)
        self._predicted: dict[object, float] = {}
        self._day = self._random.random() < 0.7
        self._story.light.append((0.0, float(self._day)))
        self._new_scene(0.0, self._random.choice(list(PLACES)), actors=0)

    def write(self) -> Story:
        now = _FIRST_S
        while True:
            event = self._choose(now)
            if event.end_s > self._story.seconds - _REST_S:
                return self._story
            self._happen(event)
            now = round(event.end_s + self._random.uniform(*_PAUSE_S), 1)

    # -- choosing --------------------------------------------------------------------------------------------------

    def _choose(self, now: float) -> Event:
        may = [e for e in self._candidates(now) if self._predicted.get(e.what, -1e9) < now - _AGAIN_S]
        if self._split == "train":
            may = [e for e in may if e.who is None or not held_out(e.who, e.kind, e.where)]
        elif self._split == "heldout" and self._random.random() < 0.8:
            may = [e for e in may if e.who and held_out(e.who, e.kind, e.where)] or may
        kinds = sorted({e.kind for e in may})
        kind = self._random.choices(kinds, [self._weight(k) for k in kinds])[0]
        return self._random.choice([e for e in may if e.kind == kind])

    def _weight(self, kind: Kind) -> float:
        crowd = len(self._actors)
        return _WEIGHTS[kind] * ((3.0, 1.0, 0.5, 0.0)[crowd] if kind == "enter" else 1.0)

    def _candidates(self, now: float) -> Iterator[Event]:
        def event(kind: Kind, who: str | None = None, where: str | None = None, **more: str) -> Event:
            end = round(now + _SECONDS.get(kind, _USUAL_S), 1)
            return Event(kind=kind, start_s=now, end_s=end, who=who, where=where, **more)

        if len(self._actors) < _MOST_ACTORS:
            sides = [side for side in SIDES if self._ways_in(side)]
            colours = [c for c in COLOURS if c not in {a.colour for a in self._actors}]
            for _ in range(12 if sides else 0):
                who = f"{self._random.choice(colours)} {self._random.choice(SHAPES)}"
                yield event("enter", who, self._random.choice(sides), size=self._random.choice(SIZES))
        for actor in self._actors:
            if self._scene.start_s > now - 2:
                break
            for side in SIDES:
                if self._clear(actor.slot, side):
                    yield event("leave", actor.name, side)
            for way in _STEPS:
                if self._next(actor.slot, way) is not None:
                    yield event("move", actor.name, way)
            yield event("shrink" if actor.large else "grow", actor.name)
            for other in self._actors:
                if other is not actor:
                    yield event("meet", actor.name, whom=other.name)
        if self._actors:
            yield from self._of_the_frame(event, now)

    def _of_the_frame(self, event: Callable[..., Event], now: float) -> Iterator[Event]:
        for way in ("left", "right"):
            yield event("pan", where=way)
        yield event("zoom", where="in" if self._scene.zooms[-1][1] == 1.0 else "out")
        for place in PLACES:
            if place != self._scene.place and now > self._scene.start_s + 8:
                yield event("cut", where=place)
                yield event("fade", where=place)
        yield event("night" if self._day else "day")
        for word in WORDS:
            yield event("word", where=word)

    # -- positions --------------------------------------------------------------------------------------------------

    @property
    def _scene(self) -> Scene:
        return self._story.scenes[-1]

    @property
    def _actors(self) -> list[Actor]:
        return [a for a in self._scene.actors if a.end_s == float("inf")]

    def _next(self, slot: tuple[int, int], way: str) -> tuple[int, int] | None:
        """Return the free slot beside `slot`; None if there is none."""
        place = (slot[0] + _STEPS[way][0], slot[1] + _STEPS[way][1])
        inside = 0 <= place[0] < len(_COLUMNS) and 0 <= place[1] < len(_ROWS)
        return place if inside and place not in {a.slot for a in self._actors} else None

    def _clear(self, slot: tuple[int, int], side: str) -> bool:
        """Whether no actor is between `slot` and that side."""
        step = _STEPS[_FROM[side]]
        taken = {a.slot for a in self._actors}
        return not any((slot[0] + k * step[0], slot[1] + k * step[1]) in taken for k in (1, 2))

    def _ways_in(self, side: str) -> list[tuple[int, int]]:
        taken = {a.slot for a in self._actors}
        slots = [(c, r) for c in range(len(_COLUMNS)) for r in range(len(_ROWS)) if (c, r) not in taken]
        return [s for s in slots if self._clear(s, side)]

    # -- making it happen ------------------------------------------------------------------------------------------

    def _happen(self, event: Event) -> None:
        self._story.events.append(event)
        self._predicted[event.what] = event.end_s
        a, b, where = event.start_s, event.end_s, event.where or ""
        actor = next((x for x in self._actors if x.name == event.who), None)
        if event.kind == "enter":
            slot = self._random.choice(self._ways_in(where))
            self._add(a, event.who or "", slot, event.size or "", where)
            self._scene.actors[-1].keys[-1] = (b, *self._scene.actors[-1].keys[-1][1:])
        elif actor is not None:
            self._act(actor, event)
        elif event.kind in ("cut", "fade"):
            if event.kind == "fade":
                self._story.fades.append((a, b))
            self._new_scene(event.middle_s, where, actors=self._random.choice((1, 1, 2)))
        elif event.kind == "word":
            self._story.words.append((a, b, where))
        else:
            self._turn(event)

    def _turn(self, event: Event) -> None:
        """Apply an event of the camera or the light."""
        a, b = event.start_s, event.end_s
        if event.kind == "pan":
            at = self._scene.pans[-1][1]
            self._scene.pans += [(a, at), (b, at + (_PAN if event.where == "right" else -_PAN))]
        elif event.kind == "zoom":
            at = self._scene.zooms[-1][1]
            self._scene.zooms += [(a, at), (b, _ZOOM if event.where == "in" else 1.0)]
        else:
            self._story.light += [(a, float(self._day)), (b, float(not self._day))]
            self._day = not self._day

    def _act(self, actor: Actor, event: Event) -> None:
        a, b = event.start_s, event.end_s
        _, x, y, r = actor.keys[-1]
        actor.keys.append((a, x, y, r))
        if event.kind == "leave":
            actor.keys.append((b, *_beyond(x, y, event.where or ""), r))
            actor.end_s = b
        elif event.kind == "move":
            slot = self._next(actor.slot, event.where or "")
            assert slot is not None
            actor.slot = slot
            actor.keys.append((b, _COLUMNS[slot[0]], _ROWS[slot[1]], r))
        elif event.kind == "meet":
            other = next(o for o in self._actors if o.name == event.whom)
            _, ox, oy, other_r = other.keys[-1]
            length = ((ox - x) ** 2 + (oy - y) ** 2) ** 0.5
            part = max(0.2, (length - r - other_r) / length)
            actor.keys += [
                (a + 1.1, x + (ox - x) * part, y + (oy - y) * part, r),
                (b - 1.1, x + (ox - x) * part, y + (oy - y) * part, r),
                (b, x, y, r),
            ]
        else:
            actor.large = event.kind == "grow"
            actor.keys.append((b, x, y, self._random.uniform(*RADII["large" if actor.large else "small"])))

    def _new_scene(self, start_s: float, place: str, actors: int) -> None:
        if self._story.scenes:
            for actor in self._actors:
                actor.end_s = start_s
        self._story.scenes.append(Scene(start_s=start_s, place=place, seed=self._random.randrange(10**6)))
        colours = self._random.sample(list(COLOURS), actors)
        slots = self._random.sample([(c, r) for c in range(3) for r in range(3)], actors)
        for colour, slot in zip(colours, slots, strict=True):
            name = f"{colour} {self._random.choice(SHAPES)}"
            self._add(start_s, name, slot, self._random.choice(SIZES), None)

    def _add(self, start_s: float, name: str, slot: tuple[int, int], size: str, side: str | None) -> None:
        colour, shape = name.split()
        x, y, r = _COLUMNS[slot[0]], _ROWS[slot[1]], self._random.uniform(*RADII[size])
        keys: list[Key] = [(start_s, *(_beyond(x, y, side) if side else (x, y)), r), (start_s, x, y, r)]
        self._scene.actors.append(Actor(colour=colour, shape=shape, large=size == "large", slot=slot, keys=keys))


def _beyond(x: float, y: float, side: str) -> tuple[float, float]:
    """Return the point outside the frame from which a straight path leads to (x, y)."""
    return {
        "left": (-_OUTSIDE, y),
        "right": (1 + _OUTSIDE, y),
        "top": (x, -_OUTSIDE),
        "bottom": (x, 1 + _OUTSIDE),
    }[side]
