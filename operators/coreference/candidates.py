"""Find candidates for coreference: mentions of persons and things in window captions, and likely pairs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from operators.core.base import Row
from operators.language.words import stems

_LEAST_LIKE = 0.2  # least cosine of a pair that a model is asked about


@dataclass(kw_only=True)
class Candidate:
    """Mentions with identical text.

    Attributes:
        name, looks: as in a caption.
        start_s: start of the first window that mentions it.
        windows: all windows that mention it, in order.
    """

    name: str
    looks: str
    start_s: float
    windows: list[int] = field(default_factory=list)


def candidates(windows: Sequence[Row]) -> list[Candidate]:
    """Return the subjects of all valid windows (`structs.WINDOW_CAPTION`, in order), by appearance, each once."""
    found: dict[tuple[str, str], Candidate] = {}
    for window in windows:
        if not window["valid"] or not window["fields"]:
            continue
        for subject in json.loads(window["fields"])["subjects"]:
            name, looks = subject["name"].strip(" ."), subject["looks"].strip(" .")
            if not name:
                continue
            at = (name.casefold(), looks.casefold())
            one = found.setdefault(at, Candidate(name=name, looks=looks, start_s=window["start_s"]))
            if window["window_index"] not in one.windows:
                one.windows.append(window["window_index"])
    return list(found.values())


def likely_pairs(found: Sequence[Candidate], nearest: int) -> list[tuple[float, int, int]]:
    """Return (similarity, i, j) of pairs that may be the same, the most similar first.

    Similarity is the cosine of the words of the two descriptions, weighted by the square root of their IDF (with the
    full IDF, one word that occurs nowhere else would outweigh ten shared words). The number of all pairs grows with the
    square of a film's length; the number of the `nearest` few of each mention does not. Two mentions in one window are
    different.
    """
    # in a fixed order: floating-point sums must not depend on the hash order of strings
    bags = [sorted(set(stems(f"{c.name} {c.looks}"))) for c in found]
    held: dict[str, list[int]] = {}
    for k, bag in enumerate(bags):
        for word in bag:
            held.setdefault(word, []).append(k)
    weight = {w: math.log(1 + len(found) / len(ks)) for w, ks in held.items()}
    holders = {w: np.array(ks) for w, ks in held.items()}
    norms = np.array([max(1e-9, math.sqrt(sum(weight[w] for w in bag))) for bag in bags])
    seen = [set(c.windows) for c in found]
    chosen: set[tuple[float, int, int]] = set()
    for i, bag in enumerate(bags):  # one row at a time: the matrix of all pairs of a film would not fit into memory
        products = np.zeros(len(found))
        for word in bag:
            products[holders[word]] += weight[word]
        likeness = (products / (norms * norms[i])).round(6)
        likely = np.flatnonzero(likeness >= _LEAST_LIKE)
        others = (int(j) for j in likely[np.argsort(-likeness[likely], kind="stable")] if j != i)
        apart = (j for j in others if not seen[i] & seen[j])
        chosen |= {(float(likeness[j]), min(i, j), max(i, j)) for j in islice(apart, nearest)}
    return sorted(chosen, key=lambda p: (-p[0], p[1:]))
