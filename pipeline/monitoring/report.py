"""The run report: what was asked, what was done before, what came of it, how fast, and what to do next."""

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
    """One run, in numbers. Written to OUT/runs/<run_id>/report.json.

    Attributes:
        status: done, or interrupted.
        exit_code: 0 if all is accounted for and no more than the allowed share of videos failed, else 1.
        videos_narrated: planned videos that have their long caption now, those of earlier runs included.
        videos_failed: planned videos that will not get one: video_id -> why is `failed`.
        videos_filtered: planned videos that the filter leaves out: video_id -> why is `filtered`.
        unmeasured: column with bounds -> of how many narrated videos it was not measured, so that it left none out.
        unaccounted: ids of planned videos that have neither; empty after a run that was done.
        tables: of each further table: rows planned, durable, failed, and left.
        captions: whether the job makes long captions; one that only reads finished outputs does not.
        tokens: that the engines read (`prompt`, of which `cached` were not computed again) and wrote (`output`).
        engine_s: seconds that requests spent in engines, all together; requests overlap.
        cost_usd: by the engines' configured prices; answers that never came are not in it.
        rejected: gate -> how many answers it sent back.
        cleaned: rule -> from how many answers it removed something.
        repeated_per_1000_words: sentences of the long captions of this run that tell an event again; null: no words.
        gpu_s_held: GPUs times seconds that graphs held them, busy or not: what is paid for.
        times_real_time: seconds of video done in a second.
        time_to: share of the videos that this run finished, in % -> seconds from the start of the work.
        actors: pool -> actors that the run wanted.
        busy: pool -> mean share of its actors that had work, 0 to 1; empty where nobody looked.
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
    """What is known of a run beside its plan.

    Attributes:
        inputs, out: without secrets.
        only: ids that it was limited to.
        listed: videos that its inputs hold.
        counts: what its receipts add up to.
        gpu_s_held: GPUs times seconds that its graphs held them.
        began: seconds since the epoch.
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
    """Compare what was to do (`first`) with what is left."""
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
            name: {"planned": c.planned, "done": c.done, "failed": c.failed, "left": c.left + c.waiting}
            for name, c in left.tables.items()
        },
        time_to=counts.timeline.time_to(),
        actors=dict(counts.timeline.actors),
        busy=counts.timeline.busy(),
        timeline=counts.timeline.series(),
    )


def _per_hour(count: float, seconds: float) -> float | None:
    return round(count / (seconds / 3600), 2) if seconds > 0 else None
