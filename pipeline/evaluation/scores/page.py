"""The report of an evaluation: one JSON object, and one self-contained page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import jinja2

from operators.core.text import printable, repaired
from pipeline.evaluation.scores.metrics import GROUPS, Metric
from pipeline.evaluation.scores.summary import Scores, Value

_WORST = 20


def report(
    *, captions: str, against: str | None, counts: Mapping[str, int], whole: Mapping[str, Value],
    slices: Sequence[Mapping[str, Any]], scores: Scores,
) -> dict[str, Any]:  # fmt: skip
    """Return the data of `evaluation.json`."""
    return {
        "generator": "longcap",
        "version": version("longcap"),
        "captions": captions,
        "against": against,
        "counts": dict(counts),
        "languages": _languages(scores.languages),
        "metrics": {
            name: {
                "group": scores.known[name].group,
                "better": scores.known[name].better,
                "says": scores.known[name].says,
                **value.row(),
            }
            for name, value in whole.items()
        },
        "slices": [dict(one) for one in slices],
        "worst": worst(scores),
    }


def worst(scores: Scores, count: int = _WORST) -> list[dict[str, Any]]:
    """Return the captions with the lowest scores: by mean rank over all metrics that have a direction."""
    import numpy as np

    if not len(scores):
        return []
    places = []
    for name, metric in scores.known.items():
        values = scores.metrics[name]
        if metric.better and not np.isnan(values).all() and np.nanmax(values) > np.nanmin(values):
            order = np.argsort(
                np.argsort(metric.better * np.nan_to_num(values, nan=float(np.nanmean(values))), kind="stable")
            )
            places.append(order / max(1, len(scores) - 1))
    if not places:
        return []
    mean = np.mean(places, axis=0)
    return [
        {"video_id": scores.video_ids[k], "rank": round(float(mean[k]), 4), "missing": bool(scores.missing[k])}
        for k in np.argsort(mean, kind="stable")[:count]
    ]


def _languages(found: Sequence[str | None]) -> dict[str, int]:
    from collections import Counter

    return dict(Counter(code or "unknown" for code in found).most_common())


def as_json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def html(data: Mapping[str, Any], judge_metrics: Mapping[str, Metric] = MappingProxyType({})) -> str:
    """Render `evaluation.html`.

    Args:
        judge_metrics: descriptions of the judges' metrics, if the report has any.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("pipeline.evaluation.scores"), jinja2.PackageLoader("pipeline.reporting")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["short"] = short
    judges = {"judges": [], "between": {}, **data}
    return environment.get_template("evaluation.html.j2").render(
        generator=f"longcap {version('longcap')}",
        data=judges,
        groups=GROUPS,
        judge_metrics=judge_metrics,
        tables=_by(data["slices"]),
        judge_tables={one["judge"]: _by(one["slices"]) for one in judges["judges"]},
    )


def _by(slices: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    names = dict.fromkeys(one["by"] for one in slices)
    return {name: [one for one in slices if one["by"] == name] for name in names}


def short(value: float | None) -> str:
    """Format a value with four significant digits."""
    if value is None:
        return "–"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def _shown(value: Any) -> Any:
    return (
        printable(repaired(value), lines=True) if isinstance(value, str) and not hasattr(value, "__html__") else value
    )
