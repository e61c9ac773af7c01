"""The run report: the request, the work done before, the results, the speed, and the next steps."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.monitoring.progress import Counts
from pipeline.planning.diff import Remaining
from pipeline.planning.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Report:
    """The figures of one run, written to OUT/runs/<run_id>/report.json.

    Attributes:
        status: done, or interrupted.
        exit_code: 0 if every video is accounted for and at most the allowed share failed, else 1.
        videos_narrated: planned videos that have a long caption now, including those of earlier runs.
        videos_failed: planned videos that will not get a long caption; `failed` holds video_id -> reason.
        videos_filtered: planned videos that the filter excludes; `filtered` holds video_id -> reason.
        unmeasured: column with bounds -> number of narrated videos without a value, which the bounds do not exclude.
        unaccounted: ids of planned videos with neither result; empty after a completed run.
        tables: rows planned, durable, failed, left, and left out by the filter, for each further table.
        captions: whether the run makes long captions; a run that only reads finished outputs does not.
        tokens: tokens that the engines read (`prompt`, of which `cached` came from the cache) and wrote (`output`).
        engine_s: seconds of all requests to engines; requests overlap.
        cost_usd: by the configured prices of the engines; requests without an answer are not included.
        rejected: gate -> number of rejected answers.
        cleaned: rule -> number of answers from which it removed text.
        repeated_per_1000_words: sentences of this run's long captions that repeat an event; null if there are no words.
        gpu_s_held: GPUs times the seconds for which the graphs held them, used or not.
        times_real_time: seconds of video processed per second.
        time_to: share of the videos that this run finished, in % -> seconds since the work began.
        actors: pool -> number of requested actors.
        busy: pool -> mean share of its actors that had work, 0 to 1; empty if it was not measured.
        timeline: how much became durable when; see `pipeline.monitoring.timeline.Timeline.series`.
    """

    run_id: str
    status: str
    exit_code: int
    inputs: list[str]
    only: list[str]
    out: str
    began: str
    ended: str
    elapsed_s: float
    videos_listed: int
    videos_planned: int
    videos_narrated: int
    videos_failed: int
    videos_filtered: int
    video_hours: float
    segments_planned: int
    segments_done_before: int
    segments_captioned: int
    frame_captions: int
    window_captions: int
    captions_per_s: float
    tokens: dict[str, int]
    engine_s: float
    cost_usd: float
    rejected: dict[str, int]
    cleaned: dict[str, int]
    repeated_per_1000_words: float | None
    gpu_s_held: float
    captions_per_gpu_hour: float | None
    video_hours_per_gpu_hour: float | None
    times_real_time: float
    failures: dict[str, int]
    failed: dict[str, str]
    filtered: dict[str, str]
    unmeasured: dict[str, int]
    unaccounted: list[str]
    max_failed: float
    ignored: dict[str, int] = field(default_factory=dict)
    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    captions: bool = True
    time_to: dict[str, float] = field(default_factory=dict)
    actors: dict[str, int] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)
    timeline: dict[str, Any] = field(default_factory=dict)

    def json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class Run:
    """The facts of a run that are not in its plan.

    Attributes:
        inputs, out: as given, without secrets.
        only: ids to which the run was limited.
        listed: number of videos in its inputs.
        counts: totals of its receipts.
        gpu_s_held: GPUs times the seconds for which its graphs held them.
        began: start, seconds since the epoch.
    """

    run_id: str
    inputs: list[str]
    only: list[str]
    out: str
    listed: int
    counts: Counts
    gpu_s_held: float
    began: float


def make_report(run: Run, plan: Plan, first: Remaining, left: Remaining, *, status: str) -> Report:
    """Compare the work at the start (`first`) with the work that is left."""
    counts = run.counts
    planned = len(plan.videos) + len(plan.unusable)
    undone = left.undone
    failed = len(left.given_up)
    elapsed = max(1e-6, counts.elapsed_s)
    limit = plan.config.run.max_failed
    accounted = not undone and not any(count.left or count.waiting for count in left.tables.values())
    few = failed <= limit * planned and all(c.failed <= limit * c.planned for c in left.tables.values())
    good = status == "done" and accounted and few
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    return Report(
        run_id=run.run_id,
        status=status,
        exit_code=0 if good else 1,
        inputs=run.inputs,
        only=run.only,
        out=run.out,
        began=time.strftime(stamp, time.gmtime(run.began)),
        ended=time.strftime(stamp, time.gmtime()),
        elapsed_s=round(time.time() - run.began, 1),
        videos_listed=run.listed,
        videos_planned=planned,
        videos_narrated=planned - failed - len(undone) - len(left.filtered) if "dataset" in plan.tables else 0,
        videos_failed=failed,
        videos_filtered=len(left.filtered),
        video_hours=round(plan.seconds / 3600, 4),
        segments_planned=plan.segments,
        segments_done_before=first.captioned,
        segments_captioned=counts.segments_done,
        frame_captions=counts.frames,
        window_captions=counts.windows,
        tokens={
            "prompt": counts.usage.prompt_tokens,
            "cached": counts.usage.cached_tokens,
            "output": counts.usage.output_tokens,
        },
        engine_s=round(counts.usage.engine_s, 1),
        cost_usd=round(counts.usage.cost_usd, 6),
        rejected=dict(counts.rejected),
        cleaned=dict(counts.cleaned),
        repeated_per_1000_words=round(1000 * counts.repeated / counts.words, 3) if counts.words else None,
        gpu_s_held=round(run.gpu_s_held, 1),
        captions_per_gpu_hour=_per_hour(counts.frames + counts.windows, run.gpu_s_held),
        video_hours_per_gpu_hour=_per_hour(counts.seconds_done / 3600, run.gpu_s_held),
        captions_per_s=round((counts.frames + counts.windows) / elapsed, 2),
        times_real_time=round(counts.seconds_done / elapsed, 2),
        failures=dict(Counter(counts.failures)),
        failed=dict(sorted(left.given_up.items())),
        filtered=dict(sorted(left.reasons.items())),
        unmeasured=dict(sorted(left.unmeasured.items())),
        unaccounted=sorted(undone),
        max_failed=plan.config.run.max_failed,
        ignored=plan.ignored,
        captions="dataset" in plan.tables,
        tables={
            name: {
                "planned": c.planned,
                "done": c.done,
                "failed": c.failed,
                "left": c.left + c.waiting,
                "filtered": c.filtered,
            }
            for name, c in left.tables.items()
        },
        time_to=counts.timeline.time_to(),
        actors=dict(counts.timeline.actors),
        busy=counts.timeline.busy(),
        timeline=counts.timeline.series(),
    )


def _per_hour(count: float, seconds: float) -> float | None:
    return round(count / (seconds / 3600), 2) if seconds > 0 else None
