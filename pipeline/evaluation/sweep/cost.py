"""The cost of an output, from its rows: what making them took, whichever run of whichever output made them."""

from __future__ import annotations

import json
from typing import Any

from operators.core.base import Row
from operators.core.storage import files_below, open_binary
from operators.engines.base import EngineSpec
from operators.store.store import Store
from pipeline.config.tables import schemas_of, tables_of
from pipeline.config.types import Config

COSTS = ("cpu_s", "engine_s", "gpu_s", "prompt_tokens", "output_tokens", "tokens", "cost_usd", "video_hours")

_CPU = ":cpu"  # suffix of CPU seconds among the timings of a row; the others are wall-clock seconds


def cost_of(uri: str, config: Config) -> dict[str, float]:
    """Return the costs by name of `COSTS`.

    `cpu_s`: CPU seconds of all operators, measured by their stages on the thread that ran the operator and the process
    that decoded for it, so other work on the machine does not count. `engine_s`: seconds of requests, which overlap.
    `gpu_s`: engine seconds times the GPUs of the engine; it serves to compare outputs and is not the time that a run
    held GPUs.
    """
    specs = tables_of(config)
    store = Store(uri, tables=schemas_of(config))
    found = dict.fromkeys(COSTS, 0.0)
    for name, spec in specs.items():
        engines = [e for op in spec.steps if isinstance(e := getattr(op, "engine", None), EngineSpec)]
        gpus = max((engine.gpus for engine in engines), default=0)
        table = store.table(name)
        columns = [c for c in ("timings", "usage") if c in table.schema.names]
        for row in table.read(columns).to_pylist() if columns else ():
            times = json.loads(row.get("timings") or "{}")
            found["cpu_s"] += sum(s for name, s in times.items() if name.endswith(_CPU) and isinstance(s, int | float))
            usage: Row = row.get("usage") or {}
            for key in ("engine_s", "prompt_tokens", "output_tokens", "cost_usd"):
                found[key] += usage.get(key) or 0
            found["gpu_s"] += gpus * (usage.get("engine_s") or 0)
    found["tokens"] = found["prompt_tokens"] + found["output_tokens"]
    found["video_hours"] = sum(d or 0 for d in store.videos.read(["duration_s"])["duration_s"].to_pylist()) / 3600
    return {name: round(value, 4) for name, value in found.items()}


def runs_of(uri: str) -> dict[str, float]:
    """Return the seconds and GPU seconds of the runs of this output."""
    found = {"run_s": 0.0, "gpu_s_held": 0.0}
    for path in files_below(f"{uri}/runs"):
        if path.endswith("/report.json"):
            with open_binary(path) as file:
                report: dict[str, Any] = json.loads(file.read())
            found["run_s"] += report.get("elapsed_s") or 0.0
            found["gpu_s_held"] += report.get("gpu_s_held") or 0.0
    return {name: round(value, 2) for name, value in found.items()}
