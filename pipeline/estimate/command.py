"""The command `longcap estimate`: plan, measure, print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pipeline.config.types import Config
from pipeline.estimate.estimate import SHIPPED_PRICES, Estimate, estimate, load_prices, load_rates, measure
from pipeline.execution.driver import Job
from pipeline.sources.location import scratch_output
from pipeline.sources.selection import Selection
from pipeline.terminal.printing import echo


def as_json(made: Estimate) -> str:
    return json.dumps(asdict(made), indent=2)


def as_text(made: Estimate, cpus: float, gpus: float) -> str:
    """For people."""
    lines = [
        f"{made.videos} videos, {made.video_hours:.2f} hours, {made.segments} segments; captions: "
        f"{made.frame_captions} of frames, {made.window_captions} of windows, {made.long_captions} long",
        f"CPU hours   {_hours(made.cpu_hours)} ("
        + ", ".join(f"{pool} {_hours(hours)}" for pool, hours in made.cpu_hours_by_pool.items())
        + ")",
        f"GPU hours   {_hours(made.gpu_hours)}"
        + (f"; {made.decode_cpus_a_gpu:g} decode CPUs feed one GPU" if made.decode_cpus_a_gpu is not None else ""),
        f"tokens      {made.prompt_tokens} read, {made.output_tokens} written",
        f"output      about {made.output_objects} objects, {made.output_bytes / 2**20:.1f} MiB",
        f"price       {made.usd:.2f} USD, and {made.usd_month:.4f} USD a month for the output",
    ]
    for wall in made.walls:
        with_gpus = f" and {gpus:g} GPUs" if gpus else ""
        lines.append(
            f"{wall.nodes:>4} nodes of {cpus:g} CPUs{with_gpus}: {_hours(wall.hours)} hours, "
            f"limited by {wall.bottleneck}"
        )
    return "\n".join([*lines, *(f"note: {note}" for note in made.notes)])


def _hours(hours: float) -> str:
    return f"{hours:.2f}" if hours >= 0.1 or not hours else f"{hours:.4f}"


def estimate_command(
    *,
    inputs: Sequence[str],
    config: Config,
    minutes: float,
    rates: str | None,
    prices: str | None,
    cpus: float | None,
    gpus: float,
    nodes: Sequence[int],
    as_json_: bool,
    address: str | None,
) -> int:
    """Plan the input, measure or load the rates, print the estimate; returns the exit code."""
    import psutil

    table = load_prices(Path(prices) if prices else SHIPPED_PRICES)
    given = load_rates(Path(rates)) if rates else None
    with scratch_output() as folder:
        plan, _ = Job(inputs, folder, config, Selection(), quiet=True, scratch=True).plan(address)
    made_from = given or measure(inputs, config, plan, minutes, address)
    each = cpus or float(psutil.cpu_count() or 1)
    made = estimate(config, plan, made_from, table, cpus=each, gpus=gpus, nodes=nodes)
    echo(as_json(made) if as_json_ else as_text(made, each, gpus))
    return 0
