"""Metrics of the driver: totals of the receipts, remaining work, and the state of the pools."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from cluster.metrics import Meters
from operators.core.base import Row
from operators.engines.ask import Usage
from pipeline.monitoring.progress import Progress
from pipeline.monitoring.stall import Holding

_EVERY_S = 10.0  # the export interval of Ray's agents
_FIRST_S = 1.0
_BEFORE = {"caption": "decode"}  # pool -> the pool that feeds it


class RunMeters:
    """Counts receipts immediately, and sets the gauges in a thread of its own."""

    def __init__(self) -> None:
        self._meters = Meters()
        self._watched: tuple[Holding, Progress] | None = None
        self._closed = threading.Event()
        self._work_seconds = WorkSeconds()
        self._sampled_s = 0.0
        self._clock: threading.Thread | None = None

    def add(self, receipt: Row) -> None:
        """Count a receipt."""
        count, usage = self._meters.count, Usage.of(receipt["usage"])
        count("longcap_tokens_total", usage.prompt_tokens, direction="prompt")
        count("longcap_tokens_total", usage.cached_tokens, direction="cached")
        count("longcap_tokens_total", usage.output_tokens, direction="output")
        count("longcap_engine_seconds_total", usage.engine_s)
        for gate in usage.rejected:
            count("longcap_rejected_total", gate=gate)
        for rule in usage.cleaned:
            count("longcap_cleaned_total", rule=rule)
        if receipt["failure"] is not None:
            if receipt["final"]:
                count("longcap_failures_total", failure_class=receipt["failure"]["class"])
        elif receipt["kind"] == "segment":
            count("longcap_video_seconds_total", receipt["seconds"])
            count("longcap_captions_total", receipt["frames"], level="frame")
            count("longcap_captions_total", receipt["windows"], level="window")
        elif receipt["kind"] == "video":
            count("longcap_videos_total")
            count("longcap_captions_total", level="long")

    def watch(self, holding: Holding, progress: Progress) -> None:
        """Start to set gauges from `holding` and `progress`, and to record in the timeline which actors have work."""
        self._watched = (holding, progress)
        actors = progress.counts.timeline.actors
        for pool, wanted in holding.wanted.items():
            actors[pool] = max(wanted, actors.get(pool, 0))
        if self._clock is None:
            self._closed.clear()
            self._clock = threading.Thread(target=self._run, name="meters", daemon=True)
            self._clock.start()

    def close(self) -> None:
        """Set the gauges a last time and stop the thread."""
        self._closed.set()
        if self._clock is not None:
            self._clock.join(2 * _EVERY_S)
            self._clock = None

    def _run(self) -> None:
        last, wait_s = False, _FIRST_S
        while not last:
            last = self._closed.wait(wait_s)
            wait_s = min(2 * wait_s, _EVERY_S)  # a short run needs values from its first seconds
            with suppress(Exception):  # Ray may be shutting down; a gauge must not end a run
                self._set()

    def _set(self) -> None:
        if self._watched is None:
            return
        holding, progress = self._watched
        counts = progress.counts
        self._meters.set("longcap_videos_left", max(0, counts.videos - counts.videos_done))
        self._meters.set("longcap_video_seconds_left", max(0.0, counts.seconds - counts.seconds_done))
        self._meters.set("longcap_idle_seconds", progress.idle_s)
        boots, work = holding.ask()
        rows = {pool: sum(r["rows"] for r in work if r["pool"] == pool) for pool in holding.wanted}
        under_way = {pool: sum(r["under_way"] for r in work if r["pool"] == pool) for pool in holding.wanted}
        for pool, wanted in holding.wanted.items():
            self._meters.set("longcap_actors_wanted", wanted, pool=pool)
            self._meters.set("longcap_actors_up", boots.get(pool, (0, []))[0], pool=pool)
        for pool, waiting in queues(rows, under_way).items():
            self._meters.set("longcap_queue_rows", waiting, pool=pool)
        if progress.started:
            now, elapsed_s = time.time(), counts.elapsed_s
            busy = self._work_seconds.since_last(work, now)
            share = {pool: busy.get(pool, 0.0) / wanted for pool, wanted in holding.wanted.items() if wanted}
            counts.timeline.sample(min(self._sampled_s, elapsed_s), elapsed_s, share)
            self._sampled_s = elapsed_s


class WorkSeconds:
    """Accumulates the seconds in which the actors of each pool had work, from one call to the next."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}

    def since_last(self, work: Sequence[Row], now: float) -> dict[str, float]:
        """Return pool -> seconds with work of all its actors together since the last call.

        Args:
            work: reports of `Coordinator.work`.
            now: seconds since the epoch.
        """
        found: dict[str, float] = {}
        for report in work:
            since = report["busy_since"]
            total = report["busy_s"] + (max(0.0, now - since) if since else 0.0)
            more = max(0.0, total - self._seen.get(report["actor"], 0.0))  # a clock may have been set back
            self._seen[report["actor"]] = total
            found[report["pool"]] = found.get(report["pool"], 0.0) + more
        return found


def queues(rows: Mapping[str, int], under_way: Mapping[str, int]) -> dict[str, int]:
    """Return pool -> rows that the pool before it has finished and that it has not begun.

    Args:
        rows, under_way: pool -> rows that its actors have begun, and rows in progress.
    """
    return {
        pool: max(0, rows[before] - under_way[before] - rows[pool])
        for pool, before in _BEFORE.items()
        if pool in rows and before in rows
    }
