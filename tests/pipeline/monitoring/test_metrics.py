from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pipeline.monitoring.metrics import RunMeters

USAGE = {
    "prompt_tokens": 100,
    "cached_tokens": 40,
    "output_tokens": 7,
    "engine_s": 1.5,
    "cost_usd": 0.0,
    "rejected": ["empty", "empty", "loop"],
    "cleaned": ["thinking", "labels", "thinking"],
}


def receipt(**fields: Any) -> dict[str, Any]:
    return {"kind": "segment", "failure": None, "final": False, "usage": None, **fields}


def test_receipts_become_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: Counter[tuple[str, ...]] = Counter()

    def count(self: Any, name: str, value: float = 1.0, **tags: str) -> None:
        counted[(name.removeprefix("longcap_"), *tags.values())] += value  # type: ignore[assignment]

    monkeypatch.setattr("cluster.metrics.Meters.count", count)
    meters = RunMeters()
    meters.add(receipt(seconds=120.0, frames=120, windows=24, usage=USAGE))
    meters.add(receipt(kind="video", words=900))
    meters.add(receipt(kind="whole"))
    meters.add(receipt(failure={"class": "timeout"}, final=False))
    meters.add(receipt(failure={"class": "timeout"}, final=True, seconds=120.0))
    assert {k: v for k, v in counted.items() if v} == {
        ("tokens_total", "prompt"): 100,
        ("tokens_total", "cached"): 40,
        ("tokens_total", "output"): 7,
        ("engine_seconds_total",): 1.5,
        ("rejected_total", "empty"): 2,
        ("rejected_total", "loop"): 1,
        ("cleaned_total", "thinking"): 2,
        ("cleaned_total", "labels"): 1,
        ("video_seconds_total",): 120.0,
        ("captions_total", "frame"): 120,
        ("captions_total", "window"): 24,
        ("captions_total", "long"): 1,
        ("videos_total",): 1,
        ("failures_total", "timeout"): 1,
    }
