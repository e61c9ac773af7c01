"""The weights and thresholds of the scorers, as `bench/grounding.py --fit` wrote them to `fitted.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from operators.narrate.grounding.scorers import Scores

Support = NDArray[np.float64]

FILE = Path(__file__).with_name("fitted.json")


@dataclass(frozen=True, kw_only=True)
class Level:
    """A logistic model of support.

    Attributes:
        weights: scorer -> weight of its score; `sentences`: of ln(number of caption sentences), for among many one is
            near by chance.
        bias: added to the sum.
        least: support, 0 to 1, from which on a text counts as supported.
    """

    weights: Mapping[str, float]
    bias: float
    least: float

    def support(self, scores: Mapping[str, Scores], sentences: int | None = None) -> Support:
        """texts x sentences, 0 to 1. `scores` has an entry for each scorer in `weights`, of that shape.

        Args:
            sentences: how many the scored ones were chosen from; None: they are all there are.
        """
        (shape,) = {s.shape for s in scores.values()}
        count = shape[1] if sentences is None else sentences
        total = np.full(shape, self.bias + self.weights["sentences"] * math.log(max(1, count)), np.float64)
        for name, score in scores.items():
            total += self.weights[name] * score
        made: Support = 1 / (1 + np.exp(-total))
        return made


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What was fitted for one choice of scorers.

    Attributes:
        sentence, clause: models of support for whole sentences and for clauses.
        same: cosine (`embedding`) or share of words (`lexical`) from which on two sentences tell the same event.
    """

    sentence: Level
    clause: Level
    same: float


@lru_cache(maxsize=4)
def fitted(scorers: str) -> Fitted:
    """What was fitted for `lexical` or `embedding`."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))[scorers]
    return Fitted(sentence=Level(**stored["sentence"]), clause=Level(**stored["clause"]), same=stored["same"])
