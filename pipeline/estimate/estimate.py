"""`longcap estimate`: what a run would take, from its plan and from rates that a small run of the same config measured.

All rates are per second of video, so that they carry over to the rest of the plan: segments differ in length, videos in
how many they have. Wall times are those of the busiest pool; Ray's start, engines' boots and nodes still to come are
not in them.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from operators.core.base import Row
from operators.core.rows import MAX_ROW_BYTES
from operators.core.text import nearest
from operators.engines.ask import Usage
from pipeline.config.load import YAML_ERRORS
from pipeline.config.tables import segment_operators, video_operators
from pipeline.config.types import Config
from pipeline.execution.driver import Job
from pipeline.execution.pools import engine_gpus, operators_of, rows_at_once
from pipeline.output.output import Output
from pipeline.planning.plan import Plan
from pipeline.sources.selection import Selection
from pipeline.terminal.errors import RunFailed, UsageError

_FILES_A_RUN = 40  # of logs, reports and the tables' own
SHIPPED_PRICES = Path(__file__).with_name("prices.yaml")


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What one second of video takes, as measured or as given in a file.

    Attributes:
        decode_cpu_s, caption_cpu_s, narrate_cpu_s: CPU seconds of the pools' operators.
        caption_actor_s, narrate_actor_s: seconds of an actor, rows that it works on at once sharing them.
        prompt_tokens, output_tokens: of the engines.
        output_bytes: of the tables of segments and long captions.
        cost_usd: by the engines' configured prices.
        sample_s: seconds of video that were measured; 0: given.
    """

    decode_cpu_s: float
    caption_cpu_s: float = 0.0
    narrate_cpu_s: float = 0.0
    caption_actor_s: float = 0.0
    narrate_actor_s: float = 0.0
    prompt_tokens: float = 0.0
    output_tokens: float = 0.0
    output_bytes: float = 0.0
    cost_usd: float = 0.0
    sample_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Prices:
    """US dollars; see prices.yaml beside this file."""

    cpu_hour: float
    gpu_hour: float
    output_gib_month: float


