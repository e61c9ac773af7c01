"""Distributions as numbers: quantiles, and bins of round width."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pipeline.reporting.measures import Floats, Measures

_BINS = 24
_FENCE = 3.0  # interquartile ranges past the quartiles (Tukey's outer fence); values beyond are in the outer bins


def distributions(measures: Measures) -> dict[str, Any]:
    """Return `words`, `words_a_minute`, `coverage`, `grounding` and `duration_s`, each as from `distribution`."""
    return {
        "words": distribution(measures.words),
        "words_a_minute": distribution(measures.words_a_minute),
        "coverage": distribution(measures.coverage, share=True),
        "grounding": distribution(measures.grounding, share=True),
        "duration_s": distribution(measures.duration_s),
    }


def distribution(values: Floats, *, share: bool = False) -> dict[str, Any] | None:
    """Compute quantiles and a histogram; None if there is no value. NaN counts as no value.

    Args:
        share: whether the values lie between 0 and 1, with bins of a twentieth.

    Returns:
        `count`, `min`, `p5`, `median`, `mean`, `p95`, `max`, and `edges` with `counts`: bin k is
        `[edges[k], edges[k + 1])`, the last one closed. Inner bins have one width; the outer two reach to the extremes.
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    edges = np.linspace(0.0, 1.0, 21) if share else _edges(values)
    counts, _ = np.histogram(values, edges)
    p5, median, p95 = np.quantile(values, [0.05, 0.5, 0.95])
    return {
        "count": len(values),
        "min": _round(values.min()),
        "p5": _round(p5),
        "median": _round(median),
        "mean": _round(values.mean()),
        "p95": _round(p95),
        "max": _round(values.max()),
        "edges": [_round(e) for e in edges],
        "counts": [int(n) for n in counts],
    }


def _edges(values: Floats) -> Floats:
    q1, q3 = np.quantile(values, [0.25, 0.75])
    low = max(float(values.min()), q1 - _FENCE * (q3 - q1))
    high = min(float(values.max()), q3 + _FENCE * (q3 - q1))
    if high - low < 1e-9:
        low, high = float(values.min()), float(values.max())
    if high - low < 1e-9:
        around = max(1.0, abs(low) / 2)  # a single value: one bar in the middle
        return np.linspace(low - around, low + around, 12)
    width = _nice((high - low) / _BINS)
    first, last = math.floor(low / width), math.ceil(high / width)
    edges = np.arange(first, last + 1) * width
    edges[0], edges[-1] = min(edges[0], values.min()), max(edges[-1], values.max())
    return edges


def _nice(width: float) -> float:
    """Return the smallest number of at least `width` that is 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(width))
    return next((m * power for m in (1.0, 2.0, 2.5, 5.0) if m * power >= width - 1e-12), 10.0 * power)


def _round(value: float) -> float:
    return float(f"{value:.5g}")
