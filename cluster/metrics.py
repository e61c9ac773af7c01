"""Prometheus metrics of a run, exported by Ray's agent on each node as `ray_` + name.

All metrics are defined here; dashboards and rules (`cluster.monitoring`) are checked against them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric; `tags` are its labels."""

    kind: Literal["counter", "gauge", "histogram"]
    text: str
    tags: tuple[str, ...] = ()


_SECONDS = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]

METRICS: dict[str, Metric] = {
    "longcap_videos_total": Metric(kind="counter", text="videos with a finished long caption"),
    "longcap_video_seconds_total": Metric(kind="counter", text="seconds of video captioned"),
    "longcap_captions_total": Metric(kind="counter", text="captions that are durable", tags=("level",)),
    "longcap_tokens_total": Metric(kind="counter", text="tokens of the engines", tags=("direction",)),
    "longcap_engine_seconds_total": Metric(kind="counter", text="seconds requests spent in engines; they overlap"),
    "longcap_rejected_total": Metric(kind="counter", text="answers that a gate rejected", tags=("gate",)),
    "longcap_cleaned_total": Metric(kind="counter", text="answers that a cleaning rule changed", tags=("rule",)),
    "longcap_failures_total": Metric(kind="counter", text="final failures", tags=("failure_class",)),
    "longcap_videos_left": Metric(kind="gauge", text="videos that are left to do"),
    "longcap_video_seconds_left": Metric(kind="gauge", text="seconds of video that are left to do"),
    "longcap_idle_seconds": Metric(kind="gauge", text="seconds since anything became durable, while work is left"),
    "longcap_actors_wanted": Metric(kind="gauge", text="actors that the graph requests", tags=("pool",)),
    "longcap_actors_up": Metric(kind="gauge", text="actors that have started", tags=("pool",)),
    "longcap_queue_rows": Metric(kind="gauge", text="rows that wait for a pool", tags=("pool",)),
    "longcap_stage_seconds": Metric(kind="histogram", text="seconds that an operator takes for a row", tags=("stage",)),
    "longcap_rows_under_way": Metric(kind="gauge", text="rows in progress in an actor", tags=("pool",)),
    "longcap_utilization": Metric(kind="gauge", text="share of the last seconds an actor had work", tags=("pool",)),
    "longcap_bytes_total": Metric(kind="counter", text="bytes of the rows that a pool outputs", tags=("pool",)),
}


class Meters:
    """Writes metrics from this process; does nothing if Ray is not connected."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def count(self, name: str, value: float = 1.0, **tags: str) -> None:
        """Add to a counter."""
        if value > 0 and (meter := self._meter(name)) is not None:
            meter.inc(value, tags=tags)

    def set(self, name: str, value: float, **tags: str) -> None:
        """Set a gauge."""
        if (meter := self._meter(name)) is not None:
            meter.set(value, tags=tags)

    def observe(self, name: str, value: float, **tags: str) -> None:
        """Add to a histogram."""
        if (meter := self._meter(name)) is not None:
            meter.observe(value, tags=tags)

    def _meter(self, name: str) -> Any:
        import ray

        if not ray.is_initialized():
            return None
        if name not in self._made:
            from ray.util.metrics import Counter, Gauge, Histogram

            metric = METRICS[name]
            if metric.kind == "histogram":
                self._made[name] = Histogram(name, metric.text, boundaries=_SECONDS, tag_keys=metric.tags)
            else:
                kind = Counter if metric.kind == "counter" else Gauge
                self._made[name] = kind(name, metric.text, tag_keys=metric.tags)
        return self._made[name]
