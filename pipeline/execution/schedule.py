"""The schedule of a run: narrate complete videos while others are captioned (streaming), or after all (phased)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cluster.machines import Machines
from operators.core.base import Operator
from pipeline.config.types import Config
from pipeline.execution.pools import operators_of, wishes

_ENGINE_CPUS = 2.0  # CPUs of a model on the CPU, beside the decoders


@dataclass(frozen=True)
class Schedule:
    """A schedule, and the reason for it as a clause."""

    kind: Literal["streaming", "phased"]
    why: str


def choose(config: Config, have: Machines) -> Schedule:
    """The schedule from `run.schedule` or, for `auto`, from the engines and the machines.

    Streaming produces the first long caption early, but needs both engines simultaneously. If they do not fit together,
    the phased schedule gives each of them all machines in turn.
    """
    wanted = config.run.schedule
    if wanted != "auto":
        return Schedule(wanted, "as run.schedule says")
    if not all(any(_loads(op) for op in operators_of(config, pool)) for pool in ("caption", "narrate")):
        return Schedule("streaming", "no more than one engine has a model on these machines")
    wished = wishes(config, have)
    wants = sum((pool.actors or 1) * (pool.num_gpus or 0.0) for pool in (wished.caption, wished.narrate))
    if wants:
        if wants > have.gpus:
            return Schedule(
                "phased", f"captioner and narrator take {wants:g} GPUs together and there are {have.gpus:g}"
            )
        return Schedule("streaming", f"captioner and narrator fit the {have.gpus:g} GPUs side by side")
    if have.cpus < 2 * _ENGINE_CPUS + 1:
        return Schedule("phased", f"two models on {have.cpus:g} CPUs would only take turns")
    return Schedule("streaming", f"{have.cpus:g} CPUs hold both models")


def _loads(operator: Operator) -> bool:
    """Whether the engine of an operator loads a model where it runs."""
    engine = getattr(operator, "engine", None)
    return engine is not None and bool(engine.local_model)
