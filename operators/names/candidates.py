"""Who may be who: mentions of people and things in window captions, and the pairs worth asking about."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

from operators.base import Row
from operators.narrate.sentences import stems

_LEAST_LIKE = 0.2  # of 1: pairs that share less are not asked about


@dataclass(kw_only=True)
class Candidate:
    """Mentions that are the same to the letter.

    Attributes:
        name, looks: as a caption gave them.
        start_s: of the first window that mentions it.
        windows: all of these, in order.
    """

    name: str
    looks: str
    start_s: float
    windows: list[int] = field(default_factory=list)


def candidates(windows: Sequence[Row]) -> list[Candidate]:
    """The subjects of all valid windows (`rows.WINDOW_CAPTION`, in order), equal ones together, by appearance."""
    found: dict[tuple[str, str], Candidate] = {}
    for window in windows:
        if not window["valid"] or not window["fields"]:
            continue
        for subject in json.loads(window["fields"])["subjects"]:
            name, looks = subject["name"].strip().strip("."), subject["looks"].strip().strip(".")
            at = (name.casefold(), looks.casefold())
            one = found.setdefault(at, Candidate(name=name, looks=looks, start_s=window["start_s"]))
            if window["window_index"] not in one.windows:
                one.windows.append(window["window_index"])
    return list(found.values())


def likely_pairs(found: Sequence[Candidate], nearest: int) -> list[tuple[float, int, int]]:
    """(likeness, i, j) of pairs that may be the same, the likeliest first.

    Likeness is the cosine of the two descriptions' words weighed by how rare they are (TF-IDF). Asking a model about
    every pair grows with the square of a film's length; asking about the `nearest` few of each does not. Two that one
    window names side by side are two.
    """
    bags = [frozenset(stems(f"{c.name} {c.looks}")) for c in found]
    holders: dict[str, list[int]] = {}
    for k, bag in enumerate(bags):
        for word in bag:
            holders.setdefault(word, []).append(k)
    weight = {w: math.log(1 + len(found) / len(held)) for w, held in holders.items()}
    norms = [math.sqrt(sum(weight[w] ** 2 for w in bag)) for bag in bags]
    shared: Counter[tuple[int, int]] = Counter()
    for word, held in holders.items():
        for pair in combinations(held, 2):
            shared[pair] += weight[word] ** 2  # type: ignore[assignment]  # a Counter of floats
    near: list[list[tuple[float, int, int]]] = [[] for _ in found]
    for (i, j), product in shared.items():
        likeness = product / (norms[i] * norms[j])
        if likeness >= _LEAST_LIKE and not set(found[i].windows) & set(found[j].windows):
            near[i].append((likeness, i, j))
            near[j].append((likeness, i, j))
    chosen = {pair for pairs in near for pair in sorted(pairs, key=lambda p: (-p[0], p[1:]))[:nearest]}
    return sorted(chosen, key=lambda p: (-p[0], p[1:]))
