"""Whether whole videos are narrated while others are still captioned, or all at the end; and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cluster.machines import Machines
from operators.core.base import Operator
from pipeline.config.types import Config
from pipeline.execution.pools import operators_of, wishes

_ENGINE_CPUS = 2.0  # that a model on the CPU wants beside the decoders


@dataclass(frozen=True)
class Schedule:
    """How a run goes, and the reason in one clause."""

    kind: Literal["streaming", "phased"]
    why: str


def choose(config: Config, have: Machines) -> Schedule:
    """`run.schedule`, or for `auto` what the engines and the machines allow.

    Streaming gives the first long caption early, and needs both engines up at once. Where they do not fit beside each
    other, captioning everything first lets each have the machine to itself.
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
