"""Neighbouring pieces that look and move alike, as one stretch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from operators.analysis.camera import motion_level
from operators.analysis.facts import Camera, Colour, Facts, Light, Motion, Piece


@dataclass(frozen=True)
class Stretch:
    """Pieces of one shot with equal qualities.

    Attributes:
        start_s, end_s: its span.
        shot: place of its shot in the facts, from 0; equal for all where no transitions were measured.
        camera, motion, light, colours, grey: of its pieces together; None where not measured.
        frozen: nothing changes in it at all.
    """

    start_s: float
    end_s: float
    shot: int
    camera: Camera | None
    motion: Motion | None
    light: Light | None
    colours: tuple[Colour, ...] | None
    grey: bool | None
    frozen: bool

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


def stretches(facts: Facts) -> list[Stretch]:
    """The pieces of `facts`, those of one shot that move alike joined, in order of time."""
    groups: list[tuple[int, list[Piece]]] = []
    edges = facts.boundaries_s()
    for piece in facts.pieces:
        shot = sum(edge <= piece.start_s + 1e-6 for edge in edges)
        if groups and groups[-1][0] == shot and _alike(groups[-1][1][-1], piece):
            groups[-1][1].append(piece)
        else:
            groups.append((shot, [piece]))
    return [_together(shot, pieces) for shot, pieces in groups]


def _alike(a: Piece, b: Piece) -> bool:
    return (
        abs(b.start_s - a.end_s) < 1e-6
        and _camera_key(a.camera) == _camera_key(b.camera)
        and _motion_key(a.motion) == _motion_key(b.motion)
        and (
            a.camera is not None or _first_colour(a) == _first_colour(b)
        )  # without thumbnails colours tell shots apart
        and bool(a.frozen) == bool(b.frozen)
        and (a.light and a.light.level == "black") == (b.light and b.light.level == "black")
    )


def _first_colour(piece: Piece) -> str:
    return piece.colours[0].name if piece.colours else ""


def _camera_key(seen: Camera | None) -> tuple[str, frozenset[str]]:
    return ("unsure", frozenset()) if seen is None else (seen.state, frozenset(seen.moves))


def _motion_key(seen: Motion | None) -> str:
    """Calm or lively: finer levels waver from piece to piece and would cut a quiet hour into crumbs."""
    return "" if seen is None else "calm" if seen.level in ("none", "little") else "lively"


def _together(shot: int, pieces: Sequence[Piece]) -> Stretch:
    cameras = [p.camera for p in pieces if p.camera is not None]
    motions = [(p.seconds, p.motion) for p in pieces if p.motion is not None]
    lights = [(p.seconds, p.light) for p in pieces if p.light is not None]
    colours = [(p.seconds, p.colours) for p in pieces if p.colours is not None]
    greys = [p.grey for p in pieces if p.grey is not None]
    return Stretch(
        start_s=pieces[0].start_s,
        end_s=pieces[-1].end_s,
        shot=shot,
        camera=_camera(cameras),
        motion=_motion(motions),
        light=mean_light(lights),
        colours=mean_colours(colours) if colours else None,
        grey=all(greys) if greys else None,
        frozen=all(p.frozen for p in pieces),
    )


def _camera(seen: Sequence[Camera]) -> Camera | None:
    if not seen:
        return None
    mean = {key: sum(getattr(c, key) for c in seen) / len(seen) for key in ("speed", "zoom", "shake")}
    return Camera(state=seen[0].state, moves=seen[0].moves, **mean)


def _motion(seen: Sequence[tuple[float, Motion]]) -> Motion | None:
    if not seen:
        return None
    places = {m.where for _, m in seen}
    ways = {m.direction for _, m in seen}
    share = _mean((s, m.share) for s, m in seen)
    return Motion(
        level=motion_level(share),
        share=share,
        where=places.pop() if len(places) == 1 else None,
        direction=ways.pop() if len(ways) == 1 else None,
    )


def mean_light(seen: Sequence[tuple[float, Light]]) -> Light | None:
    """The light of several pieces, weighed by their seconds; its level is the one that holds longest."""
    if not seen:
        return None
    held: dict[str, float] = {}
    for seconds, one in seen:
        held[one.level] = held.get(one.level, 0.0) + seconds
    longest = max(seen, key=lambda item: held[item[1].level])[1].level
    changes = {one.change for _, one in seen}
    return Light(
        level=longest,
        mean=_mean((s, one.mean) for s, one in seen),
        contrast=_mean((s, one.contrast) for s, one in seen),
        change=changes.pop() if len(changes) == 1 else "steady",
    )


def mean_colours(seen: Sequence[tuple[float, tuple[Colour, ...]]]) -> tuple[Colour, ...]:
    """The main colours of several pieces, shares weighed by their seconds."""
    total = sum(seconds for seconds, _ in seen) or 1.0
    shares: dict[str, float] = {}
    for seconds, colours in seen:
        for colour in colours:
            shares[colour.name] = shares.get(colour.name, 0.0) + colour.share * seconds / total
    best = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Colour(name=name, share=share) for name, share in best if share >= 0.1)[:3]


def _mean(items: Iterable[tuple[float, float]]) -> float:
    pairs = list(items)
    total = sum(w for w, _ in pairs)
    return sum(w * v for w, v in pairs) / total if total else 0.0
