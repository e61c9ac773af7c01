"""docs/reference/metrics.md, from `cluster.metrics.METRICS`."""

from __future__ import annotations

from cluster.metrics import METRICS
from tests.support.reference.markdown import table


def metrics_page() -> str:
    body = [(f"`{name}`", m.kind, ", ".join(f"`{tag}`" for tag in m.tags), m.text) for name, m in METRICS.items()]
    lines = [
        "# Metrics",
        "",
        "Prometheus sees these names with `ray_` before them. "
        "[Metrics, a dashboard, alerts](../metrics.md) shows how to use them.",
        "",
        *table(("metric", "kind", "labels", "meaning"), body),
    ]
    return "\n".join(lines) + "\n"
