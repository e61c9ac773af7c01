"""Rank long captions for inspection: the best ones, and those that are most likely wrong.

`doubt` sums the evidence against a caption. Its weights only order captions for inspection; nothing is filtered by
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.reporting.measures import Floats, Measures

_UNUSUAL = 2.5  # a length is unusual if log(words per minute) is this many robust standard deviations from the median


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A long caption to inspect.

    Attributes:
        index: its index in the measures.
        doubt: sum of the evidence against it; 0: none.
        reasons: reasons against it; for the best captions, reasons for it.
    """

    index: int
    doubt: float
    reasons: list[str]


def best(measures: Measures, count: int = 10) -> list[Ranked]:
    """Return the captions with the least doubt, ties by length; at most half of a small output."""
    doubt = _doubt(measures)
    order = np.lexsort((-measures.words, np.round(doubt, 6)))
    taken = order[: min(count, (len(order) + 1) // 2)]
    return [Ranked(index=int(i), doubt=round(float(doubt[i]), 3), reasons=_merits(measures, int(i))) for i in taken]


def doubtful(measures: Measures, count: int = 10) -> list[Ranked]:
    """Return the captions with the most doubt; captions without doubt are not listed."""
    doubt = _doubt(measures)
    order = np.argsort(-doubt, kind="stable")
    found = [int(i) for i in order[:count] if doubt[i] > 0]
    unusual = _unusual(measures)
    return [Ranked(index=i, doubt=round(float(doubt[i]), 3), reasons=_faults(measures, unusual, i)) for i in found]


def _doubt(measures: Measures) -> Floats:
    known: list[Floats] = [1.0 - np.nan_to_num(measures.grounding, nan=1.0), np.nan_to_num(measures.fallback, nan=0.0)]
    unusual: Floats = np.minimum(1.0, np.maximum(0.0, np.abs(_unusual(measures)) - _UNUSUAL) / 4)
    parts: Sequence[Floats] = (
        2.0 * (1.0 - measures.coverage),
        np.where(measures.integrity, 0.0, 0.25),
        *known,
        unusual,
    )
    return np.sum(parts, axis=0, dtype=np.float64) if len(measures) else np.zeros(0)


def _unusual(measures: Measures) -> Floats:
    """Return the distance of words per minute from the expected value, in robust standard deviations of their
    logarithm.

    Short clips naturally have more words per minute, so the expected value falls with the logarithm of the duration,
    along the line through the medians of the shorter and the longer half.
    """
    if len(measures) < 8:
        return np.zeros(len(measures))
    rate = np.log(np.maximum(measures.words_a_minute, 1e-3))
    length = np.log(np.maximum(measures.duration_s, 0.1))
    longer = length > np.median(length)
    expected = np.full(len(rate), np.median(rate))
    if longer.any() and not longer.all():
        near, far = (float(np.median(length[half])) for half in (~longer, longer))
        if far - near > 0.1:
            low, high = (float(np.median(rate[half])) for half in (~longer, longer))
            expected = low + (length - near) * (high - low) / (far - near)
    off: Floats = rate - expected
    spread = 1.4826 * float(np.median(np.abs(off - np.median(off))))
    return off / max(spread, 0.1)


def _merits(measures: Measures, i: int) -> list[str]:
    said = [f"coverage {measures.coverage[i]:.0%}"]
    if not np.isnan(measures.grounding[i]):
        said.append(f"grounding {measures.grounding[i]:.2f}")
    return said


def _faults(measures: Measures, unusual: Floats, i: int) -> list[str]:
    said = []
    if measures.coverage[i] < 1:
        said.append(f"coverage {measures.coverage[i]:.1%}")
    if not measures.integrity[i]:
        said.append("damaged or incomplete")
    if measures.grounding[i] < 1:  # False for NaN
        said.append(f"grounding {measures.grounding[i]:.2f}")
    if measures.uncited[i] > 0:
        said.append(f"{measures.uncited[i]:.0%} of its sentences cite no window")
    if measures.fallback[i] > 0:
        said.append(f"{measures.fallback[i]:.0%} of its sections fall back on the captions' own sentences")
    if abs(unusual[i]) > _UNUSUAL:
        kind = "long" if unusual[i] > 0 else "short"
        said.append(f"unusually {kind} for its duration ({measures.words_a_minute[i]:.0f} words per minute)")
    return said
