"""An output over rendered clips as a run leaves it, made without Ray, for tests of the viewer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from operators.core import rows as schemas
from operators.core.base import Row
from operators.core.grid import Grid
from operators.core.keys import narrator_key
from operators.store.commit import CommitDataset, CommitSegments, CommitVideos
from operators.store.store import Store
from operators.video.facts import probe
from operators.video.version import file_of_status, version_of
from pipeline.config.tables import captioner, video_operators
from pipeline.config.values import dump_config
from tests.support import rows
from tests.support.outputs import CONFIG, plan_of

RUN = "20260101-000000-0000aa"
SENTENCES: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("A red car waits at the gate.", (0,)),
    ("The car drives along the river.", (2,)),
    ("A dog barks at the bridge.", (4,)),
    ("Rain falls on the street all the time.", (0, 1, 2, 3, 4)),
)
"""Text and windows of every video of 30 s: windows begin every 5 s and last 10 s."""


def video_row(video_id: str, path: Path, **changes: Any) -> Row:
    """Return a clip as probed."""
    version = version_of(file_of_status(path.stat()))
    facts = {name: value for name, value in probe(str(path)).items() if name in rows.video()}
    found = {**rows.video(video_id), **facts, "uri": str(path), "source_version": version}
    return {**found, "size_bytes": path.stat().st_size, **changes}


def section(sentences: Sequence[tuple[str, tuple[int, ...]]] = SENTENCES, **changes: Any) -> Row:
    """Return a section with `sentences`."""
    said = [{"text": text, "windows": list(windows)} for text, windows in sentences]
    text = " ".join(text for text, _ in sentences)
    cited = sorted({k for _, windows in sentences for k in windows})
    return {**rows.section(end_s=30.0), "text": text, "sentences": said, "windows": cited, **changes}


def make(
    uri: str,
    videos: Sequence[Row],
    *,
    opening: str = "A street by a river.",
    sections: Mapping[str, Sequence[Row]] | None = None,
    told: Mapping[str, Row] | None = None,
    segment: Mapping[str, Any] | None = None,
    added: Sequence[pa.Field] = (),
    run_id: str = RUN,
) -> Store:
    """Commit `videos`, their windows and their long captions.

    Args:
        sections: video_id -> its sections; `[section()]` for all others.
        told: video_id -> differing columns of its long caption.
        segment: differing columns of all captioned segments.
        added: columns of long captions that a recipe has added.
    """
    store = Store(uri)
    CommitVideos(uri, run_id, "here").commit([dict(v) for v in videos])
    usable = [v for v in videos if v["failure"] is None]
    plan = plan_of(CONFIG, usable)
    captions = captioner(CONFIG)
    segments = CommitSegments(uri, run_id, "here", captioner=captions)
    dataset = CommitDataset(
        uri,
        run_id,
        "here",
        narrator_key(video_operators(CONFIG)),
        captioner=captions,
        schema=schemas.joined(schemas.LONG_CAPTION, added),
    )
    by_id = {v["video_id"]: v for v in usable}
    made = []
    for planned in plan.videos:
        video = by_id[planned.video_id]
        for k in range(planned.segment_count):
            row = rows.captioned(video["video_id"], k, key=planned.key, duration_s=video["duration_s"])
            row = {**row, "uri": video["uri"], **(segment or {})}
            for window in row["windows"]:
                window["pts_s"] = [t + video["first_pts_s"] for t in window["pts_s"]]
                window["text"] = _window_text(window["window_index"])
            made.append(row)
    segments.commit(made)
    captioned = []
    for planned in plan.videos:
        video = by_id[planned.video_id]
        parts = list((sections or {}).get(video["video_id"], [section()]))
        caption = "\n\n".join([opening, *(p["text"] for p in parts)])
        grid = Grid(video["duration_s"], rows.WINDOW_S, rows.STRIDE_S)
        facts = {name: value for name, value in video.items() if name in rows.narrated()}
        captioned.append(
            {
                **rows.narrated(video["video_id"]),
                **facts,
                "key": planned.key,
                "captioned_indices": list(range(planned.segment_count)),
                "segments": planned.segment_count,
                "segments_captioned": planned.segment_count,
                "windows": grid.window_count,
                "windows_captioned": grid.window_count,
                "caption": caption,
                "words": len(caption.split()),
                "sections": parts,
                "failure": None,
                **(told or {}).get(video["video_id"], {}),
            }
        )
    dataset.commit(captioned)
    store.write_file("longcap.json", b'{"longcap": "output", "contract": 1}\n')
    store.write_file(f"runs/{run_id}/config.yaml", dump_config(CONFIG).encode())
    asked = {"run_id": run_id, "inputs": ["/videos"], "share": "all"}
    store.write_file(f"runs/{run_id}/asked.json", json.dumps(asked).encode())
    store.write_table(f"runs/{run_id}/videos.parquet", plan.table())
    store.write_file(f"runs/{run_id}/report.json", json.dumps({"run_id": run_id, "status": "done"}).encode())
    return store


def _window_text(index: int) -> str:
    said = [text for text, windows in SENTENCES if index in windows]
    return f"{' '.join(said)} Window {index}."
