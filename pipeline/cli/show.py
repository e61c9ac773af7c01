"""`longcap show`: a long caption as a person reads it, or the list of what there is."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from operators.measure.filter import reason_of
from operators.text import printable
from pipeline.monitoring.progress import clock
from pipeline.output.output import Output
from pipeline.terminal.errors import RunFailed
from pipeline.terminal.printing import echo, json_text

_WIDTH = 100


def show_command(*, out: str, video: str | None = None, as_json: bool = False) -> int:
    """Print one video's long caption, or a table of all videos."""
    output = Output(out)
    if video is None:
        rows = output.to_arrow().drop_columns(["sections"]).to_pylist()
        echo(json_text([_plain(r) for r in rows]) if as_json else _table(rows, output))
        return 0
    found = output.find(video)
    row = next((r for r in output.to_arrow().to_pylist() if r["video_id"] == found["video_id"]), None)
    if row is None:
        left_out = [reason for r, reason in _left_out(output) if r["video_id"] == found["video_id"]]
        failed = [f["message"] for f in output.failures() if f["video_id"] == found["video_id"]]
        reasons = [
            *(f"the filter left it out: {reason}" for reason in left_out),
            *failed,
            "it is not done yet; run again",
        ]
        raise RunFailed(f"{found['uri']} has no long caption: {reasons[0]}")
    echo(json_text(_plain(row)) if as_json else caption_text(row))
    return 0


def caption_text(row: dict[str, Any]) -> str:
    """A row of `rows.LONG_CAPTION` for people: facts, opening, sections with their times."""
    opening = row["caption"].split("\n\n", 1)[0]
    lines = [
        printable(row["uri"]),
        f"id {printable(row['video_id'])} · {clock(row['duration_s'])} · "
        f"{row['width_px']}x{row['height_px']} {row['codec']} · "
        f"{row['words']} words · coverage {row['coverage']:.2f} · integrity {'yes' if row['integrity'] else 'no'}"
        + (f" · {row['damaged_packets']} damaged packets" if row["damaged_packets"] else ""),
        *([f"subtitles {row['subtitles']}"] if row.get("subtitles") else []),
        "",
        textwrap.fill(opening, _WIDTH),
    ]
    for section in row["sections"]:
        count = len(section["windows"])
        lines += [
            "",
            f"[{clock(section['start_s'])} to {clock(section['end_s'])} · {count} window{'s' if count > 1 else ''}]",
            textwrap.fill(section["text"], _WIDTH),
        ]
    return "\n".join(lines)


def _table(rows: list[dict[str, Any]], output: Output) -> str:
    lines = [f"{'id':16}  {'length':>8}  {'words':>5}  {'coverage':>8}  file"]
    for row in rows:
        lines.append(
            f"{_id(row):16}  {clock(row['duration_s']):>8}  {row['words']:>5}  {row['coverage']:>8.2f}  {_name(row)}"
        )
    for row, reason in _left_out(output):
        lines.append(f"{_id(row):16}  {clock(row['duration_s']):>8}  left out by the filter: {reason}  {_name(row)}")
    failures = output.failures()
    for failure in failures:
        part = "" if failure["segment_index"] is None else f" segment {failure['segment_index']}"
        lines.append(
            f"{_id(failure):16}  failed ({failure['class']}){part}: {printable(failure['message'])}  {_name(failure)}"
        )
    return "\n".join(lines)


def _id(row: dict[str, Any]) -> str:
    return printable(row["video_id"][:16])


def _name(row: dict[str, Any]) -> str:
    return printable(row["uri"].rsplit("/", 1)[-1])


def _left_out(output: Output) -> list[tuple[dict[str, Any], str]]:
    """Videos that the filter left out, each with the reason."""
    found = output.filtered().select(["video_id", "uri", "duration_s", "filtered"]).to_pylist()
    return [(row, reason_of(row["filtered"])) for row in found]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "metadata": json.loads(row["metadata"] or "{}")}
