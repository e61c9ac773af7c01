"""A Grafana dashboard and Prometheus rules for a run, built from the metrics in `cluster.metrics`.

Ray's agents export every metric under `ray_`, one time series per process; so all queries take a sum or maximum.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from cluster.own_files import check_own, write_files
from longcap import safe_yaml

_STALLED_S = 600
_FAILING_SHARE = 0.05
_IDLE_SHARE = 0.3

_PANELS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("Video done, seconds per second", "none", (("video", "sum(rate(ray_longcap_video_seconds_total[5m]))"),)),
    (
        "Video left, hours",
        "h",
        (("left", "max(ray_longcap_video_seconds_left) / 3600"),),
    ),
    (
        "Time left at the pace of half an hour",
        "s",
        (
            (
                "left",
                "max(ray_longcap_video_seconds_left) / sum(rate(ray_longcap_video_seconds_total[30m]))",
            ),
        ),
    ),
    ("Seconds since anything became durable", "s", (("idle", "max(ray_longcap_idle_seconds)"),)),
    ("Captions per second", "none", (("{{level}}", "sum by (level) (rate(ray_longcap_captions_total[5m]))"),)),
    ("Videos per hour", "none", (("videos", "3600 * sum(rate(ray_longcap_videos_total[30m]))"),)),
    ("Tokens per second", "none", (("{{direction}}", "sum by (direction) (rate(ray_longcap_tokens_total[5m]))"),)),
    (
        "Failures per hour, by class",
        "none",
        (("{{failure_class}}", "3600 * sum by (failure_class) (rate(ray_longcap_failures_total[30m]))"),),
    ),
    (
        "Answers rejected per minute, by gate",
        "none",
        (("{{gate}}", "60 * sum by (gate) (rate(ray_longcap_rejected_total[5m]))"),),
    ),
    (
        "Answers cleaned per minute, by rule",
        "none",
        (("{{rule}}", "60 * sum by (rule) (rate(ray_longcap_cleaned_total[5m]))"),),
    ),
    (
        "Seconds per row, median and 95th percentile",
        "s",
        (
            (
                "{{stage}} p50",
                "histogram_quantile(0.5, sum by (stage, le) (rate(ray_longcap_stage_seconds_bucket[5m])))",
            ),
            (
                "{{stage}} p95",
                "histogram_quantile(0.95, sum by (stage, le) (rate(ray_longcap_stage_seconds_bucket[5m])))",
            ),
        ),
    ),
    ("Rows that wait for a pool", "none", (("{{pool}}", "max by (pool) (ray_longcap_queue_rows)"),)),
    ("Rows in progress", "none", (("{{pool}}", "sum by (pool) (ray_longcap_rows_under_way)"),)),
    ("Utilization of the actors", "percentunit", (("{{pool}}", "avg by (pool) (ray_longcap_utilization)"),)),
    (
        "Actors up, and wanted",
        "none",
        (
            ("{{pool}} up", "max by (pool) (ray_longcap_actors_up)"),
            ("{{pool}} wanted", "max by (pool) (ray_longcap_actors_wanted)"),
        ),
    ),
    ("Bytes per second out of a pool", "Bps", (("{{pool}}", "sum by (pool) (rate(ray_longcap_bytes_total[5m]))"),)),
    ("Simultaneous requests in engines", "none", (("requests", "sum(rate(ray_longcap_engine_seconds_total[5m]))"),)),
    ("Videos left", "none", (("videos", "max(ray_longcap_videos_left)"),)),
)


def dashboard() -> dict[str, Any]:
    """Return the dashboard for import into Grafana, which then asks for the data source."""
    panels = [
        {
            "id": number + 1,
            "type": "timeseries",
            "title": title,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "gridPos": {"h": 8, "w": 8, "x": 8 * (number % 3), "y": 8 * (number // 3)},
            "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
            "targets": [
                {"refId": chr(ord("A") + k), "expr": query, "legendFormat": legend}
                for k, (legend, query) in enumerate(queries)
            ],
        }
        for number, (title, unit, queries) in enumerate(_PANELS)
    ]
    return {
        "title": "Longcap",
        "uid": "longcap",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": panels,
    }


def rules() -> dict[str, Any]:
    """Return alerts, in the format of a Prometheus rules file."""
    failing = (
        "sum(increase(ray_longcap_failures_total[1h])) / "
        "(sum(increase(ray_longcap_videos_total[1h])) + sum(increase(ray_longcap_failures_total[1h])))"
    )
    idle = 'avg(ray_longcap_utilization{pool="caption"})'
    alerts = [
        _alert(
            "LongcapStalled",
            f"max(ray_longcap_idle_seconds) > {_STALLED_S}",
            "1m",
            "Nothing has become durable for {{ $value | humanizeDuration }}",
            "The run's log names the stage that holds it up (STALLED); `ray status` lists pending nodes.",
        ),
        _alert(
            "LongcapFailing",
            f"{failing} > {_FAILING_SHARE}",
            "10m",
            "{{ $value | humanizePercentage }} of the videos and segments that ended in the last hour failed",
            "`longcap failures OUT` groups them by cause.",
        ),
        _alert(
            "LongcapEngineIdle",
            f"{idle} < {_IDLE_SHARE} and max(ray_longcap_video_seconds_left) > 0",
            "15m",
            "Captioners have work only {{ $value | humanizePercentage }} of the time",
            "Decoding is the bottleneck: add CPUs, or use fewer engines (resources.caption.actors).",
        ),
        _alert(
            "LongcapPoolShort",
            "max by (pool) (ray_longcap_actors_wanted) > max by (pool) (ray_longcap_actors_up)",
            "20m",
            "Pool {{ $labels.pool }} has fewer actors than requested",
            "Nodes do not start, or engines do not boot: `ray status`, and the run's log.",
        ),
    ]
    return {"groups": [{"name": "longcap", "rules": alerts}]}


def write(folder: Path, *, force: bool = False) -> list[Path]:
    """Write both files into `folder`; return their paths.

    Args:
        force: replace files that this command did not write.

    Raises:
        FileExistsError: one of them exists and was not written by this command; nothing was written.
    """
    made = {
        folder / "longcap-dashboard.json": json.dumps(dashboard(), indent=2) + "\n",
        folder / "longcap-rules.yaml": yaml.safe_dump(rules(), sort_keys=False, width=110),
    }
    check_own(made, lambda _, found: _is_ours(found), force=force)
    write_files(made)
    return list(made)


def _is_ours(found: bytes) -> bool:
    """Return whether a file is a dashboard or rules written by any version of Longcap."""
    try:
        said = safe_yaml.read(found)  # JSON is YAML
    except safe_yaml.YamlError:
        return False
    if not isinstance(said, dict):
        return False
    groups = said.get("groups")
    named = [group.get("name") for group in groups if isinstance(group, dict)] if isinstance(groups, list) else []
    return said.get("uid") == "longcap" or named == ["longcap"]


def queries() -> list[str]:
    """Return all PromQL queries of the dashboard and the rules."""
    shown = [query for _, _, some in _PANELS for _, query in some]
    return [*shown, *(rule["expr"] for group in rules()["groups"] for rule in group["rules"])]


def _alert(name: str, query: str, lasting: str, summary: str, description: str) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": query,
        "for": lasting,
        "labels": {"severity": "warning"},
        "annotations": {"summary": summary, "description": description},
    }
