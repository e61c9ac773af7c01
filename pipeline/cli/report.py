"""`longcap report`: the page of an output or of one video."""

from __future__ import annotations

import json
from pathlib import Path

from operators.core.uris import local_path
from pipeline.output.output import Output
from pipeline.reporting.files import STRIPS_S, make_report_page, make_video_page, publish, save
from pipeline.terminal.errors import UsageError
from pipeline.terminal.printing import echo_json, echo_written


def report_command(
    *,
    out: str,
    video: str | None = None,
    file: str | None = None,
    no_frames: bool = False,
    force: bool = False,
    as_json: bool = False,
) -> int:
    """Write the page and print its path; with `as_json` print the content of `report.json`, or the page's path."""
    path = _path(file) if file is not None else None
    output = Output(out)
    strips_s = 0.0 if no_frames else STRIPS_S
    if video is not None:
        page, html = make_video_page(output, video, strips_s=strips_s)
        target = path or Path(f"{Path(page.video['uri']).stem or page.video['video_id']}.html")
        save({target: html}, force=force)
        echo_written([str(target)], as_json=as_json)
        return 0
    html, data = make_report_page(output, strips_s=strips_s)
    if path is not None:
        save({path: html, path.with_suffix(".json"): data}, force=force)
    where = [str(path), str(path.with_suffix(".json"))] if path is not None else publish(output, html, data)
    if as_json:
        echo_json(json.loads(data))
    else:
        echo_written(where, as_json=False)
    return 0


def _path(file: str) -> Path:
    path = local_path(file)
    if path is None:
        raise UsageError(f"-o {file} is not on this machine: write the page here and copy it, or leave -o out for OUT")
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"-o {file} does not end in .html, so a browser would not open it; give -o {file}.html")
    return Path(path).expanduser()
