"""The exam's sheets as a table and as a plot (the extra `eval`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.evaluation.exam.exam import WAYS, Sheet
from pipeline.evaluation.exam.human import Chain
from pipeline.evaluation.exam.marks import Marks

_COLUMNS = ("way", "length", "events", "recall", "precision", "order", "names", "time error")
_PANELS = (
    ("recall", "event recall"),
    ("precision", "precision"),
    ("order", "order"),
    ("time_error_s", "time error, s"),
)


def length(seconds: int) -> str:
    """Format a length as "30 s" or "10 min"."""
    return f"{seconds} s" if seconds < 60 else f"{seconds / 60:g} min"


def table(sheets: Sequence[Sheet]) -> str:
    """Return a Markdown table, one row per way and length."""
    lines = ["| " + " | ".join(_COLUMNS) + " |", "|" + "---|" * len(_COLUMNS)]
    for sheet in sorted(sheets, key=lambda s: (WAYS.index(s.way), s.seconds)):
        m = sheet.marks
        names = f"{m.names:.3f}" if m.named else ""
        shares = (f"{m.recall:.3f}", f"{m.precision:.3f}", f"{m.order:.3f}", names, f"{m.time_error_s:.1f} s")
        lines.append("| " + " | ".join((sheet.way, length(sheet.seconds), str(m.events), *shares)) + " |")
    return "\n".join(lines)


def spoiled_table(spoiled: dict[str, tuple[str, Marks, Marks]]) -> str:
    """Return a Markdown table of the marks of captions made worse."""
    lines = ["| made worse | mark | before | after |", "|---|---|---|---|"]
    for done, (what, before, behind) in spoiled.items():
        values = (f"{getattr(m, what):.3f}" for m in (before, behind))
        lines.append(f"| {done} | {what.removesuffix('_s').replace('_', ' ')} | {' | '.join(values)} |")
    return "\n".join(lines)


def chain_line(chain: Chain) -> str:
    """Return the counts of cleaning and gates in one line."""
    return (
        f"{chain.answers} answers: rules of cleaning applied {chain.cleaned} times, gates rejected {chain.rejected}, "
        f"{len(chain.landed)} captions kept a defect."
    )


def plot(sheets: Sequence[Sheet], path: Path) -> None:
    """Plot four panels over the length of the video, one line per way.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(_PANELS), figsize=(15, 3.8), layout="constrained")
    lengths = sorted({s.seconds for s in sheets})
    for axis, (what, title) in zip(axes, _PANELS, strict=True):
        for way in [w for w in WAYS if any(s.way == w for s in sheets)]:
            own = sorted((s for s in sheets if s.way == way), key=lambda s: s.seconds)
            values = [getattr(s.marks, what) for s in own]
            axis.plot([lengths.index(s.seconds) for s in own], values, label=way, **_style(way))
        axis.set_xticks(range(len(lengths)), [length(s) for s in lengths])
        axis.set_title(title)
        axis.set_ylim(0, None if what == "time_error_s" else 1.03)
        axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _style(way: str) -> dict[str, Any]:
    """Return the line style of a way: dashed for both levels, a colour per chain."""
    colours = {
        "script": "black",
        "heard": "tab:cyan",
        "measure": "tab:gray",
        "none": "tab:blue",
        "segment": "tab:orange",
        "video": "tab:green",
        "human, as written": "tab:red",
        "human, lexical": "tab:purple",
        "human, embedding": "tab:brown",
    }
    colour = colours[way.rsplit("chain ", maxsplit=1)[-1]]
    return {"color": colour, "linestyle": "--" if way.startswith("both") else "-", "marker": "o", "markersize": 3}
