from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from cluster.machines import Machines
from operators.engines.base import EngineSpec
from pipeline.config.types import Config, PoolResources, Resources
from pipeline.execution.schedule import choose
from tests.support.engines import Model


@dataclass(frozen=True, kw_only=True)
class Local(Model):
    """A model that is loaded on the machine that runs it."""

    local_model: ClassVar[bool] = True


def have(cpus: float = 16.0, gpus: float = 0.0) -> Machines:
    return Machines(nodes=1, cpus=cpus, gpus=gpus, object_store_bytes=10**9)


def config(
    captioner: EngineSpec, narrator: EngineSpec, schedule: Any = "auto", **pools: tuple[float, int | None]
) -> Config:
    base = Config()
    made = {name: PoolResources(num_gpus=gpus, actors=actors) for name, (gpus, actors) in pools.items()}
    return replace(
        base,
        caption=replace(base.caption, engine=captioner),
        narrate=replace(base.narrate, engine=narrator),
        run=replace(base.run, schedule=schedule),
        resources=Resources(**made),
    )


@pytest.mark.parametrize("wanted", ["streaming", "phased"])
def test_what_the_config_says_counts(wanted: str) -> None:
    both = config(Local(), Local(), wanted, caption=(8.0, 1), narrate=(8.0, 1))
    for machines in (have(), have(cpus=1.0), have(gpus=64.0)):
        chosen = choose(both, machines)
        assert (chosen.kind, chosen.why) == (wanted, "as run.schedule says")


@pytest.mark.parametrize(("caption", "narrate"), [(Model(), Model()), (Local(), Model()), (Model(), Local())])
def test_one_model_needs_no_turns(caption: EngineSpec, narrate: EngineSpec) -> None:
    chosen = choose(config(caption, narrate, caption=(8.0, 1)), have(cpus=1.0))
    assert (chosen.kind, chosen.why) == ("streaming", "no more than one engine has a model on these machines")


def test_the_defaults_stream() -> None:
    assert choose(Config(), have(cpus=1.0)).kind == "streaming"


@pytest.mark.parametrize(
    ("gpus", "caption", "narrate", "kind", "why"),
    [
        (2.0, (1.0, 1), (1.0, 1), "streaming", "captioner and narrator fit the 2 GPUs side by side"),
        (1.0, (1.0, 1), (1.0, 1), "phased", "captioner and narrator take 2 GPUs together and there are 1"),
        (1.0, (0.5, 1), (0.5, 1), "streaming", "captioner and narrator fit the 1 GPUs side by side"),
        (1.0, (1.0, None), (0.0, None), "streaming", "captioner and narrator fit the 1 GPUs side by side"),
        (0.0, (0.0, None), (1.0, None), "phased", "captioner and narrator take 1 GPUs together and there are 0"),
        (8.0, (2.0, 3), (1.0, 2), "streaming", "captioner and narrator fit the 8 GPUs side by side"),
        (7.0, (2.0, 3), (1.0, 2), "phased", "captioner and narrator take 8 GPUs together and there are 7"),
        (3.0, (2.0, None), (1.0, None), "streaming", "captioner and narrator fit the 3 GPUs side by side"),
        (2.0, (2.0, None), (1.0, None), "phased", "captioner and narrator take 3 GPUs together and there are 2"),
    ],
)
def test_gpus_decide(
    gpus: float, caption: tuple[float, int | None], narrate: tuple[float, int | None], kind: str, why: str
) -> None:
    chosen = choose(config(Local(), Local(), caption=caption, narrate=narrate), have(cpus=1.0, gpus=gpus))
    assert (chosen.kind, chosen.why) == (kind, why)


@pytest.mark.parametrize(
    ("cpus", "kind", "why"),
    [
        (1.0, "phased", "two models on 1 CPUs would only take turns"),
        (2.0, "phased", "two models on 2 CPUs would only take turns"),
        (4.5, "phased", "two models on 4.5 CPUs would only take turns"),
        (5.0, "streaming", "5 CPUs hold both models"),
        (64.0, "streaming", "64 CPUs hold both models"),
    ],
)
def test_without_gpus_cpus_decide(cpus: float, kind: str, why: str) -> None:
    chosen = choose(config(Local(), Local()), have(cpus=cpus))
    assert (chosen.kind, chosen.why) == (kind, why)
