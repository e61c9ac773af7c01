"""The contents of `report.html` and `report.json`: an output as it is now, and its last run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc

from operators.core.addresses import redacted
from operators.core.base import Row
from operators.core.keys import SUPERSEDED
from operators.core.typed import Failed
from operators.store.store import Store
from pipeline.output.failure_groups import group
from pipeline.output.output import Output
from pipeline.planning.origin import changed, engine_of, makers_of, settings_of
from pipeline.reporting.distributions import distributions
from pipeline.reporting.measures import Measures, measures_of
from pipeline.reporting.ranking import Ranked, best, doubtful
from pipeline.terminal.commands import longcap

FORMAT = 2
"""Version of `report.json`. Keys may be added; a change that breaks a reader raises it."""

_GROUPS = 25  # kinds of failure that are listed; the others are counted
_RUNS = 50  # the newest runs
_REASONS = 12  # reasons of the filter
_EXCERPT = 600  # characters of a long caption
_CAPTION = ("video_id", "uri", "duration_s", "words", "coverage", "integrity", "caption", "width_px", "height_px")
_RUN: Mapping[str, Any] = {  # field of a run's record -> its value if an earlier version did not write it
    **dict.fromkeys(("status", "began", "ended"), ""),
    **dict.fromkeys(("elapsed_s", "cost_usd", "gpu_s_held", "captions_per_s", "times_real_time", "video_hours"), 0.0),
    **dict.fromkeys(("exit_code", "videos_planned", "videos_narrated", "videos_failed", "segments_captioned"), 0),
    **dict.fromkeys(("frame_captions", "window_captions"), 0),
    "tokens": {"prompt": 0, "cached": 0, "output": 0},
}
_LAST: Mapping[str, Any] = {
    "rejected": {},
    "cleaned": {},
    "time_to": {},
    "actors": {},
    "busy": {},
    "timeline": {},
    "tables": {},
}  # of the last one


def overview(output: Output) -> dict[str, Any]:
    """Return everything in the report as a JSON value, without filmstrips (`pipeline.reporting.strips`).

    It reads a few columns of every long caption and the texts of twenty.
    """
    store = output.store
    measures = measures_of(store)
    events = output.failures()
    runs = sorted(output.runs(), key=lambda run: str(run["run_id"]))
    return {
        "format": FORMAT,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "out": redacted(output.uri),
        "asked": _asked(store, runs),
        "came_out": _came_out(store, measures, events),
        "distributions": distributions(measures),
        "grounding_looked_at": measures.looked_at,
        "failures": _failures(events, redacted(output.uri)),
        "left_out": _left_out(store),
        "makers": [{"config": m.config, "count": m.count, "run_id": m.run_id} | _by(m) for m in makers_of(store)],
        "run": _run(runs[-1], {**_RUN, **_LAST}) if runs else None,
        "runs": [_run(run, _RUN) for run in runs[-_RUNS:]],
        "totals": _totals(runs),
        "best": _shown(store, measures, best(measures)),
        "doubtful": _shown(store, measures, doubtful(measures)),
    }


def _run(record: Row, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report's part about one run; its own runs/<run_id>/report.json has more."""
    return {"run_id": record["run_id"], **{name: record.get(name, other) for name, other in wanted.items()}}


def _by(maker: Any) -> dict[str, str]:
    return {"captioner": maker.captioner, "narrator": maker.narrator}


def _asked(store: Store, runs: Sequence[Row]) -> dict[str, Any]:
    """Return what the last run was asked to do, even if it is still active."""
    begun = store.run_records("asked.json")
    last = max(begun, key=lambda run: str(run["run_id"]), default=None)
    if last is None:
        return {"run_id": None, "inputs": [], "only": [], "changed": {}, "captioner": "not recorded", "narrator": ""}
    settings = settings_of(store, last["run_id"])
    only: list[str] = next((run.get("only", []) for run in runs if run["run_id"] == last["run_id"]), [])
    return {
        "run_id": last["run_id"],
        "inputs": last.get("inputs") or [],
        "only": only,
        "share": last.get("share", "all"),
        "changed": changed(settings or {}),
        "captioner": engine_of(settings, "caption"),
        "narrator": engine_of(settings, "narrate"),
    }


