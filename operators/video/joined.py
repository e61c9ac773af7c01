"""Decodes a video in parts: one decoder after the other, one timeline for all."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Protocol

from operators.core.base import ItemError
from operators.video.parts import Part
from operators.video.protocol import PART_BLIND, Backend, Decoder, Sample, Watch
from operators.video.source import Source

_SLACK_S = 1e-6


class OpenPart(Protocol):
    """`operators.video.backends.open_part`, which stands above this module."""

    def __call__(self, backend: Backend, source: Source, part: Part, *, from_s: float) -> Decoder: ...


class JoinedDecoder:
    """`Decoder` over the parts of a video, which are opened one at a time.

    Args:
        backend: decodes each part. decord and torchcodec cannot open a part; `pyav` takes their place.
        first_pts_s: the container's pts of the first presented frame of the video, in seconds.
        from_s: nothing before it will be asked for, seconds from the first presented frame.
        parts: those that the request needs; their neighbours may be there, too.

    Raises:
        ItemError: the input cannot be opened.
    """

    def __init__(
        self,
        open_part: OpenPart,
        backend: Backend,
        source: Source,
        *,
        first_pts_s: float,
        from_s: float,
        parts: Sequence[Part],
    ) -> None:
        self._open_part = open_part
        self._backend: Backend = "pyav" if backend in PART_BLIND else backend
        self._source = source
        self._first_pts_s = first_pts_s
        self._parts = parts
        self._starts = [part.start_s for part in parts]
        self._done: list[tuple[Part, Decoder]] = []
        self._decoder: Decoder | None = None
        self.missing: list[float] = []
        self.ended_s: float | None = None
        self._fresh: Part | None = None
        first = self._part_at(from_s)
        self._open(first, from_s)
        self._fresh = first

    @property
    def aspect(self) -> Fraction:
        """Width of a stored pixel over its height, in the part that is being decoded."""
        return self._decoder.aspect if self._decoder is not None else Fraction(1)

    @property
    def frames_decoded(self) -> int:
        return sum(decoder.frames_decoded for _, decoder in self._done)

    def damaged_packets(self, start_s: float, end_s: float) -> int:
        """As `Decoder.damaged_packets`; a part that does not open counts as one."""
        found = 0
        for part, decoder in self._done:
            low, high = max(start_s, part.start_s), min(end_s, part.end_s)
            if low < high:
                found += decoder.damaged_packets(low - part.start_s, high - part.start_s)
        return found + sum(not p.decodes and p.start_s < end_s and p.end_s > start_s for p in self._parts)

    def close(self) -> None:
        """Close the part that is open."""
        if self._decoder is not None:
            self._decoder.close()
        self._decoder = None

    def sample(self, times_s: Sequence[float], *, step_s: float, watch: Watch | None = None) -> Iterator[Sample]:
        """As `Decoder.sample`; `pts_s` goes on from part to part as the timeline does."""
        wanted: dict[int, dict[float, list[float]]] = {}
        for time_s in sorted(set(times_s)):
            index, inside_s = self._place(time_s, step_s)
            wanted.setdefault(index, {}).setdefault(inside_s, []).append(time_s)
        for index, part in enumerate(self._parts):
            targets = wanted.get(index, {})
            inner = _inside(part, watch)
            if not targets and inner is None:
                continue
            if not part.decodes:
                self.missing += [time_s for same in targets.values() for time_s in same]
                continue
            try:
                decoder = self._open(part, part.start_s + min([*targets, *([inner.start_s] if inner else [])]))
            except ItemError as error:
                if error.failure_class != "undecodable":
                    raise
                self.missing += [time_s for same in targets.values() for time_s in same]
                continue
            for found in decoder.sample(list(targets), step_s=step_s, watch=inner):
                pts_s = found.pts_s - part.first_pts_s + part.start_s + self._first_pts_s
                for time_s in targets[found.time_s]:
                    yield Sample(time_s, pts_s, found.duration_s, found.frame)
            self.missing += [time_s for inside_s in decoder.missing for time_s in targets[inside_s]]
            ended_s = decoder.ended_s
            self.ended_s = part.start_s + ended_s if ended_s is not None and index == len(self._parts) - 1 else None
        self.missing.sort()

    def _place(self, time_s: float, step_s: float) -> tuple[int, float]:
        """The part that holds the frame of a target, and the target's time in it."""
        index = self._index(time_s)
        part, inside_s = self._parts[index], time_s - self._parts[index].start_s
        following = self._parts[index + 1] if index + 1 < len(self._parts) else None
        behind_last = inside_s > part.last_s + _SLACK_S
        if following is not None and behind_last and following.start_s < time_s + max(step_s, 2 * _SLACK_S) - _SLACK_S:
            return index + 1, 0.0  # the first frame at or after the target is the next part's first one
        return index, max(0.0, inside_s)

    def _index(self, time_s: float) -> int:
        return max(0, bisect_right(self._starts, time_s + _SLACK_S) - 1)

    def _part_at(self, time_s: float) -> Part:
        """The part on screen, or the nearest one that decodes."""
        index = self._index(time_s)
        return next((p for p in [*self._parts[index:], *self._parts[:index]] if p.decodes), self._parts[index])

    def _open(self, part: Part, from_s: float) -> Decoder:
        """The decoder of a part; the one of the part before is closed."""
        if self._fresh is not part or self._decoder is None:
            self.close()
            self._decoder = self._open_part(self._backend, self._source, part, from_s=max(0.0, from_s - part.start_s))
            self._done.append((part, self._decoder))
        self._fresh = None  # a decoder is good for one request
        return self._decoder


def _inside(part: Part, watch: Watch | None) -> Watch | None:
    """What `watch` wants of a part; None: nothing."""
    if watch is None or not part.decodes:
        return None
    low, high = max(0.0, watch.start_s - part.start_s), min(part.length_s, watch.end_s - part.start_s)
    if low >= high:
        return None

    def see(time_s: float, frame: Any) -> None:
        watch.see(part.start_s + time_s, frame)

    return Watch(start_s=low, end_s=high, see=see)
