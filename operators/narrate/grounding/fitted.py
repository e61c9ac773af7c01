"""The weights and thresholds of the scorers, as `bench/grounding.py --fit` wrote them to `fitted.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from operators.narrate.grounding.scorers import Scores

Support = NDArray[np.float64]

FILE = Path(__file__).with_name("fitted.json")
CENTRE_FILE = Path(__file__).with_name("centre.json")
NEAREST = 3  # caption sentences whose mean score counts beside the best: what one describes, its neighbours go on with
FALSE_PASS_RATES = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2)
"""For which a threshold is fitted; between two of them it is interpolated."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """A logistic model of support.

    Attributes:
        weights: scorer -> weight of its score; `nearest`: of the mean of the best scores of the last scorer;
            `sentences`: of ln(number of caption sentences), for among many one is near by chance; `whole`, of clauses
            alone: of the last scorer's score at the caption that is nearest to the whole sentence, for what is added
            to a sentence has no part in that caption.
        bias: added to the sum.
        least: support, 0 to 1, from which on a text counts as supported.
    """

    weights: Mapping[str, float]
    bias: float
    least: float

    def support(self, scores: Mapping[str, Scores], sentences: int | None = None, whole: int | None = None) -> Support:
        """texts x sentences, 0 to 1. `scores` has an entry for each scorer in `weights`, in order, of that shape.

        Args:
            sentences: how many the scored ones were chosen from; None: they are all there are.
            whole: which of them is nearest to the sentence that the texts are clauses of; None: none of them is.
        """
        (shape,) = {s.shape for s in scores.values()}
        count = shape[1] if sentences is None else sentences
        total = np.full(shape, self.bias + self.weights["sentences"] * math.log(max(1, count)), np.float64)
        for name, score in scores.items():
            total += self.weights[name] * score
        last = [*scores.values()][-1]
        total += self.weights["nearest"] * nearest(last)[:, None]
        if "whole" in self.weights:
            total += self.weights["whole"] * (last.max(axis=1) if whole is None else last[:, whole])[:, None]
        made: Support = 1 / (1 + np.exp(-total))
        return made


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What was fitted for one choice of scorers.

    Attributes:
        sentence, clause: models of support for whole sentences and for clauses.
        same: nearness (`Alike.nearness`) from which on two sentences tell the same event.
        lengths: weight of the difference of their lengths in it.
    """

    sentence: Level
    clause: Level
    same: float
    lengths: float


@lru_cache(maxsize=16)
def fitted(scorers: str, false_pass_rate: float = 0.03) -> Fitted:
    """What was fitted for `lexical` or `embedding`, with the thresholds at which so many false sentences pass.

    Args:
        false_pass_rate: share of sentences about another video that pass, within `FALSE_PASS_RATES`.
    """
    stored = json.loads(FILE.read_text(encoding="utf-8"))[scorers]
    levels = {
        name: Level(
            weights=stored[name]["weights"],
            bias=stored[name]["bias"],
            least=_at(stored[name]["least"], false_pass_rate),
        )
        for name in ("sentence", "clause")
    }
    return Fitted(**levels, same=stored["same"], lengths=stored["lengths"])


def _at(least: Sequence[float], rate: float) -> float:
    """The threshold for a rate: log odds, linear in the logarithm of the rate."""
    odds = [math.log(p / (1 - p)) for p in least]
    found = float(np.interp(math.log(rate), [math.log(r) for r in FALSE_PASS_RATES], odds))
    return 1 / (1 + math.exp(-found))


def nearest(scores: Scores) -> NDArray[np.float64]:
    """Of each text the mean of its best `NEAREST` scores, or of all where there are fewer."""
    best = min(NEAREST, scores.shape[1])
    made: NDArray[np.float64] = np.sort(scores, axis=1)[:, -best:].mean(axis=1, dtype=np.float64)
    return made


@lru_cache(maxsize=1)
def centre() -> NDArray[np.float32]:
    """The mean embedding of sentences that describe videos, by the model of the extra; 384 float32.

    Without it all such sentences are alike to some degree, for what they have in common is in each of them.
    """
    return np.array(json.loads(CENTRE_FILE.read_text(encoding="utf-8")), np.float32)
