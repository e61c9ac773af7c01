"""Agreement of judges: of one with itself when asked twice, and between several."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from operators.core.base import Row
from pipeline.evaluation.judging.case import FAILED, MISSING

Level = Literal["nominal", "interval"]
_FREE = frozenset({"events", "notes", "sentence"})
_RATED = frozenset({"quality_score", "vdc_score"})


def with_itself(rows: Iterable[Row]) -> dict[str, Any]:
    """Return `requests` asked twice, `labels` compared and the share of `agreement`, for the answers of one judge.

    A label that the second answer lacks because it failed does not agree.
    """
    every = list(rows)
    first = {row["key"]: row for row in every if row["repeat_of"] is None}
    requests = labels = agree = 0
    for row in every:
        before = first.get(row["repeat_of"] or "")
        if before is None or before["answer"] is None:
            continue
        requests += 1
        a, b = _renumbered(json.loads(before["answer"])), _renumbered(json.loads(row["answer"] or "{}"))
        for name, values in a.items():
            for field, value in values.items():
                if field in _FREE or (field == "answer" and row["prompt"] == "answers"):
                    continue
                labels += 1
                agree += b.get(name, {}).get(field) == value
    return {"requests": requests, "labels": labels, "agreement": agree / labels if labels else None}


def _renumbered(answer: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Number groups by their first item, since the numbers that a judge gives to its groups mean nothing."""
    numbers: dict[Any, int] = {}
    return {
        name: {
            field: numbers.setdefault(value, len(numbers) + 1) if field == "group" else value
            for field, value in answer[name].items()
        }
        for name in sorted(answer)
    }


def alpha(ratings: Sequence[Sequence[str | None]], level: Level = "nominal") -> float | None:
    """Compute Krippendorff's alpha of judges (rows) and items (columns); None: not rated.

    Returns:
        1 for full agreement, 0 for agreement by chance; None if no item was rated by two judges or all labels are
        equal, in which case alpha is undefined.
    """
    import krippendorff

    pairs = [column for column in zip(*ratings, strict=True) if sum(v is not None for v in column) > 1]
    domain = sorted({v for column in pairs for v in column if v is not None})
    if len(domain) < 2:
        return None
    codes: Mapping[str, float] = (
        {v: float(v) for v in domain} if level == "interval" else {v: float(k) for k, v in enumerate(domain)}
    )
    data = np.array([[np.nan if v is None else codes[v] for v in column] for column in pairs]).T
    return float(krippendorff.alpha(reliability_data=data, level_of_measurement=level))


def between(rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """Return metric -> `things` that two judges rated, and `alpha`, for rows of `run.JUDGED` of several judges."""
    said: dict[str, dict[tuple[str, str], dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    judges: dict[str, None] = {}
    for row in rows:
        judges[row["judge"]] = None
        for unit in row["units"] or ():
            if unit["metric"] and unit["label"] not in (FAILED, MISSING):
                said[unit["metric"]][row["video_id"], unit["id"]][row["judge"]] = unit["label"]
    if len(judges) < 2:
        return {}
    found = {}
    for metric, things in sorted(said.items()):
        both = [labels for labels in things.values() if len(labels) > 1]
        level: Level = "interval" if metric in _RATED else "nominal"
        value = alpha([[labels.get(judge) for labels in both] for judge in judges], level) if both else None
        found[metric] = {"things": len(both), "alpha": value}
    return found
