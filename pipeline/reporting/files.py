"""Write the report into an output, and pages to files that the user names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cluster.own_files import check_own, write_files
from operators.core.base import Row
from operators.core.causes import explained
from operators.core.storage import file_system, is_local
from operators.store.store import Store
from pipeline.output.output import Output
from pipeline.reporting.overview import overview
from pipeline.reporting.pages import report_page, video_html
from pipeline.reporting.strips import Strip, Strips
from pipeline.reporting.video import VideoPage, video_page
from pipeline.terminal.errors import UsageError

HTML, JSON = "report.html", "report.json"
_MARK = b'<meta name="generator" content="longcap '
_MARK_JSON = b'"generator": "longcap"'
_HEAD = 4096  # bytes of a file that are searched for the mark of Longcap

STRIPS_S = 60.0
"""Seconds that the filmstrips of a page may take while a person waits; at the end of a run, run.report_frames_s."""
_FILM_FRAMES, _FILM_PX = 12, 130  # for the page of one video


def make_report_page(output: Output, *, strips_s: float = STRIPS_S) -> tuple[str, str]:
    """Return `report.html` and `report.json` of an output as it is now.

    Args:
        strips_s: seconds that filmstrips may take; 0: no filmstrips.
    """
    data = overview(output)
    strips = Strips(output.store, strips_s)
    if strips_s > 0:
        strips.make(row["video_id"] for row in (*data["best"], *data["doubtful"]))
    return report_page(data, strips.made), _json(data, strips)


def write_report(store: Store, say: Callable[[str], None], *, strips_s: float) -> None:
    """Write OUT/report.html and OUT/report.json at the end of a run; an error in the report never fails the run.

    An existing file that Longcap did not write is kept, and `say` is called with a note.
    """
    try:
        html, data = make_report_page(Output(store.uri), strips_s=strips_s)
        for name, text in ((HTML, html), (JSON, data)):
            if not _ours_in(store, name):
                say(f"{store.uri}/{name} is not Longcap's report, so it was not changed")
            else:
                store.write_file(name, text.encode())
    except Exception as error:
        say(f"the report was not written: {explained(error)}; run longcap report to write it")


def publish(output: Output, html: str, data: str) -> list[str]:
    """Write a report into its output; returns the uris.

    Raises:
        UsageError: a file of that name exists and is not Longcap's, or the output cannot be written to.
    """
    store = output.store
    for name in (HTML, JSON):
        if not _ours_in(store, name):
            raise UsageError(f"{output.shown_uri}/{name} exists and is not Longcap's; name another file with -o")
    try:
        return [store.write_file(name, text.encode()) for name, text in ((HTML, html), (JSON, data))]
    except OSError as error:
        raise UsageError(f"cannot write to {output.shown_uri}: {explained(error)}; name a file with -o") from error


def save(texts: dict[Path, str], *, force: bool) -> None:
    """Write pages to files that the user names.

    Raises:
        UsageError: a file exists that Longcap did not write, and `force` is false; or it cannot be written.
    """
    try:
        check_own(texts, lambda _, found: is_ours(found), force=force)
        write_files(texts)
    except OSError as error:
        raise UsageError(str(error) if isinstance(error, FileExistsError) else explained(error)) from error


def make_video_page(output: Output, name: str, *, strips_s: float = STRIPS_S) -> tuple[VideoPage, str]:
    """Return the page of one video, with a filmstrip. Raises as `video_page`."""
    page = video_page(output, name)
    strips = Strips(output.store, strips_s)
    if strips_s > 0:
        strips.make([page.video["video_id"]], frames=_FILM_FRAMES, short_side_px=_FILM_PX)
    return page, video_html(page, strips.made.get(page.video["video_id"]))


def is_ours(found: bytes) -> bool:
    """Whether a file with this content is a page or `report.json` of Longcap."""
    return _MARK in found[:_HEAD] or _MARK_JSON in found[:_HEAD]


def _ours_in(store: Store, name: str) -> bool:
    """Whether OUT/`name` does not exist or is Longcap's."""
    files, path = file_system(f"{store.uri}/{name}")
    if is_local(files) and Path(path).is_symlink():
        return False
    found = store.read_file(name)
    return found is None or is_ours(found)


def _json(data: dict[str, Any], strips: Strips) -> str:
    ranked = {name: [_with_frames(row, strips.made.get(row["video_id"])) for row in data[name]] for name in _RANKED}
    return json.dumps({"generator": "longcap", **data, **ranked}, indent=1, ensure_ascii=False) + "\n"


_RANKED = ("best", "doubtful")


def _with_frames(row: Row, strip: Strip | None) -> Row:
    """Return a row of `best` or `doubtful` with the times of its frames."""
    return {**row, "frames_s": [round(still.time_s, 3) for still in strip.stills] if strip else []}
