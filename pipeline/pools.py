"""How many actors each pool gets and what each takes, from what the machines have.

Ray reads and repartitions in tasks that need a CPU; actors that hold all CPUs leave a graph that waits for ever. So one
CPU (half of a single one) is kept free, and the pools share the rest: decoding gets nearly all of it, because the
other pools mostly wait for an engine or for storage.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cluster.machines import Machines
from operators.engines.base import EngineSpec
from pipeline.config import Config, PoolResources, Resources
from pipeline.errors import UsageError

_LIGHT_CPUS = 0.1  # an actor that waits more than it works
_DECODE_CPUS = 1.0  # a decoder runs one thread flat out


@dataclass(frozen=True, kw_only=True)
class Pool:
    """One actor pool: how many actors, and what Ray sets aside for each."""

    actors: int
    num_cpus: float
    num_gpus: float
    memory_bytes: int | None

    @property
    def gpus(self) -> float:
        """GPUs that all its actors hold."""
        return self.actors * self.num_gpus


@dataclass(frozen=True, kw_only=True)
class Pools:
    decode: Pool
    caption: Pool
    narrate: Pool

    @property
    def gpus(self) -> float:
        """GPUs that all pools hold."""
        return self.caption.gpus + self.narrate.gpus


def plan_pools(resources: Resources, have: Machines, tasks: int) -> Pools:
    """Sizes of the pools.

    Args:
        resources: the config's wishes; what it leaves open is derived.
        have: the cluster.
        tasks: rows there are to work on; no pool is larger.

    Raises:
        UsageError: the wishes do not fit the cluster, so that the graph could never start.
    """
    free = have.cpus - (1.0 if have.cpus >= 2 else have.cpus / 2)
    takers = sum(bool(wish.num_gpus and wish.actors is None) for wish in (resources.caption, resources.narrate))
    fixed = sum((wish.actors or 0) * (wish.num_gpus or 0.0) for wish in (resources.caption, resources.narrate))
    gpus = (have.gpus - fixed) / max(1, takers)
    caption = _pool(resources.caption, _engine_actors(resources.caption, have.cpus, gpus), _LIGHT_CPUS, tasks)
    narrate = _pool(resources.narrate, _engine_actors(resources.narrate, have.cpus, gpus), _LIGHT_CPUS, tasks)
    left = free - caption.actors * caption.num_cpus - narrate.actors * narrate.num_cpus
    fit = have.cpus if not resources.decode.num_cpus else left / resources.decode.num_cpus
    actors = resources.decode.actors or max(1, min(tasks, int(fit + 1e-6)))
    share = round(max(0.01, min(_DECODE_CPUS, left / actors) - 0.005), 2)
    decode = _pool(resources.decode, actors, share, tasks)

    wanted = sum(pool.actors * pool.num_cpus for pool in (decode, caption, narrate))
    if wanted > free + 1e-6:
        raise UsageError(
            f"the pools ask for {wanted:g} CPUs; of the cluster's {have.cpus:g} only {free:g} can be given to actors: "
            "lower resources.decode.actors or resources.*.num_cpus"
        )
    asked = sum(pool.actors * pool.num_gpus for pool in (decode, caption, narrate))
    if asked > have.gpus:
        raise UsageError(
            f"the pools ask for {asked:g} GPUs and the cluster has {have.gpus:g}: lower resources.*.actors or num_gpus"
        )
    return Pools(decode=decode, caption=caption, narrate=narrate)


def wishes(config: Config, have: Machines, *, caption: bool = True, narrate: bool = True) -> Resources:
    """The config's wishes with the engines' GPUs in them; of a pool that a graph does not use nothing is wished.

    Args:
        caption, narrate: whether the graph uses that pool.
    """

    def of(used: bool, wish: PoolResources, engine: EngineSpec) -> PoolResources:
        if not used:
            return PoolResources(actors=1, num_cpus=0.0, num_gpus=0.0)
        if wish.num_gpus is not None:
            return wish
        return replace(wish, num_gpus=float(engine.gpus) if have.gpus else 0.0)

    return replace(
        config.resources,
        caption=of(caption, config.resources.caption, config.caption.engine),
        narrate=of(narrate, config.resources.narrate, config.narrate.engine),
    )


def _engine_actors(wish: PoolResources, cpus: float, gpus: float) -> int:
    """As many engines as the pool's share of the GPUs holds; without GPUs one to four cores: `measure` is quick."""
    if wish.actors is not None:
        return wish.actors
    if wish.num_gpus:
        return max(1, int(gpus / wish.num_gpus))
    return max(1, int(cpus / 4))


def _pool(wish: PoolResources, actors: int, cpus: float, tasks: int) -> Pool:
    return Pool(
        actors=max(1, min(actors, tasks)),
        num_cpus=cpus if wish.num_cpus is None else wish.num_cpus,
        num_gpus=wish.num_gpus or 0.0,
        memory_bytes=wish.memory_bytes,
    )
