"""Facts measured in a span of video, the only source of the engine `measure`.

`Facts` are immutable, can be converted to JSON, sliced by time, and merged again without loss. None means "not
measured", which differs from "nothing there". All times are seconds from the first presented frame, all spans are
half-open. Numbers are rounded on output (times to a microsecond, others to 3 decimal places), so that equal
measurements give equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

from operators.analysis.pieces import (
    Camera,
    CameraState,
    Colour,
    Label,
    Light,
    LightChange,
    LightLevel,
    Line,
    Motion,
    MotionLevel,
    MoveName,
    PerceptualHash,
    Piece,
    Transition,
    TransitionKind,
)

__all__ = [
    "Camera",
    "CameraState",
    "Colour",
    "Facts",
    "Label",
    "Light",
    "LightChange",
    "LightLevel",
    "Line",
    "Motion",
    "MotionLevel",
    "MoveName",
    "PerceptualHash",
    "Piece",
    "Transition",
    "TransitionKind",
    "cuts_of",
]

_SEAM_S = 1e-6  # spans closer than this are adjacent: times come from integer time bases


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything measured in `[start_s, end_s)`.

    Attributes:
        start_s, end_s: the measured span.
        cell_s: length of a grid cell; pieces never cross a multiple of it.
        transitions: transitions in order of time; None if there were no signals.
        pieces: pieces in order of time, without overlap; none for spans that did not decode.
        subtitles: subtitle lines in the span, clipped to it; None if the video has no subtitles.
        subtitles_status: "read", or why the subtitles are not used; None if the video has none.
        heard: whether `subtitles` come from a table of speech, which includes recognised lines.
        prints: perceptual hashes of its seconds in order of time, without those of blank frames; None without signals.
    """

    start_s: float
    end_s: float
    cell_s: float = 5.0
    transitions: tuple[Transition, ...] | None = None
    pieces: tuple[Piece, ...] = ()
    subtitles: tuple[Line, ...] | None = None
    subtitles_status: str | None = None
    prints: tuple[PerceptualHash, ...] | None = None
    heard: bool = False

    @property
    def measured(self) -> bool:
        return bool(self.subtitles) or any(p.measured for p in self.pieces)

    def boundaries_s(self) -> list[float]:
        """Boundaries between shots, or between a shot and black, strictly inside the span; empty if not measured."""
        times = {t for change in self.transitions or () for t in _boundaries(change)}
        return sorted(t for t in times if self.start_s + _SEAM_S < t < self.end_s - _SEAM_S)

    def shots(self) -> list[tuple[float, float]]:
        """The shots as `(start_s, end_s)`, without black spans; empty if not measured."""
        if self.transitions is None:
            return []
        edges = [self.start_s, *self.boundaries_s(), self.end_s]
        black = [(t.start_s, t.end_s) for t in self.transitions if t.kind == "black"]
        spans = pairwise(edges)
        return [s for s in spans if not any(a <= (s[0] + s[1]) / 2 < b for a, b in black)]

    @staticmethod
    def of(segment: Mapping[str, Any]) -> Facts | None:
        """The facts of a captioned segment's own span, without its warm-up; None if it has none."""
        if not segment["facts"]:
            return None
        found, start_s, end_s = Facts.parse(segment["facts"]), segment["start_s"], segment["end_s"]
        return found if start_s <= found.start_s and found.end_s <= end_s else found.slice(start_s, end_s)

    def slice(self, start_s: float, end_s: float) -> Facts:
        """The facts of `[start_s, end_s)`; pieces, transitions and lines are clipped to it."""
        low, high = max(self.start_s, start_s), min(self.end_s, end_s)
        if high <= low:
            empty = None if self.transitions is None else ()
            lines = None if self.subtitles is None else ()
            prints = None if self.prints is None else ()
            return replace(
                self,
                start_s=start_s,
                end_s=max(start_s, end_s),
                transitions=empty,
                pieces=(),
                subtitles=lines,
                prints=prints,
            )
        return replace(
            self,
            start_s=low,
            end_s=high,
            transitions=None if self.transitions is None else tuple(_clip_changes(self.transitions, low, high)),
            pieces=tuple(_clip(self.pieces, low, high)),
            subtitles=None if self.subtitles is None else tuple(_clip(self.subtitles, low, high)),
            prints=None if self.prints is None else tuple(p for p in self.prints if low <= p.time_s < high),
        )

    @staticmethod
    def merge(parts: Iterable[Facts]) -> Facts:
        """Merge the facts of adjacent spans, and rejoin items that were cut at their boundaries.

        Raises:
            ValueError: no part, parts that overlap, or parts of different cells.
        """
        ordered = sorted(parts, key=lambda f: (f.start_s, f.end_s))
        if not ordered:
            raise ValueError("Facts.merge needs at least one Facts; there is none")
        for a, b in pairwise(ordered):
            if b.start_s < a.end_s - _SEAM_S:
                raise ValueError(
                    f"Facts.merge needs spans that do not overlap: one ends at {a.end_s} s, the next starts at "
                    f"{b.start_s} s; slice them to neighbouring spans first"
                )
        cells = {f.cell_s for f in ordered}
        if len(cells) > 1:
            raise ValueError(f"Facts.merge needs equal cells, not {sorted(cells)} s; measure all with one cell_s")
        cell_s = ordered[0].cell_s
        changes = [f.transitions for f in ordered if f.transitions is not None]
        lines = [f.subtitles for f in ordered if f.subtitles is not None]
        prints = [f.prints for f in ordered if f.prints is not None]
        moments = {t for c in changes for change in c for t in _boundaries(change)}
        return Facts(
            start_s=ordered[0].start_s,
            end_s=max(f.end_s for f in ordered),
            cell_s=cell_s,
            transitions=tuple(_join(t for c in changes for t in c)) if changes else None,
            pieces=tuple(_join_pieces((p for f in ordered for p in f.pieces), cell_s, moments)),
            subtitles=_join_lines(x for s in lines for x in s) if lines else None,
            subtitles_status=_worst(f.subtitles_status for f in ordered),
            prints=tuple(p for some in prints for p in some) if prints else None,
            heard=any(f.heard for f in ordered),
        )

    def dump(self) -> str:
        """Canonical JSON: sorted keys, no spaces, rounded numbers; equal facts give equal text."""
        found = asdict(self)
        if self.subtitles_status is None:
            del found["subtitles_status"]
        if not self.heard:
            del found["heard"]  # the format of facts without speech
        return json.dumps(_rounded(found), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @staticmethod
    def parse(text: str) -> Facts:
        """Parse the output of `dump`.

        Raises:
            ValueError: `text` is not a dumped `Facts`.
        """
        try:
            return _facts(json.loads(text))
        except (TypeError, KeyError, AttributeError, json.JSONDecodeError) as problem:
            raise ValueError(f"this is not a dumped Facts ({problem}): {text[:80]!r}") from problem


_Spanned = TypeVar("_Spanned", Piece, Line, Transition)


def _boundaries(change: Transition) -> tuple[float, ...]:
    match change.kind:
        case "cut":
            return (change.start_s,)
        case "dissolve":
            return ((change.start_s + change.end_s) / 2,)
        case "black":
            return (change.start_s, change.end_s)
        case _:
            return ()  # a fade is part of its shot; the black span is the boundary


def _clip(items: Iterable[_Spanned], low: float, high: float) -> Iterator[_Spanned]:
    for item in items:
        start, end = max(item.start_s, low), min(item.end_s, high)
        if end > start:
            yield replace(item, start_s=start, end_s=end)


def _clip_changes(items: Iterable[Transition], low: float, high: float) -> Iterator[Transition]:
    for item in items:
        if item.kind in ("cut", "dissolve"):
            # whole or not at all, since clipping would move its time; one at `low` is kept, since merging needs it
            if low <= _boundaries(item)[0] < high:
                yield item
        else:
            yield from _clip((item,), low, high)


def _join(items: Iterable[_Spanned]) -> Iterator[_Spanned]:
    """Merge adjacent neighbours that are equal except for their spans."""
    last: _Spanned | None = None
    for item in items:
        same = last is not None and replace(last, start_s=item.start_s, end_s=item.end_s) == item
        if last is not None and same and item.start_s <= last.end_s + _SEAM_S:
            last = replace(last, end_s=max(last.end_s, item.end_s))
            continue
        if last is not None:
            yield last
        last = item
    if last is not None:
        yield last


def _join_lines(items: Iterable[Line]) -> tuple[Line, ...]:
    """Merge lines with their continuations; several lines may be simultaneous."""
    joined = _join(sorted(items, key=lambda x: (x.text, x.start_s)))
    return tuple(sorted(joined, key=lambda x: (x.start_s, x.end_s, x.text)))


def _worst(found: Iterable[str | None]) -> str | None:
    """Return one status of subtitles for all spans of a video; a reason for missing subtitles has priority."""
    known = sorted({status for status in found if status is not None}, key=lambda status: (status == "read", status))
    return known[0] if known else None


def _join_pieces(items: Iterable[Piece], cell_s: float, moments: set[float]) -> Iterator[Piece]:
    """Merge as `_join`, but only inside a cell and a shot: equal neighbours on the grid remain two pieces."""
    last: Piece | None = None
    for item in items:
        if last is not None and item.start_s not in moments and not _on_grid(item.start_s, cell_s):
            joined = list(_join((last, item)))
            if len(joined) == 1:
                last = joined[0]
                continue
        if last is not None:
            yield last
        last = item
    if last is not None:
        yield last


def _on_grid(time_s: float, cell_s: float) -> bool:
    return abs(time_s / cell_s - round(time_s / cell_s)) < _SEAM_S


def _rounded(value: Any, key: str = "") -> Any:
    if isinstance(value, float):
        return round(value, 6 if key.endswith("_s") else 3) + 0.0  # + 0.0 turns -0.0 into 0.0
    if isinstance(value, dict):
        return {k: _rounded(v, k) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v, key) for v in value]
    return value


