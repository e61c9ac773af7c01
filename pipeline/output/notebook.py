"""HTML displays of outputs, runs and frames in notebooks, with all text escaped.

Notebooks style tables themselves, so there is no style sheet here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from operators.core.base import Row
from operators.core.text import printable, repaired
from pipeline.monitoring.progress import clock

SHOWN_COLUMNS = ("uri", "duration_s", "words", "coverage", "integrity")
"""Columns that the display of an output shows."""

_ROWS = 10
_RUN_COLUMNS = ("run_id", "status", "began", "elapsed_s", "videos_narrated", "videos_failed", "captions_per_s")


class Records(list[Row]):
    """Reports of runs: a list of mappings that a notebook shows as a table."""

    def _repr_html_(self) -> str:
        rows = [[record.get(name) for name in _RUN_COLUMNS] for record in self]
        return str(table(_RUN_COLUMNS, rows))


def shown(text: str) -> Markup:
    """Escape untrusted text for HTML, including control and bidirectional characters."""
    return Markup.escape(printable(repaired(text), lines=True))


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Markup:
    """Render an HTML table."""
    titles = Markup("").join(Markup("<th>{}</th>").format(name) for name in head)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(_cell(value)) for value in row))
        for row in rows
    )
    return Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(titles, body)


def output_html(uri: str, found: pa.Table) -> str:
    """Render an output: its size and its first rows.

    Args:
        found: `SHOWN_COLUMNS` of all long captions.
    """
    first = found.sort_by("uri").slice(0, _ROWS).to_pylist()
    rows = [
        [r["uri"].rsplit("/", 1)[-1], clock(r["duration_s"]), r["words"], f"{r['coverage']:.2f}", _yes(r["integrity"])]
        for r in first
    ]
    more = Markup("<p>… and {} more</p>").format(found.num_rows - _ROWS) if found.num_rows > _ROWS else ""
    head = Markup("<p><b>{}</b> long caption{} in <code>{}</code></p>").format(
        found.num_rows, "" if found.num_rows == 1 else "s", shown(uri)
    )
    return str(head + (table(("video", "duration", "words", "coverage", "integrity"), rows) if rows else "") + more)


def strip_html(stills: Iterable[Any], problem: str | None = None) -> Markup:
    """Render frames side by side with their times, or the reason why there are none."""
    if problem is not None:
        return Markup("<p><i>{}</i></p>").format(shown(problem))
    figure = Markup(
        '<figure style="margin:0 4px 4px 0;display:inline-block"><img src="{}" width="{}" height="{}" '
        'alt="frame at {} s">'
        "<figcaption>{} s</figcaption></figure>"
    )
    cells = [
        figure.format(one.data_uri, one.width_px, one.height_px, f"{one.time_s:.2f}", f"{one.time_s:.2f}")
        for one in stills
    ]
    return Markup("<div>{}</div>").format(Markup("").join(cells))


def _cell(value: Any) -> Any:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else "" if value is None else value


def _yes(value: bool | None) -> str:
    return "yes" if value else "no"
