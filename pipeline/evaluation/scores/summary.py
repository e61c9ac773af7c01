"""Aggregate the scores of many captions to one number each, with an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.evaluation.scores import characters, overlap
from pipeline.evaluation.scores.metrics import METRICS, STATS, Metric

Floats = npt.NDArray[np.float64]

RESAMPLES = 10_000
_DRAWS = 100_000_000  # videos in all resamples, such as 1,000 of 100,000 captions: two exact digits
_BLOCK = 5_000_000
_LEVEL = 0.95


@dataclass(frozen=True)
class Value:
    """One metric of a set of captions.

    Attributes:
        n: number of captions that have it.
        value: their mean; for a pooled metric, the value of the summed counts.
        low, high: 95 % bootstrap interval over videos (percentiles); None for fewer than two captions.
    """

    n: int
    value: float
    low: float | None
    high: float | None

    def row(self) -> dict[str, Any]:
        return {"n": self.n, "value": _rounded(self.value), "low": _rounded(self.low), "high": _rounded(self.high)}


class Scores:
    """The columns of a table of scores, in the order of video ids.

    Args:
        table: with the columns `metrics.SCORES`, or another table with `video_id`, `missing` and `duration_s`.
        known: the metrics in the table, by name.
        stats: columns of counts for pooled metrics.
    """

    def __init__(self, table: pa.Table, known: Mapping[str, Metric] = METRICS, stats: Sequence[str] = STATS) -> None:
        table = table.sort_by("video_id")
        self.known = known
        self.video_ids: list[str] = table["video_id"].to_pylist()
        self.missing = np.asarray(table["missing"].fill_null(False))
        self.duration_s = _floats(table["duration_s"])
        self.metrics = {name: _floats(table[name]) for name in known}
        self.stats = {name: _stats(table[name]) for name in stats}
        tenths = "events_by_tenth" in table.column_names
        self.by_tenth = _stats(table["events_by_tenth"]) if tenths else np.zeros((len(self.video_ids), 0))
        there = "language" in table.column_names
        self.languages: list[str | None] = table["language"].to_pylist() if there else [None] * len(self.video_ids)

    def __len__(self) -> int:
        return len(self.video_ids)

    def taken(self, which: npt.NDArray[Any]) -> Scores:
        """Return a selection of the rows."""
        some = object.__new__(Scores)
        some.known = self.known
        places = np.flatnonzero(which) if which.dtype == bool else which
        some.video_ids = [self.video_ids[k] for k in places]
        some.languages = [self.languages[k] for k in places]
        some.by_tenth = self.by_tenth[places]
        some.missing, some.duration_s = self.missing[places], self.duration_s[places]
        some.metrics = {name: values[places] for name, values in self.metrics.items()}
        some.stats = {name: values[places] for name, values in self.stats.items()}
        return some


def summarise(scores: Scores, *, seed: int = 1, resamples: int = RESAMPLES) -> dict[str, Value]:
    """Summarise each metric that a caption has. Equal scores and seeds give equal intervals."""
    known = {name: values for name, values in scores.metrics.items() if not np.isnan(values).all()}
    if not known:
        return {}
    names = list(known)
    values = np.stack([known[name] for name in names], axis=1)
    there = ~np.isnan(values)
    filled = np.where(there, values, 0.0)
    means = filled.sum(axis=0) / there.sum(axis=0)
    pooled = [name for name in names if scores.known[name].pooled]
    stats = np.concatenate([scores.stats[name] for name in STATS], axis=1) if pooled else np.zeros((len(scores), 0))
    drawn, drawn_stats = bootstrap(filled, there, stats, seed, resamples)
    found = {}
    of_sums = _pooled(stats.sum(axis=0), pooled)
    of_draws = _pooled(drawn_stats, pooled)
    for k, name in enumerate(names):
        value = float(of_sums.get(name, means[k]))
        draws = of_draws.get(name, drawn[:, k])
        n = int(there[:, k].sum())
        found[name] = Value(n, value, *(interval(draws) if n > 1 else (None, None)))
    return found


def interval(draws: Floats) -> tuple[float | None, float | None]:
    """Return the percentiles 2.5 and 97.5 of bootstrap draws."""
    draws = draws[~np.isnan(draws)]
    if not len(draws):
        return None, None
    low, high = np.quantile(draws, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def bootstrap(
    filled: Floats, there: npt.NDArray[np.bool_], stats: Floats, seed: int, resamples: int
) -> tuple[Floats, Floats]:
    """Return means, and sums of stats, of resamples of the rows: shapes (resamples, metrics) and (…, stats)."""
    n = len(filled)
    resamples = int(min(resamples, max(200, _DRAWS // n)))
    random = np.random.default_rng(seed)
    means, sums = [], []
    left = resamples
    while left:
        some = min(left, max(1, _BLOCK // n))
        places = random.integers(0, n, size=(some, n)) + n * np.arange(some)[:, None]
        weights = np.bincount(places.ravel(), minlength=some * n).reshape(some, n).astype(np.float64)
        counts = weights @ there
        means.append(np.where(counts > 0, (weights @ filled) / np.maximum(counts, 1), np.nan))
        sums.append(weights @ stats)
        left -= some
    return np.concatenate(means), np.concatenate(sums)


_WIDTHS = {
    "bleu_stats": 2 + 2 * overlap.ORDERS,
    "sacrebleu_stats": 2 + 2 * overlap.ORDERS,
    "chrf_stats": characters.STATS,
}


def _pooled(sums: Floats, names: Sequence[str]) -> dict[str, Floats]:
    """Compute pooled metrics from sums of stats, shape (..., counts); returns arrays of shape (...)."""
    if not names:
        return {}
    coco, sacre, chars = np.split(sums, np.cumsum([_WIDTHS[name] for name in STATS])[:-1], axis=-1)
    bleu = overlap.bleu(coco)
    found = {f"bleu_{n + 1}": bleu[..., n] for n in range(overlap.ORDERS)}
    found["sacrebleu"] = characters.sacrebleu_bleu(sacre)
    found["chrf"] = characters.chrf(chars)
    found["chrf_pp"] = characters.chrf(chars, words=characters.WORD_ORDER)
    return {name: found[name] for name in names}


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _stats(column: pa.ChunkedArray) -> Floats:
    """Return an array of shape (rows, counts); missing rows are 0."""
    found = column.to_pylist()
    width = max((len(row) for row in found if row is not None), default=0)
    return np.array([row if row is not None else [0] * width for row in found], dtype=np.float64).reshape(
        len(found), width
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")