def _facts(raw: dict[str, Any]) -> Facts:
    raw = dict(raw)
    pieces = tuple(_piece(p) for p in raw.pop("pieces"))
    changes, lines, prints = raw.pop("transitions"), raw.pop("subtitles"), raw.pop("prints", None)
    return Facts(
        **raw,
        pieces=pieces,
        transitions=None if changes is None else tuple(Transition(**t) for t in changes),
        subtitles=None if lines is None else tuple(Line(**x) for x in lines),
        prints=None if prints is None else tuple(PerceptualHash(**p) for p in prints),
    )


def _piece(raw: dict[str, Any]) -> Piece:
    raw = dict(raw)
    camera, motion, light = raw.pop("camera"), raw.pop("motion"), raw.pop("light")
    colours, labels, text = raw.pop("colours"), raw.pop("labels"), raw.pop("text")
    return Piece(
        **raw,
        camera=None if camera is None else Camera(**{**camera, "moves": tuple(camera["moves"])}),
        motion=None if motion is None else Motion(**motion),
        light=None if light is None else Light(**light),
        colours=None if colours is None else tuple(Colour(**c) for c in colours),
        labels=None if labels is None else tuple(Label(**x) for x in labels),
        text=None if text is None else tuple(text),
    )


def cuts_of(facts: Facts | None) -> Sequence[float]:
    """Return the hard cuts in measured facts, ascending; empty if nothing was measured."""
    changes = facts.transitions if facts is not None and facts.transitions is not None else ()
    return sorted(t.start_s for t in changes if t.kind == "cut")
