"""Cost against score: the entries that no other entry beats, as a list and as a plot."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

_COSTS = ("cost_usd", "gpu_s", "tokens", "cpu_s")
_SCORES = ("judged_event_f1", "keypoint_accuracy", "event_recall", "rouge_l_coco", "grounding", "atoms_a_minute")


def front(points: Sequence[tuple[float, float]], better: int = 1) -> list[bool]:
    """Return which points (cost, score) are on the Pareto front: no other point costs at most as much and scores at
    least as well, with one of the two strictly better.

    Args:
        better: 1: higher scores are better; -1: lower ones.
    """
    found = []
    for cost, score in points:
        found.append(
            not any(
                c <= cost and better * s >= better * score and (c < cost or better * s > better * score)
                for c, s in points
            )
        )
    return found


def axis(asked: str | None, rows: Sequence[Mapping[str, Any]], part: str) -> str | None:
    """Return the cost or score to plot: the requested one, else the first one that differs between the entries."""
    known = _COSTS if part == "cost" else _SCORES
    if asked is not None:
        return asked
    values = {name: [row[part].get(name) for row in rows] for name in known}
    there = [name for name, some in values.items() if some and all(v is not None for v in some) and any(some)]
    differ = [name for name in there if len(set(values[name])) > 1]
    return next(iter([*differ, *there]), None)


def plot(rows: Sequence[Mapping[str, Any]], cost: str, score: str) -> bytes:
    """Return a PNG with each entry as a point, and those of the front connected."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5.5), dpi=120)
    for row in rows:
        at = (row["cost"][cost], row["scores"][score])
        axes.plot(*at, "o", color="#1f5fa8" if row["front"] else "#9a9a9a")
        axes.annotate(row["entry"], at, textcoords="offset points", xytext=(6, 4), fontsize=8)
        interval = row["intervals"].get(score)
        if interval and interval[0] is not None:
            axes.vlines(at[0], *interval, color="#c8c8c8", linewidth=1, zorder=0)
    best = sorted((row["cost"][cost], row["scores"][score]) for row in rows if row["front"])
    axes.plot(*zip(*best, strict=True), "-", color="#1f5fa8", linewidth=1) if best else None
    axes.margins(x=0.12)  # keep the name beside the last point visible
    axes.set_xlabel(cost)
    axes.set_ylabel(score)
    axes.grid(alpha=0.25)
    figure.tight_layout()
    written = io.BytesIO()
    figure.savefig(written, format="png")
    pyplot.close(figure)
    return written.getvalue()
