"""Scores by slices: duration, position in the video, reach of events, and any column."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.evaluation.scores.events import TENTHS
from pipeline.evaluation.scores.summary import Scores, Value, bootstrap, interval, summarise

BUCKETS_S = (120.0, 300.0, 480.0, 600.0)
"""Upper bounds of the duration buckets: those of CapRiCorn-1K, and longer ones."""

POSITIONS = tuple(f"{10 * k} to {10 * k + 10} %" for k in range(TENTHS))
"""Tenths of a video, which show whether the middle is lost."""

_RESAMPLES = 2_000
_QUARTILES_FROM = 12  # distinct numbers from which a column is divided at its quartiles


def tenth(position: float) -> int:
    """Return the tenth of the video that contains a position from 0 to 1."""
    return min(TENTHS - 1, max(0, int(position * TENTHS)))


def position_label(position: float | None) -> str | None:
    return None if position is None else POSITIONS[tenth(position)]


def slices(scores: Scores, columns: Mapping[str, Mapping[str, Any]], *, seed: int = 1) -> list[dict[str, Any]]:
    """Slice by duration and by each column: `by`, `value`, `n`, `missing` and `metrics`, in the order of values.

    Args:
        columns: column -> video id -> value. A column with many distinct numbers is divided at its quartiles.
    """
    found = []
    every = {"duration": [_bucket(float(s)) for s in scores.duration_s]}
    for name, values in columns.items():
        every[name] = _labels([values.get(video) for video in scores.video_ids])
    for by, labels in every.items():
        order = {label: k for k, label in enumerate(dict.fromkeys(sorted(labels)))}
        of = np.array([order[label] for label in labels], dtype=np.int64)
        for (_, label), k in order.items():
            some = scores.taken(of == k)
            values = summarise(some, seed=seed, resamples=_RESAMPLES)
            metrics = {name: value.row() for name, value in values.items()}
            counts = {"n": len(some), "missing": int(some.missing.sum())}
            found.append({"by": by, "value": label, **counts, "metrics": metrics})
    return found


_SCOPES = {
    "within-event": ("event_words", "event_polarity", "event_times"),
    "between-event": ("event_order", "reading_order"),
    "long-term": ("event_order_far", "name_consistency"),
}
"""Reach of a metric: details of one event, two neighbours, or the whole video."""


def scopes(whole: Mapping[str, Value], count: int) -> list[dict[str, Any]]:
    """Group the metrics of a set of captions by their reach."""
    found = []
    for scope, names in _SCOPES.items():
        metrics = {name: whole[name].row() for name in names if name in whole}
        if metrics:
            found.append({"by": "scope", "value": scope, "n": count, "missing": 0, "metrics": metrics})
    return found


def positions(scores: Scores, *, seed: int = 1) -> list[dict[str, Any]]:
    """Return the recall of true events by tenths of the video, over all captions: is the middle lost?"""
    counts = scores.by_tenth
    if not counts.any():
        return []
    nothing = np.zeros((len(scores), 0))
    _, drawn = bootstrap(nothing, nothing.astype(bool), counts, seed, _RESAMPLES)
    found = []
    for k, label in enumerate(POSITIONS):
        predicted, there = counts[:, k].sum(), counts[:, TENTHS + k].sum()
        if there:
            draws = np.divide(
                drawn[:, k], drawn[:, TENTHS + k], out=np.full(len(drawn), np.nan), where=drawn[:, TENTHS + k] > 0
            )
            value = Value(int(there), float(predicted / there), *(interval(draws) if len(scores) > 1 else (None, None)))
            found.append(
                {
                    "by": "position",
                    "value": label,
                    "n": int(there),
                    "missing": 0,
                    "metrics": {"event_recall": value.row()},
                }
            )
    return found


def _bucket(seconds: float) -> tuple[float, str]:
    if math.isnan(seconds):
        return (math.inf, "unknown")
    k = sum(seconds > end for end in BUCKETS_S)
    ends = [f"{end / 60:g}" for end in BUCKETS_S]
    if k == 0:
        return (0.0, f"up to {ends[0]} min")
    return (float(k), f"over {ends[-1]} min" if k == len(ends) else f"{ends[k - 1]} to {ends[k]} min")


def _labels(values: Sequence[Any]) -> list[tuple[float, str]]:
    """Return a sort key and a label for each value."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(set(numbers)) >= _QUARTILES_FROM:
        cuts = sorted({float(q) for q in np.quantile(numbers, [0.25, 0.5, 0.75])})
        ends = [min(numbers), *cuts, max(numbers)]

        def quartile(v: float) -> tuple[float, str]:
            k = sum(v > cut for cut in cuts)
            return (float(k), f"{ends[k]:.4g} to {ends[k + 1]:.4g}")

        return [quartile(v) if isinstance(v, int | float) else (math.inf, "none") for v in values]
    known = sorted({v for v in values if v is not None}, key=lambda v: (isinstance(v, str), v))
    places = {str(v): float(k) for k, v in enumerate(known)}
    return [(math.inf, "none") if v is None else (places[str(v)], str(v)) for v in values]
