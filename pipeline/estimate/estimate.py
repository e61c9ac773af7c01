"""`longcap estimate`: the cost of a run, from its plan and from rates measured on a sample with the same config.

All rates are per second of video, since segments differ in length and videos in their number of segments. A wall time
is that of the busiest pool; it excludes the start of Ray, the boot of engines and the start of nodes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from longcap import safe_yaml
from operators.core.base import Row
from operators.core.rows import MAX_ROW_BYTES
from operators.core.text import nearest
from operators.engines.ask import Usage
from pipeline.config.tables import segment_operators, video_operators
from pipeline.config.types import Config
from pipeline.execution.driver import Job
from pipeline.execution.pools import engine_gpus, operators_of, rows_at_once
from pipeline.output.output import Output
from pipeline.planning.plan import Plan
from pipeline.sources.location import scratch_output
from pipeline.sources.selection import Selection
from pipeline.terminal.errors import RunFailed, UsageError

_FILES_A_RUN = 40  # logs, reports and the tables' metadata
SHIPPED_PRICES = Path(__file__).with_name("prices.yaml")


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What one second of video costs, as measured or as given in a file.

    Attributes:
        decode_cpu_s, caption_cpu_s, narrate_cpu_s: CPU seconds of the operators of each pool.
        caption_actor_s, narrate_actor_s: actor seconds, divided by the number of rows that an actor processes
            simultaneously.
        prompt_tokens, output_tokens: tokens that the engines read and write.
        output_bytes: bytes of the tables of segments and long captions.
        cost_usd: cost by the engines' configured prices.
        sample_s: seconds of video that were measured; 0 if the rates were given in a file.
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
    """Prices in US dollars; see prices.yaml beside this file."""

    cpu_hour: float
    gpu_hour: float
    output_gib_month: float


@dataclass(frozen=True, kw_only=True)
class Wall:
    """The wall time on a number of equal nodes, and the pool that determines it."""

    nodes: int
    hours: float
    bottleneck: str


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The cost of the remaining work of a plan.

    Attributes:
        frame_captions, window_captions: captions that remain to be made.
        gpu_hours: hours that engines work; a pool that waits for another one holds its GPUs longer.
        decode_cpus_a_gpu: CPUs for decoding that keep one GPU occupied; None without GPUs.
        usd: price of the CPU and GPU hours plus the engines' own prices. usd_month: price of storing the output.
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
    """Run the job on a sample of the plan's videos, into a temporary folder.

    Args:
        minutes: length of the sample, in minutes of video. Videos are drawn until it is reached. The first one has
            the median length (of two, the shorter one) and is drawn however long it is.

    Raises:
        RunFailed: the sample produced no long caption.
    """
    chosen = _drawn(plan, minutes * 60)
    with scratch_output() as folder:
        Job(inputs, folder, config, Selection(only=tuple(chosen)), quiet=True, scratch=True).run(address)
        output = Output(folder)
        segments = output.store.segments.read().to_pylist()
        videos = output.to_arrow().to_pylist()
        size = sum(f.stat().st_size for t in ("segments", "dataset") for f in Path(folder, t).rglob("*.parquet"))
    return rates_of(config, segments, videos, size)


def rates_of(config: Config, segments: Sequence[Row], videos: Sequence[Row], size: int) -> Rates:
    """Compute rates from a run's rows of segments and of long captions; `size` is the bytes of both tables."""
    seconds = sum(row["end_s"] - row["start_s"] for row in segments)
    if not seconds or not videos:
        raise RunFailed(
            "the sample produced no long caption to measure; run longcap run to see what fails, or give --rates"
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
    """Estimate the whole plan at these rates.

    Args:
        cpus, gpus: CPUs and GPUs of one node.
        nodes: numbers of nodes for which to estimate the wall time.
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
        notes.append("engines are estimated on CPUs; give --gpus for a node's GPUs")
    if rates.sample_s and rates.sample_s < 600:
        notes.append(f"measured on {rates.sample_s:.0f} s of video only: a larger --sample-minutes measures more")
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
    """CPU pools share all CPUs but one per node; engines share the GPUs."""
    on_cpu = sum(cpu_s.values()) / (nodes * max(0.5, cpus - 1))
    on_gpu = sum(gpu_s.values()) / (nodes * gpus) if gpus else 0.0
    if on_gpu > on_cpu:
        return Wall(nodes=nodes, hours=round(on_gpu / 3600, 4), bottleneck=max(gpu_s, key=lambda p: gpu_s[p]))
    return Wall(nodes=nodes, hours=round(on_cpu / 3600, 4), bottleneck=max(cpu_s, key=lambda p: cpu_s[p]))


def load_rates(path: Path) -> Rates:
    """Read rates from YAML or JSON: the output of `estimate --json`, or its `rates` alone."""
    given = _mapping(path)
    return Rates(**_checked(path, given.get("rates", given), Rates))


def load_prices(path: Path) -> Prices:
    """Read prices from a file like `SHIPPED_PRICES`."""
    return Prices(**_checked(path, _mapping(path), Prices))


def _mapping(path: Path) -> dict[str, Any]:
    try:
        given = safe_yaml.read(path.read_bytes())
    except (OSError, safe_yaml.YamlError) as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(given, dict):
        raise UsageError(f"{path} must hold a mapping of names to numbers")
    return given


def _checked(path: Path, given: dict[str, Any], cls: type) -> dict[str, float]:
    known = [f.name for f in fields(cls)]
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"{path}: {name!r} is not known{nearest(name, known)} Known: {', '.join(known)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise UsageError(f"{path}: {name} is {value!r}; it must be a number of at least 0")
    try:
        cls(**given)
    except TypeError as error:
        raise UsageError(f"{path}: {error}".replace(f"{cls.__name__}.__init__() ", "")) from error
    return given


def _drawn(plan: Plan, seconds: float) -> list[str]:
    """Draw ids of videos, evenly spread over the lengths in the plan, of `seconds` in total; at least one."""
    lengths = plan.videos.durations_s
    order = [int(k) for k in lengths.argsort(kind="stable")]
    if not order:
        raise UsageError("the plan has no video to measure; longcap plan lists them")
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
