"""Two sets of captions of the same videos: paired differences with intervals, and which captions changed most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import numpy as np

from pipeline.evaluation.scores.evaluate import Scored
from pipeline.evaluation.scores.metrics import METRICS
from pipeline.evaluation.scores.overlap import common
from pipeline.evaluation.scores.page import short
from pipeline.evaluation.scores.sources import Captions
from pipeline.evaluation.scores.summary import Floats, Scores
from pipeline.evaluation.scores.tokens import ptb_words
from pipeline.terminal.errors import UsageError

_RESAMPLES, _DRAWS = 10_000, 100_000_000
_EQUAL = 1e-9


def compare(
    first: tuple[Captions, Scored], second: tuple[Captions, Scored], *, most: int = 20, against: Sequence[str] = ()
) -> dict[str, Any]:
    """What `longcap compare` prints.

    Only videos that are in both count. A metric of one video is compared with the same metric of the same video; those
    that are pooled over captions (BLEU, chrF) are compared as means of their values for each caption.

    Raises:
        UsageError: no video is in both.
    """
    a, b = (Scores(scored.table.read()) for _, scored in (first, second))
    shared = sorted(set(a.video_ids) & set(b.video_ids))
    if not shared:
        raise UsageError(f"{first[0].shown} and {second[0].shown} have no video in common")
    left, right = _picked(a, shared), _picked(b, shared)
    metrics = {}
    for name in METRICS:
        x, y = left.metrics[name], right.metrics[name]
        both = ~np.isnan(x) & ~np.isnan(y)
        if both.any():
            metrics[name] = _difference(name, x[both], y[both])
    counts = {
        "videos in both": len(shared),
        "only in the first": len(a) - len(shared),
        "only in the second": len(b) - len(shared),
    }
    texts = [dict(_texts(captions, set(shared))) for captions in (first[0], second[0])]
    return {
        "generator": "longcap",
        "first": first[0].shown,
        "second": second[0].shown,
        "against": list(against),
        "counts": counts,
        "metrics": metrics,
        "changed": _changed(shared, texts, left, right, most),
    }


def comparison_page(data: Mapping[str, Any]) -> str:
    """The same as a page."""
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
    from importlib.metadata import version

    template = environment.get_template("comparison.html.j2")
    return template.render(generator=f"longcap {version('longcap')}", data=data)


def _picked(scores: Scores, videos: Sequence[str]) -> Scores:
    place = {video: k for k, video in enumerate(scores.video_ids)}
    return scores.taken(np.array([place[v] for v in videos], dtype=np.int64))


def _difference(name: str, x: Floats, y: Floats) -> dict[str, Any]:
    moved = y - x
    low, high = _interval(moved)
    better = METRICS[name].better
    verdict = "the same" if not np.abs(moved).max() > _EQUAL else "not surely different"
    if low is not None and high is not None and (low > _EQUAL or high < -_EQUAL):
        up = low > 0
        verdict = ("more" if up else "less") if not better else "better" if up == (better > 0) else "worse"
    return {
        "n": len(moved),
        "first": _rounded(float(x.mean())),
        "second": _rounded(float(y.mean())),
        "difference": _rounded(float(moved.mean())),
        "low": _rounded(low),
        "high": _rounded(high),
        "verdict": verdict,
    }


def _interval(moved: Floats) -> tuple[float | None, float | None]:
    """95 % bootstrap interval of the mean difference, over videos."""
    n = len(moved)
    if n < 2:
        return None, None
    random = np.random.default_rng(1)
    resamples = int(min(_RESAMPLES, max(200, _DRAWS // (n * len(METRICS)))))
    means = np.array([moved[random.integers(0, n, n)].mean() for _ in range(resamples)])
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _texts(captions: Captions, videos: set[str]) -> list[tuple[str, str]]:
    return [(c.video_id, c.text) for c in captions if c.video_id in videos]


def _changed(
    videos: Sequence[str], texts: Sequence[Mapping[str, str]], a: Scores, b: Scores, most: int
) -> list[dict[str, Any]]:
    """Those with the fewest words in common; of each, the metric that moved most among all videos' differences."""
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
        name = max(moves, key=lambda n, own=moves: abs(own[n]) / spread[n][1], default=None)  # type: ignore[misc]
        what = f"{name} {moves[name]:+.3g}" if name else ""
        found.append({"video_id": video, "similarity": round(similarity, 4), "what": what})
    return sorted(found, key=lambda row: (row["similarity"], row["video_id"]))[:most]


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")
