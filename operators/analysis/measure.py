"""The operator `measure`: compute the facts of a segment from its frames and signals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from operators.analysis import appearance, camera, shots
from operators.analysis.facts import Camera, Facts, Label, Light, Line, Motion, Piece, Transition
from operators.analysis.flow import Pairs, track
from operators.analysis.labels import open_classifier
from operators.analysis.perceptual_hash import perceptual_hashes
from operators.analysis.signals import FROZEN, BoolArray, Thumbs, read_signals
from operators.analysis.text import Text, open_reader
from operators.core.base import Apply, Operator, Row

_LEAST_PIECE_S = 0.2  # two cuts closer than this are one change
_FROZEN_COLOUR = 8.0  # of 255, in any channel of a cell of 1/16 of the width
_SMALLEST_PX = 8  # smallest thumbnail: the patch size of the optical flow


@dataclass(frozen=True, kw_only=True)
class Measure(Operator):
    """Measures camera, motion, light, colours, shots and, optionally, text and objects.

    Reads the frames and the thumbnails of a decoded segment; writes `facts`, the JSON of `Facts` over
    `[decode_start_s, decode_end_s)`. Equal input gives equal bytes. Unavailable measurements (no thumbnails, an
    extra that is off) are None in the facts.
    """

    name: ClassVar[str] = "measure"
    version: ClassVar[int] = 5
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset(
        {"images", "signals", "subtitle_lines", "decode_start_s", "decode_end_s"}
    )
    writes: ClassVar[frozenset[str]] = frozenset({"facts"})

    cell_s: Annotated[
        float,
        Field(gt=0, description="length of a piece, seconds; equal to the window stride"),
    ] = 5.0
    ocr: Annotated[
        bool, Field(description="read text in one frame per piece; needs the extra `ocr`, about 0.5 CPU s each")
    ] = False
    labels: Annotated[
        bool, Field(description="classify one frame per piece (ImageNet classes); needs the extra `labels`")
    ] = False
    label_score: Annotated[float, Field(gt=0, le=1, description="least score of a label; below 0.5 most are wrong")] = (
        0.5
    )

    def identity_extra(self) -> dict[str, Any]:
        """Return the version of the text reader, if it is used, so that a new version reads text again."""
        return {"reader": 3} if self.ocr else {}

    @contextmanager
    def open(self) -> Iterator[Apply]:
        import cv2

        cv2.setNumThreads(1)  # the scheduler assumes one core per actor
        reader = open_reader() if self.ocr else None
        classify = open_classifier() if self.labels else None

        def apply(row: Row) -> Row:
            facts = _Segment(self, row, reader, classify).facts()
            return {**row, "facts": facts.dump()}

        yield apply


@dataclass
class _Segment:
    """The measurement of one segment."""

    config: Measure
    row: Row
    reader: Callable[[bytes], Text] | None
    classify: Callable[[bytes], tuple[Label, ...]] | None
    start_s: float = field(init=False)
    end_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.start_s, self.end_s = float(self.row["decode_start_s"]), float(self.row["decode_end_s"])

    def facts(self) -> Facts:
        thumbs = self._thumbs()
        pairs = track(thumbs) if thumbs is not None else None
        found = shots.find_transitions(thumbs, pairs, min(self.end_s, thumbs.end_s)) if thumbs and pairs else None
        dense = _Dense(thumbs, pairs, tuple(found or ())) if thumbs and pairs else None
        frames = [p for p in self.row["images"] or [] if self.start_s <= p["time_s"] < self.end_s]
        seen = [(p, appearance.look(appearance.decode(p["jpeg"]))) for p in frames]
        beside = self.row.get("subtitle_lines")
        read = beside is not None and beside["status"] == "read"
        facts = Facts(
            start_s=self.start_s,
            end_s=self.end_s,
            cell_s=self.config.cell_s,
            transitions=None if found is None else tuple(found),
            subtitles=tuple(Line(**line) for line in beside["lines"]) if beside is not None and read else None,
            subtitles_status=beside["status"] if beside is not None else None,
            prints=perceptual_hashes(thumbs) if thumbs is not None else None,
        ).slice(self.start_s, self.end_s)
        pieces = []
        for low, high in self._spans(facts):
            # a frame within a fade or dissolve does not have the colours and light of its shot
            own = [s for s in seen if low <= s[0]["time_s"] < high and not (dense and dense.changing(s[0]["time_s"]))]
            piece = self._piece(low, high, own, dense)
            if piece.measured:
                pieces.append(piece)
        return replace(facts, pieces=tuple(pieces))

    def _thumbs(self) -> Thumbs | None:
        thumbs = read_signals(self.row["signals"])
        if thumbs is None or min(thumbs.luma.shape[1:]) < _SMALLEST_PX:
            return None
        thumbs = thumbs.between(self.start_s, self.end_s)
        return thumbs if len(thumbs) >= 2 else None

    def _spans(self, facts: Facts) -> list[tuple[float, float]]:
        cell = self.config.cell_s
        first, last = math.floor(self.start_s / cell) + 1, math.ceil(self.end_s / cell)
        edges = sorted({self.start_s, self.end_s, *(k * cell for k in range(first, last)), *facts.boundaries_s()})
        return [(a, b) for a, b in pairwise(edges) if b - a > 1e-6]

    def _piece(
        self, low: float, high: float, seen: Sequence[tuple[dict[str, Any], appearance.Look]], dense: _Dense | None
    ) -> Piece:
        looks = [look for _, look in seen]
        light = _light_of_looks(looks) if looks else dense.light(low, high) if dense else None
        view: Camera | None = None
        moving: Motion | None = None
        frozen: bool | None = None
        if dense and high - low >= _LEAST_PIECE_S and not (light is not None and light.level == "black"):
            index = dense.pairs_of(low, high)
            if index.any():
                view = camera.camera(dense.pairs, index, dense.thumbs.interval_s)
                moving = camera.motion(dense.pairs, index, view, dense.thumbs.interval_s)
                frozen = dense.frozen(low, high) and _same_colours(looks)
        middle = seen[len(seen) // 2][0]["jpeg"] if seen else None
        text = self.reader(middle) if self.reader and middle else None
        return Piece(
            start_s=low,
            end_s=high,
            camera=view,
            motion=moving,
            frozen=frozen,
            light=light,
            colours=appearance.colours_of(looks) if looks else None,
            grey=all(x.grey for x in looks) if looks else None,
            text=text.lines if text else None,
            text_share=text.share if text else None,
            labels=self._labels(middle) if self.classify and middle else None,
        )

    def _labels(self, jpeg: bytes) -> tuple[Label, ...]:
        assert self.classify is not None
        return tuple(x for x in self.classify(jpeg) if x.score >= self.config.label_score)


@dataclass(frozen=True)
class _Dense:
    """Thumbnails, the motion between them, and their transitions."""

    thumbs: Thumbs
    pairs: Pairs
    found: tuple[Transition, ...]

    def changing(self, time_s: float) -> bool:
        """Return whether a fade or dissolve is in progress."""
        return any(t.kind not in ("cut", "black") and t.start_s < time_s < t.end_s for t in self.found)

    def pairs_of(self, low: float, high: float) -> BoolArray:
        """Return the pairs of thumbnails completely within `[low, high)`, outside of fades and dissolves."""
        a, b = self.thumbs.times_s[:-1], self.thumbs.times_s[1:]
        index: BoolArray = (a >= low - 1e-6) & (b < high - 1e-6)
        for change in self.found:
            if change.kind not in ("cut", "black"):
                index &= ~((b > change.start_s) & (a < change.end_s))
        return index

    def frozen(self, low: float, high: float) -> bool:
        """Return whether more than a second is unchanged, without an excluded fade."""
        index = self.pairs_of(low, high)
        count = int(((self.thumbs.times_s >= low - 1e-6) & (self.thumbs.times_s < high - 1e-6)).sum())
        long = index.sum() >= count - 1 and index.sum() * self.thumbs.interval_s > 1
        return bool(long and (self.pairs.plain[index] < FROZEN).all())

    def light(self, low: float, high: float) -> Light | None:
        """Return the light from thumbnails, for a piece that is too short to have a frame."""
        times = self.thumbs.times_s
        own = [low - 1e-6 <= t < high - 1e-6 and not self.changing(float(t)) for t in times]
        if not any(own):
            return None
        level = (self.thumbs.luma[np.array(own)].astype(np.float32) / 255).reshape(sum(own), -1)
        high_s = np.percentile(level, 98, axis=1)
        return appearance.light_of(level.mean(1).tolist(), level.std(1).tolist(), high_s.tolist())


def _light_of_looks(looks: Sequence[appearance.Look]) -> Light:
    return appearance.light_of([x.mean for x in looks], [x.contrast for x in looks], [x.high for x in looks])


def _same_colours(looks: Sequence[appearance.Look]) -> bool:
    """Return whether the colours are constant; they can change while luma is constant."""
    return all(float(np.abs(a.small - b.small).max()) < _FROZEN_COLOUR for a, b in pairwise(looks))
