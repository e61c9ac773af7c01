"""Estimates against reality, and what they are made from."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipeline as longcap
from pipeline.cli.main import main
from pipeline.config.types import Config
from pipeline.estimate.estimate import (
    SHIPPED_PRICES,
    Prices,
    Rates,
    _drawn,
    estimate,
    load_prices,
    load_rates,
    measure,
    rates_of,
)
from pipeline.execution.driver import Job
from pipeline.sources.selection import Selection
from pipeline.terminal.errors import UsageError
from tests.support import video
from tests.support.engines import Scripted

PRICES = Prices(cpu_hour=0.1, gpu_hour=2.0, output_gib_month=0.02)
RATES = Rates(decode_cpu_s=0.1, caption_cpu_s=0.02, narrate_cpu_s=0.01, caption_actor_s=0.05, prompt_tokens=30.0)


class Plan:
    """So much of a plan as an estimate looks at."""

    def __init__(self, *lengths: float) -> None:
        self.seconds = sum(lengths)
        self.segments, self.windows, self.frames = 3, 20, 100
        self.videos = self
        self.durations_s = np.array(lengths)
        self.ids = [f"v{k}" for k in range(len(lengths))]

    def __len__(self) -> int:
        return len(self.ids)


class OneGpu(Scripted):
    @property
    def gpus(self) -> int:
        return 1


def with_gpu() -> Config:
    return replace(Config(), caption=replace(Config().caption, engine=OneGpu()))


def test_an_estimate_is_its_rates_times_the_plan() -> None:
    made = estimate(Config(), Plan(3600.0, 3600.0), RATES, PRICES, cpus=9, gpus=0, nodes=[1, 4])  # type: ignore[arg-type]
    assert made.cpu_hours == pytest.approx(0.26) and made.cpu_hours_by_pool["decode"] == pytest.approx(0.2)
    assert made.gpu_hours == 0 and made.decode_cpus_a_gpu is None
    assert made.prompt_tokens == 216_000 and made.usd == pytest.approx(0.026)
    one, four = made.walls
    assert one.hours == pytest.approx(0.26 / 8, abs=1e-4) and four.hours == pytest.approx(one.hours / 4, abs=1e-4)
    assert one.bottleneck == "decode"


def test_engines_on_gpus_may_hold_the_rest() -> None:
    made = estimate(with_gpu(), Plan(7200.0), RATES, PRICES, cpus=64, gpus=1, nodes=[2])  # type: ignore[arg-type]
    assert made.gpu_hours == pytest.approx(0.1) and made.decode_cpus_a_gpu == pytest.approx(2.0)
    assert made.walls[0].bottleneck == "caption" and made.walls[0].hours == pytest.approx(0.05)
    assert made.usd == pytest.approx(0.26 * 0.1 + 0.1 * 2.0)
    without = estimate(with_gpu(), Plan(7200.0), RATES, PRICES, cpus=64, gpus=0, nodes=[2])  # type: ignore[arg-type]
    assert without.gpu_hours == 0 and "give --gpus" in without.notes[0]


def test_the_sample_is_of_middling_videos_and_never_empty() -> None:
    assert _drawn(Plan(900.0, 10.0, 100.0, 90.0), 5.0) == ["v3"]  # type: ignore[arg-type]
    assert _drawn(Plan(900.0, 10.0, 100.0, 90.0), 200.0) == ["v3", "v1", "v2"]  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no video to measure"):
        _drawn(Plan(), 60.0)  # type: ignore[arg-type]


def test_rates_come_from_what_rows_say_of_themselves() -> None:
    usage = {"prompt_tokens": 50, "cached_tokens": 0, "output_tokens": 10, "engine_s": 1, "cost_usd": 0, "rejected": []}
    timings = {"decode": 9.0, "decode:cpu": 4.0, "measure": 1.0, "measure:cpu": 1.0, "caption": 8.0, "caption:cpu": 0.5}
    segment = {"start_s": 0.0, "end_s": 100.0, "timings": json.dumps(timings), "usage": usage}
    told = {"duration_s": 200.0, "timings": '{"narrate": 4.0, "narrate:cpu": 2.0, "load": 1.0}', "usage": usage}
    rates = rates_of(Config(), [segment, segment], [told], 4000)
    assert rates.decode_cpu_s == pytest.approx(0.05) and rates.caption_cpu_s == pytest.approx(0.005)
    assert rates.caption_actor_s == pytest.approx(0.08 / Config().caption.concurrency)
    assert rates.narrate_cpu_s == pytest.approx(0.01)
    assert rates.prompt_tokens == pytest.approx(0.5 + 0.25) and rates.output_bytes == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("decode_cpus: 1", "'decode_cpus' is not known"),
        ("decode_cpu_s: -1", "must be a number of at least 0"),
        ("decode_cpu_s: fast", "must be a number of at least 0"),
        ("caption_cpu_s: 1", "missing 1 required keyword-only argument: 'decode_cpu_s'"),
        ("- 1", "must hold a mapping"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_bad_file_of_rates_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "rates.yaml").write_text(text)
    with pytest.raises(UsageError, match=said):
        load_rates(tmp_path / "rates.yaml")


def test_the_shipped_prices_load() -> None:
    assert load_prices(SHIPPED_PRICES).gpu_hour > 0


def test_an_estimate_meets_reality(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts are exact; CPU seconds, of which a busy machine takes more, are at least of the right size."""
    folder = tmp_path / "in"
    folder.mkdir()
    for k, seconds in enumerate((30, 40, 50, 60, 70, 45)):
        video.render(folder / f"{k}.mp4", count=seconds * 10, fps=10.0)
    config = longcap.load_config(None, ["plan.segment_s=20"])
    inputs = [str(folder)]
    plan, _ = Job(inputs, str(tmp_path / "plan"), config, Selection(), quiet=True).plan()
    made = estimate(config, plan, measure(inputs, config, plan, 2.0, None), PRICES, cpus=4, gpus=0, nodes=[1])
    result = longcap.run(inputs, str(tmp_path / "out"), config, quiet=True)
    report = result.report
    assert (made.segments, made.frame_captions) == (report.segments_captioned, report.frame_captions)
    assert made.window_captions == report.window_captions
    really = rates_of(config, result.store.segments.read().to_pylist(), result.to_arrow().to_pylist(), 0)
    cpu_s = (really.decode_cpu_s + really.caption_cpu_s + really.narrate_cpu_s) * plan.seconds
    assert cpu_s > 0.5
    assert 0.5 < made.cpu_hours * 3600 / cpu_s < 2

    (tmp_path / "rates.json").write_text(json.dumps(asdict(made), default=str))
    command: list[Any] = ["estimate", *inputs, "--set", "plan.segment_s=20", "--rates", tmp_path / "rates.json"]
    assert main([*map(str, command), "--cpus", "16", "--nodes", "8"]) == 0
    said = capsys.readouterr().out
    assert "   8 nodes of 16 CPUs:" in said and "limited by decode" in said and f"{made.segments} segments" in said