@dataclass(frozen=True, kw_only=True)
class Wall:
    """N equal nodes: hours, and which pool decides them."""

    nodes: int
    hours: float
    bottleneck: str


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What is left of a plan, in numbers.

    Attributes:
        frame_captions, window_captions: to make.
        gpu_hours: that engines work; a pool that waits for another holds its GPUs longer.
        decode_cpus_a_gpu: that keep one GPU busy; None without GPUs.
        usd: CPUs and GPUs for those hours, and what the engines' own prices add; usd_month: keeping the output.
    """

    videos: int
    video_hours: float
    segments: int
    frame_captions: int
    window_captions: int
    long_captions: int
    cpu_hours: float
    cpu_hours_by_pool: dict[str, float]
    gpu_hours: float
    prompt_tokens: int
    output_tokens: int
    output_objects: int
    output_bytes: int
    decode_cpus_a_gpu: float | None
    walls: list[Wall]
    usd: float
    usd_month: float
    rates: Rates
    notes: list[str] = field(default_factory=list)


def measure(inputs: Sequence[str], config: Config, plan: Plan, minutes: float, address: str | None) -> Rates:
    """Run the job on a sample of the plan's videos in a folder that is thrown away.

    Args:
        minutes: of video; no further video is drawn once they are full, and the first is taken whatever its length,
            the shortest of those at the median or below.

    Raises:
        RunFailed: the sample brought nothing to measure.
    """
    chosen = _drawn(plan, minutes * 60)
    with tempfile.TemporaryDirectory(prefix="longcap-estimate-") as folder:
        Job(inputs, folder, config, Selection(only=tuple(chosen)), quiet=True).run(address)
        output = Output(folder)
        segments = output.store.segments.read().to_pylist()
        videos = output.to_arrow().to_pylist()
        size = sum(f.stat().st_size for t in ("segments", "dataset") for f in Path(folder, t).rglob("*.parquet"))
    return rates_of(config, segments, videos, size)


def rates_of(config: Config, segments: Sequence[Row], videos: Sequence[Row], size: int) -> Rates:
    """Rates from the rows of a run: of its segments, and of its long captions; `size` in bytes of both."""
    seconds = sum(row["end_s"] - row["start_s"] for row in segments)
    if not seconds or not videos:
        raise RunFailed(
            "the sample has no long caption to measure by; look with longcap run at what fails, or give --rates"
        )
    narrated_s = sum(row["duration_s"] for row in videos)
    at_once = rows_at_once(config)
    pool_of = {op.name: op.pool for op in (*segment_operators(config), *video_operators(config))}
    cpu: dict[str, float] = dict.fromkeys(("decode", "caption", "narrate"), 0.0)
    actor = dict(cpu)
    for rows, over in ((segments, seconds), (videos, narrated_s)):
        for row in rows:
            for name, took_s in json.loads(row["timings"] or "{}").items():
                plain, _, kind = name.partition(":")
                pool = pool_of.get(plain, "narrate")
                if kind == "cpu":
                    cpu[pool] += took_s / over
                else:
                    actor[pool] += took_s / over / at_once[pool]
    tokens = {"prompt": 0.0, "output": 0.0, "usd": 0.0}
    for rows, over in ((segments, seconds), (videos, narrated_s)):
        for row in rows:
            usage = Usage.of(row["usage"])
            tokens["prompt"] += usage.prompt_tokens / over
            tokens["output"] += usage.output_tokens / over
            tokens["usd"] += usage.cost_usd / over
    return Rates(
        decode_cpu_s=cpu["decode"],
        caption_cpu_s=cpu["caption"],
        narrate_cpu_s=cpu["narrate"],
        caption_actor_s=actor["caption"],
        narrate_actor_s=actor["narrate"],
        prompt_tokens=tokens["prompt"],
        output_tokens=tokens["output"],
        output_bytes=size / seconds,
        cost_usd=tokens["usd"],
        sample_s=seconds,
    )


def estimate(
    config: Config, plan: Plan, rates: Rates, prices: Prices, *, cpus: float, gpus: float, nodes: Sequence[int]
) -> Estimate:
    """The whole plan at these rates.

    Args:
        cpus, gpus: of one node.
        nodes: for how many nodes the wall time is wanted.
    """
    seconds = plan.seconds
    cpu_s = {
        "decode": rates.decode_cpu_s * seconds,
        "caption": rates.caption_cpu_s * seconds,
        "narrate": rates.narrate_cpu_s * seconds,
    }
    takes = {pool: engine_gpus(operators_of(config, pool)) for pool in ("caption", "narrate")}
    actor_s = {"caption": rates.caption_actor_s * seconds, "narrate": rates.narrate_actor_s * seconds}
    gpu_s = {pool: actor_s[pool] * takes[pool] if gpus else 0.0 for pool in takes}
    notes = []
    if not gpus and any(takes.values()):
        notes.append("engines are counted on CPUs: give --gpus for a node's GPUs")
    if rates.sample_s and rates.sample_s < 600:
        notes.append(f"measured on {rates.sample_s:.0f} s of video only: --sample-minutes takes more")
    walls = [_wall(count, cpu_s, gpu_s, cpus=cpus, gpus=gpus) for count in nodes]
    gpu_hours = sum(gpu_s.values()) / 3600
    cpu_hours = sum(cpu_s.values()) / 3600
    size = rates.output_bytes * seconds
    return Estimate(
        videos=len(plan.videos),
        video_hours=round(seconds / 3600, 4),
        segments=plan.segments,
        frame_captions=plan.frames if config.caption.frames else 0,
        window_captions=plan.windows,
        long_captions=len(plan.videos),
        cpu_hours=round(cpu_hours, 4),
        cpu_hours_by_pool={pool: round(s / 3600, 4) for pool, s in cpu_s.items()},
        gpu_hours=round(gpu_hours, 4),
        prompt_tokens=round(rates.prompt_tokens * seconds),
        output_tokens=round(rates.output_tokens * seconds),
        output_objects=_FILES_A_RUN + math.ceil(size / (8 * MAX_ROW_BYTES)) * 2,
        output_bytes=round(size),
        decode_cpus_a_gpu=round(cpu_s["decode"] / gpu_s["caption"], 2) if gpu_s["caption"] else None,
        walls=walls,
        usd=round(cpu_hours * prices.cpu_hour + gpu_hours * prices.gpu_hour + rates.cost_usd * seconds, 4),
        usd_month=round(size / 2**30 * prices.output_gib_month, 6),
        rates=rates,
        notes=notes,
    )


def _wall(nodes: int, cpu_s: dict[str, float], gpu_s: dict[str, float], *, cpus: float, gpus: float) -> Wall:
    """CPU pools share the CPUs but for one a node; engines share the GPUs."""
    on_cpu = sum(cpu_s.values()) / (nodes * max(0.5, cpus - 1))
    on_gpu = sum(gpu_s.values()) / (nodes * gpus) if gpus else 0.0
    if on_gpu > on_cpu:
        return Wall(nodes=nodes, hours=round(on_gpu / 3600, 4), bottleneck=max(gpu_s, key=lambda p: gpu_s[p]))
    return Wall(nodes=nodes, hours=round(on_cpu / 3600, 4), bottleneck=max(cpu_s, key=lambda p: cpu_s[p]))


def load_rates(path: Path) -> Rates:
    """Rates from YAML or JSON: those of `estimate --json`, all of it or its `rates` alone."""
    given = _mapping(path)
    return Rates(**_checked(path, given.get("rates", given), Rates))


def load_prices(path: Path) -> Prices:
    """Prices from a file like `SHIPPED_PRICES`."""
    return Prices(**_checked(path, _mapping(path), Prices))


def _mapping(path: Path) -> dict[str, Any]:
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, *YAML_ERRORS) as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(given, dict):
        raise UsageError(f"{path} holds no mapping of names to numbers")
    return given


def _checked(path: Path, given: dict[str, Any], cls: type) -> dict[str, float]:
    known = [f.name for f in fields(cls)]
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"{path}: {name!r} is not known{nearest(name, known)} Known: {', '.join(known)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise UsageError(f"{path}: {name} is {value!r}; it must be a number from 0 on")
    try:
        cls(**given)
    except TypeError as error:
        raise UsageError(f"{path}: {error}".replace(f"{cls.__name__}.__init__() ", "")) from error
    return given


def _drawn(plan: Plan, seconds: float) -> list[str]:
    """Ids of videos spread evenly over the lengths that there are, of so many seconds together; at least one."""
    lengths = plan.videos.durations_s
    order = [int(k) for k in lengths.argsort(kind="stable")]
    if not order:
        raise UsageError("there is no video to estimate by: see longcap plan")
    ids = plan.videos.ids
    middle = sorted(range(len(order)), key=lambda k: abs(k - (len(order) - 1) // 2))
    chosen: list[str] = []
    total = 0.0
    for place in middle:
        length = float(lengths[order[place]])
        if not chosen or total + length <= seconds:
            chosen.append(ids[order[place]])
            total += length
    return chosen
