"""`transitions`: find hard and gradual transitions of a segment from its stored scores, and the clips between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, Operator, Row

TRANSITION = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # time of the last thumbnail before it
        pa.field("end_s", pa.float64()),  # time of the first thumbnail after it
        pa.field("kind", pa.string()),  # cut or gradual
        pa.field("score", pa.float64()),  # the lowest score in it
    ]
)
CLIP = pa.struct([pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64())])

_TRIMMED = 0.2  # share of the history that is trimmed at each end
_CUT_PAIRS = 3


@dataclass(frozen=True, kw_only=True)
class Transitions(Operator):
    """Decides from `transition_scores` where shots change; writes `transitions` and `clips`.

    The score of a pair is `histogram_weight` x correlation + `edges_weight` x SSIM + `bias`; below `threshold` it is a
    hard transition. It is gradual if the mean of three scores is below `gradual` and more than `sigmas` deviations
    (at least `least_sigma`) below the trimmed mean of the last `history` scores. A clip is the span between two
    transitions if it has more than `least_thumbnails` thumbnails; `trim_thumbnails` are trimmed at each
    transition. A segment boundary ends a clip without trimming. Formula and defaults:
    github.com/KwaiVGI/Koala-36M, trainsition_detect/VideoTransitionAnalyzer.py.
    """

    name: ClassVar[str] = "transitions"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"transition_scores", "start_s", "end_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"transitions", "clips"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"transitions": pa.list_(TRANSITION), "clips": pa.list_(CLIP)}

    histogram_weight: Annotated[float, Field(description="weight of the correlation of histograms")] = 4.6148
    edges_weight: Annotated[float, Field(description="weight of the similarity of edges")] = 3.7521
    bias: Annotated[float, Field(description="added to the weighted sum")] = -5.4860
    threshold: Annotated[float, Field(description="score below which a pair is a transition")] = 0.0
    gradual: Annotated[float, Field(description="mean of three scores below which a transition may be gradual")] = 0.75
    sigmas: Annotated[float, Field(gt=0, description="least deviations below the previous scores")] = 3.0
    least_sigma: Annotated[float, Field(ge=0, description="least value of the deviation")] = 0.2
    history: Annotated[int, Field(ge=3, description="number of previous scores to compare with")] = 8
    least_thumbnails: Annotated[int, Field(ge=1, description="a clip has more thumbnails than this")] = 8
    trim_thumbnails: Annotated[int, Field(ge=0, description="thumbnails that are trimmed at each end of a clip")] = 4

    @contextmanager
    def open(self) -> Iterator[Apply]:
        def apply(row: Row) -> Row:
            pairs = sorted(row["transition_scores"] or (), key=lambda p: float(p["end_s"]))
            scores = self.scores(pairs)
            found = [t for t in self._transitions(pairs, scores) if row["start_s"] <= t["end_s"] < row["end_s"]]
            return {**row, "transitions": found, "clips": list(self._clips(row, pairs, scores))}

        yield apply

    def scores(self, pairs: Sequence[Row]) -> Any:
        """Return the score of each pair; float64, shape (n,)."""
        both = np.array([[p["histogram"], p["edges"]] for p in pairs], np.float64).reshape(-1, 2)
        return both @ np.array([self.histogram_weight, self.edges_weight]) + self.bias

    def changing(self, scores: Any) -> list[str]:
        """Return the kind of each pair: "", cut or gradual."""
        n = len(scores)
        smooth = np.array([scores[max(0, i - 1) : i + 2].mean() for i in range(n)])
        found = []
        for i in range(n):
            if scores[i] < self.threshold:
                found.append("cut")
                continue
            before = np.sort(smooth[max(0, i - self.history) : i])
            cut = int(len(before) * _TRIMMED)
            kept = before[cut : len(before) - cut]
            enough = len(before) == self.history and smooth[i] < self.gradual
            drops = enough and smooth[i] < kept.mean() - self.sigmas * max(self.least_sigma, float(kept.std()))
            found.append("gradual" if drops else "")
        return found

    def _transitions(self, pairs: Sequence[Row], scores: Any) -> Iterator[Row]:
        kinds = self.changing(scores)
        for first, last in _runs(kinds, True):
            lowest = first + int(scores[first : last + 1].argmin())
            # the mean of three scores falls one pair before a cut and rises one pair after it
            cut = kinds[lowest] == "cut" and last - first < _CUT_PAIRS
            yield {
                "start_s": pairs[lowest if cut else first]["start_s"],
                "end_s": pairs[lowest if cut else last]["end_s"],
                "kind": "cut" if cut else "gradual",
                "score": float(scores[lowest]),
            }

    def _clips(self, row: Row, pairs: Sequence[Row], scores: Any) -> Iterator[Row]:
        """Yield clips: a run of n pairs without a transition has n + 1 thumbnails."""
        for first, last in _runs(self.changing(scores), False):
            times_s = [float(pairs[first]["start_s"]), *(float(p["end_s"]) for p in pairs[first : last + 1])]
            inside = [t for t in times_s if row["start_s"] <= t < row["end_s"]]
            if len(inside) <= max(self.least_thumbnails, 2 * self.trim_thumbnails):
                continue
            opens = first > 0 and times_s[0] >= row["start_s"]  # at a transition, not at the segment's edge
            closes = last < len(pairs) - 1
            start_s = inside[self.trim_thumbnails] if opens else float(row["start_s"])
            end_s = inside[len(inside) - 1 - self.trim_thumbnails] if closes else float(row["end_s"])
            if end_s > start_s:
                yield {"start_s": start_s, "end_s": end_s}


def _runs(kinds: Sequence[str], changing: bool) -> Iterator[tuple[int, int]]:
    """Yield first and last index of each run of pairs that change, or that do not."""
    first = None
    for i, kind in enumerate([*kinds, None]):
        same = kind is not None and bool(kind) == changing
        if same and first is None:
            first = i
        elif not same and first is not None:
            yield first, i - 1
            first = None
