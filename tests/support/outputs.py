"""Outputs as runs leave them, committed without Ray: any config, some videos narrated and others only captioned."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from operators.core.base import Row
from operators.core.keys import narrator_key
from operators.store.commit import CommitDataset, CommitSegments, CommitVideos
from operators.store.store import Store
from pipeline.config.tables import captioner, video_operators
from pipeline.config.types import Config, PlanOptions
from pipeline.config.values import dump_config
from pipeline.planning.plan import Plan, make_plan
from pipeline.sources.selection import Selection
from tests.support import rows

CONFIG = replace(Config(), plan=PlanOptions(segment_s=rows.SEGMENT_S))


def with_changes(config: Config = CONFIG, **sections: dict[str, Any]) -> Config:
    """Return a config with other fields in some sections."""
    return replace(config, **{name: replace(getattr(config, name), **values) for name, values in sections.items()})


def plan_of(config: Config, videos: Sequence[Row]) -> Plan:
    return make_plan(config, list(videos), Selection(), {})


def commit_run(
    store: Store,
    videos: Sequence[Row],
    config: Config = CONFIG,
    *,
    run_id: str = "20260101-000000-0000aa",
    narrated: Collection[str] | None = None,
    failed: Collection[str] = (),
) -> Plan:
    """Write what a run over `videos` commits, its plan and its config; the run ends well, but nothing is cleaned up.

    Args:
        narrated: ids of the videos with a long caption; None: all except failed ones.
        failed: ids of the videos whose segments all fail.
    """
    plan = plan_of(config, videos)
    CommitVideos(store.uri, run_id, "here").commit([dict(v) for v in videos])
    captions = captioner(config)
    segments = CommitSegments(store.uri, run_id, "here", captioner=captions)
    dataset = CommitDataset(store.uri, run_id, "here", narrator_key(video_operators(config)), captioner=captions)
    for video in plan.videos:
        lost = video.video_id in failed
        make = rows.failed_segment if lost else rows.captioned
        uri = video.facts["uri"]
        segments.commit([make(video.video_id, i, key=video.key, uri=uri) for i in range(video.segment_count)])
        if not lost and (narrated is None or video.video_id in narrated):
            facts = {n: video.facts[n] for n in ("uri", "source_version", "duration_s", "metadata")}
            dataset.commit([rows.narrated(video.video_id, key=video.key, **facts)])
    store.write_file(f"runs/{run_id}/config.yaml", dump_config(config).encode())
    asked = {"run_id": run_id, "inputs": ["/videos"], "share": "all"}
    store.write_file(f"runs/{run_id}/asked.json", json.dumps(asked).encode())
    store.write_table(f"runs/{run_id}/videos.parquet", plan.table())
    store.write_file(f"runs/{run_id}/report.json", json.dumps({"run_id": run_id, "status": "done"}).encode())
    return plan
