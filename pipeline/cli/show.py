"""`longcap show`: print a long caption, or list all."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from operators.analysis.filter import reason_of
from operators.core.text import printable
from pipeline.monitoring.progress import clock
from pipeline.output.annotations import opening_of
from pipeline.output.captions import NoCaption
from pipeline.output.output import Output
from pipeline.terminal.commands import longcap
from pipeline.terminal.errors import RunFailed
from pipeline.terminal.look import columns, counted, hint
from pipeline.terminal.printing import echo, json_text

_WIDTH = 100
_LISTED = ("video_id", "uri", "duration_s", "words", "coverage")


def show_command(*, out: str, video: str | None = None, as_json: bool = False) -> int:
    """Print one video's long caption, or a table of all videos."""
    output = Output(out)
    if video is None:
        rows = (output.to_arrow().drop_columns(["sections"]) if as_json else output.to_arrow(_LISTED)).to_pylist()
        echo(json_text([_plain(r) for r in rows]) if as_json else _table(rows, output))
        if not as_json and rows:
            hint(longcap("show", output.shown_uri, _name(rows[0])), longcap("report", output.shown_uri))
        return 0
    try:
        row = output[video].row
    except NoCaption as error:
        raise RunFailed(str(error)) from error
    echo(json_text(_plain(row)) if as_json else caption_text(row))
    return 0


def caption_text(row: dict[str, Any]) -> str:
    """Format a row of `rows.LONG_CAPTION`: facts, opening, sections with their times."""
    opening = opening_of(row)
    lines = [
        printable(row["uri"]),
        f"id {printable(row['video_id'])} · {clock(row['duration_s'])} · "
        f"{row['width_px']}x{row['height_px']} {row['codec']} · "
        f"{row['words']} words · coverage {row['coverage']:.2f} · integrity {'yes' if row['integrity'] else 'no'}"
        + (f" · {row['damaged_packets']} damaged packets" if row["damaged_packets"] else ""),
        *([f"subtitles {row['subtitles']}"] if row.get("subtitles") else []),
        *(["", textwrap.fill(opening, _WIDTH)] if opening else []),
    ]
    for section in row["sections"]:
        cited = counted(len(section["windows"]), "window")
        lines += [
            "",
            f"[{clock(section['start_s'])} to {clock(section['end_s'])} · {cited}]",
            textwrap.fill(section["text"], _WIDTH),
        ]
    return "\n".join(lines)


def _table(rows: list[dict[str, Any]], output: Output) -> str:
    made = [[r["video_id"], clock(r["duration_s"]), r["words"], f"{r['coverage']:.2f}", _name(r)] for r in rows]
    lines = [columns(("id", "length", "words", "coverage", "file"), made)] if made else ["no long captions yet"]
    lines += [f"left out by the filter: {_name(row)}: {printable(reason)}" for row, reason in _left_out(output)]
    for failure in output.failures():
        part = "" if failure["segment_index"] is None else f" segment {failure['segment_index']}"
        lines.append(f"failed ({failure['class']}): {_name(failure)}{part}: {printable(failure['message'])}")
    return "\n".join(lines)


def _name(row: Mapping[str, Any]) -> str:
    return printable(row["uri"].rsplit("/", 1)[-1])


def _left_out(output: Output) -> list[tuple[dict[str, Any], str]]:
    """Videos that the filter left out, each with the reason."""
    found = output.filtered().select(["video_id", "uri", "duration_s", "filtered"]).to_pylist()
    return [(row, reason_of(row["filtered"])) for row in found]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "metadata": json.loads(row["metadata"] or "{}")}
