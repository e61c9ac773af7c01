"""Compare two sets of captions of the same videos: paired differences with intervals, and the most changed captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import jinja2
import numpy as np

from operators.core.addresses import redacted
from pipeline.evaluation.scores.evaluate import Scored
from pipeline.evaluation.scores.metrics import METRICS, VERSION
from pipeline.evaluation.scores.overlap import common
from pipeline.evaluation.scores.page import short
from pipeline.evaluation.scores.references import References
from pipeline.evaluation.scores.sources import Captions
from pipeline.evaluation.scores.summary import RESAMPLES, Scores, bootstrap, interval
from pipeline.evaluation.scores.tokens import ptb_words
from pipeline.terminal.errors import UsageError

_EQUAL = 1e-9


def compare(
    first: tuple[Captions, Scored],
    second: tuple[Captions, Scored],
    references: References | None = None,
    *,
    most: int = 20,
) -> dict[str, Any]:
    """Return what `longcap compare` prints.

    Only videos in both sets count. Each metric is compared video by video; metrics that are pooled over captions (BLEU,
    chrF) are compared as means of their values per caption.

    Raises:
        UsageError: the sets have no video in common.
    """
    a, b = (Scores(scored.table.read()) for _, scored in (first, second))
    shared = sorted(set(a.video_ids) & set(b.video_ids))
    if not shared:
        raise UsageError(f"{first[0].shown} and {second[0].shown} have no video in common")
    left, right = _picked(a, shared), _picked(b, shared)
    metrics = _differences(left, right)
    counts = {
        "videos in both": len(shared),
        "only in the first": len(a) - len(shared),
        "only in the second": len(b) - len(shared),
    }
    texts = [dict(_texts(captions, set(shared))) for captions in (first[0], second[0])]
    return {
        "generator": "longcap",
        "version": version("longcap"),
        "metrics_version": VERSION,
        "first": first[0].shown,
        "second": second[0].shown,
        "against": [
            {"path": redacted(f.uri), "form": f.form, "references": f.references, "events": f.events}
            for f in (references.files if references is not None else ())
        ],
        "counts": counts,
        "metrics": metrics,
        "changed": _changed(shared, texts, left, right, most),
    }


def comparison_page(data: Mapping[str, Any]) -> str:
    """Render the comparison as a page."""
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("pipeline.evaluation.scores"), jinja2.PackageLoader("pipeline.reporting")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["short"] = short
    template = environment.get_template("comparison.html.j2")
    return template.render(generator=f"longcap {version('longcap')}", data=data)


def _picked(scores: Scores, videos: Sequence[str]) -> Scores:
    place = {video: k for k, video in enumerate(scores.video_ids)}
    return scores.taken(np.array([place[v] for v in videos], dtype=np.int64))


def _differences(a: Scores, b: Scores) -> dict[str, dict[str, Any]]:
    """Return metric -> how the second set differs, over the videos that have it in both, with bootstrap intervals."""
    moved = np.stack([b.metrics[name] - a.metrics[name] for name in METRICS], axis=1)
    there = ~np.isnan(moved)
    draws, _ = bootstrap(np.where(there, moved, 0.0), there, np.zeros((len(a), 0)), seed=1, resamples=RESAMPLES)
    found = {}
    for k, (name, metric) in enumerate(METRICS.items()):
        both = there[:, k]
        n = int(both.sum())
        if not n:
            continue
        low, high = interval(draws[:, k]) if n > 1 else (None, None)
        found[name] = {
            "n": n,
            "first": _rounded(float(a.metrics[name][both].mean())),
            "second": _rounded(float(b.metrics[name][both].mean())),
            "difference": _rounded(float(moved[both, k].mean())),
            "low": _rounded(low),
            "high": _rounded(high),
            "verdict": _verdict(metric.better, float(np.abs(moved[both, k]).max()), low, high),
        }
    return found


def _verdict(better: int, most: float, low: float | None, high: float | None) -> str:
    if most <= _EQUAL:
        return "the same"
    if low is None or high is None or low <= _EQUAL <= high or low <= -_EQUAL <= high:
        return "not surely different"
    up = low > 0
    if not better:
        return "more" if up else "less"
    return "better" if up == (better > 0) else "worse"


def _texts(captions: Captions, videos: set[str]) -> list[tuple[str, str]]:
    return [(c.video_id, c.text) for c in captions if c.video_id in videos]


def _changed(
    videos: Sequence[str], texts: Sequence[Mapping[str, str]], a: Scores, b: Scores, most: int
) -> list[dict[str, Any]]:
    """Return the videos with the fewest words in common, each with the metric that changed most."""
    found = []
    spread = {}
    for name, metric in METRICS.items():
        moved = b.metrics[name] - a.metrics[name]
        if metric.better and not np.isnan(moved).all() and np.nanmax(np.abs(moved)) > _EQUAL:
            spread[name] = (moved, float(np.sqrt(np.nanmean(moved**2))))
    for k, video in enumerate(videos):
        one, other = (side.get(video, "") for side in texts)
        if one == other:
            continue
        words, others = ptb_words(one), ptb_words(other)
        similarity = 2 * common(words, others) / max(1, len(words) + len(others))
        moves = {name: float(moved[k]) for name, (moved, _) in spread.items() if not np.isnan(moved[k])}
        what = ""
        if moves:
            top = max(moves, key=lambda name, own=moves: abs(own[name]) / spread[name][1])  # type: ignore[misc]
            what = f"{top} {moves[top]:+.3g}"
        found.append({"video_id": video, "similarity": round(similarity, 4), "what": what})
    return sorted(found, key=lambda row: (row["similarity"], row["video_id"]))[:most]


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")