def _came_out(store: Store, measures: Measures, events: Sequence[Failed]) -> dict[str, Any]:
    known = store.videos.read(["duration_s"])
    segments = store.segments.read(["start_s", "end_s", "key"])
    segments = segments.filter(pc.invert(pc.ends_with(segments["key"], SUPERSEDED)))
    hours = float(pc.sum(known["duration_s"]).as_py() or 0.0) / 3600
    captioned_s = pc.sum(pc.subtract(segments["end_s"], segments["start_s"])).as_py() or 0.0
    return {
        "videos": known.num_rows,
        "video_hours": round(hours, 4),
        "long_captions": len(measures),
        "words": int(measures.words.sum()),
        "integrity": int(np.count_nonzero(measures.integrity)),
        "full_coverage": int(np.count_nonzero(measures.coverage >= 1.0 - 1e-9)),
        "segments": segments.num_rows,
        "segment_hours": round(float(captioned_s) / 3600, 4),
        "filtered": len(store.filtered_videos()),
        "failed_videos": len({event["video_id"] for event in events}),
        "tables": {name: table.read(table.schema.names[:1]).num_rows for name, table in store.derived.items()},
    }


def _failures(events: Sequence[Failed], where: str) -> dict[str, Any]:
    groups = group(events, where)
    return {
        "count": len(events),
        "by_class": dict(Counter(event["class"] for event in events).most_common()),
        "groups": groups[:_GROUPS],
        "more_groups": max(0, len(groups) - _GROUPS),
        "retry": longcap("retry", where) if events else None,
    }


def _left_out(store: Store) -> dict[str, int]:
    """Bound of the filter -> number of videos that miss it, the most frequent first."""
    counts: Counter[str] = Counter()
    for batch in store.filtered.batches(["filtered"]):
        for misses in batch["filtered"].to_pylist():
            counts.update(_bound(miss) for miss in misses or ())
    return dict(counts.most_common(_REASONS))


def _bound(miss: Mapping[str, Any]) -> str:
    low, high = miss["min"], miss["max"]
    if low is not None and miss["value"] is not None and miss["value"] < low:
        return f"{miss['column']} below {low:g}"
    return f"{miss['column']} above {high:g}" if high is not None else f"{miss['column']} out of bounds"


def _totals(runs: Sequence[Row]) -> dict[str, Any]:
    def add(name: str) -> float:
        return float(sum(run.get(name) or 0 for run in runs))

    tokens = [run.get("tokens") or {} for run in runs]
    return {
        "runs": len(runs),
        "elapsed_s": round(add("elapsed_s"), 1),
        "tokens": {kind: int(sum(t.get(kind) or 0 for t in tokens)) for kind in ("prompt", "cached", "output")},
        "gpu_hours": round(add("gpu_s_held") / 3600, 4),
        "cost_usd": round(add("cost_usd"), 6),
    }


def _shown(store: Store, measures: Measures, ranked: Sequence[Ranked]) -> list[dict[str, Any]]:
    """Return the ranked captions with their measures and beginnings."""
    ids = [measures.video_ids[r.index] for r in ranked]
    texts = {}
    if ids:
        found = store.dataset.lookup("video_id", *ids, columns=list(_CAPTION)).to_pylist()
        texts = {row["video_id"]: row for row in found}
    return [
        {
            **{name: texts[video_id][name] for name in _CAPTION if name != "caption"},
            "name": texts[video_id]["uri"].rsplit("/", 1)[-1],
            "excerpt": _excerpt(texts[video_id]["caption"] or ""),
            "doubt": r.doubt,
            "reasons": r.reasons,
        }
        for r, video_id in zip(ranked, ids, strict=True)
        if video_id in texts  # a run may have removed it meanwhile
    ]


def _excerpt(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _EXCERPT else flat[: flat.rfind(" ", 0, _EXCERPT)] + " …"
