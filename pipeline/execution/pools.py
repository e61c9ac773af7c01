"""Sizes of the actor pools and resources of their actors, derived from the current or future size of the cluster.

These are pure functions of the facts of a cluster. Decoding gets nearly all CPUs, because the other pools mostly wait
for an engine or for storage. On every node some CPUs are reserved for them and for Ray's own tasks, because a graph
whose actors hold all CPUs would wait forever.

A pool requests all its actors simultaneously and does not shrink while work is queued. Both serve autoscaling: pending
actors are the only demand that Ray's autoscaler always sees (Ray Data withdraws pending actors that exceed the current
cluster, down to a pool's floor), and an engine that was stopped during a lull takes minutes to boot again. When no more
rows will come, idle actors end one by one, whatever the floor, and their nodes can be released.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from cluster.machines import Machines, Node
from operators.core.base import Operator
from operators.engines.registry import engines_of
from pipeline.config.check import all_operators
from pipeline.config.tables import tables_of
from pipeline.config.types import POOLS, Config, PoolResources, Resources
from pipeline.terminal.errors import UsageError

LIGHT_CPUS = 0.1
"""CPUs of an actor that mostly waits."""
_DECODE_CPUS = 1.0  # a decoder keeps one thread busy
_DECODER_BYTES = 512 * 2**20  # an actor and its child, with a segment's frames in each; 8K video needs more
_MEMORY_SHARE = 0.8  # share of a node's memory that decoders may reserve


@dataclass(frozen=True, kw_only=True)
class Pool:
    """One actor pool: the number of actors, and the resources that Ray reserves for each.

    Attributes:
        floor: number of actors below which the pool does not shrink while rows are queued.
        custom: other resources of an actor, by name.
    """

    actors: int
    num_cpus: float
    num_gpus: float
    memory_bytes: int | None
    floor: int
    custom: Mapping[str, float] = field(default_factory=dict)

    @property
    def gpus(self) -> float:
        """Number of GPUs that all its actors hold."""
        return self.actors * self.num_gpus


@dataclass(frozen=True, kw_only=True)
class Pools:
    """The pools of a graph; `others` are pools with names of a recipe's own."""

    decode: Pool
    caption: Pool
    narrate: Pool
    others: Mapping[str, Pool] = field(default_factory=dict)

    def of(self, name: str) -> Pool:
        """The pool `name`."""
        found: Pool = self.others[name] if name in self.others else getattr(self, name)
        return found

    @property
    def gpus(self) -> float:
        """Number of GPUs that all pools hold."""
        return self.caption.gpus + self.narrate.gpus + sum(pool.gpus for pool in self.others.values())


def plan_pools(
    resources: Resources,
    have: Machines,
    tasks: int,
    at_once: Mapping[str, int] | None = None,
    others: Mapping[str, PoolResources] = MappingProxyType({}),
    *,
    flexible: Collection[str] = (),
) -> Pools:
    """Compute the sizes of the pools.

    Args:
        resources: the settings of the config; values that are not set are derived.
        have: the cluster at its maximum size.
        tasks: number of rows to process; no pool is larger.
        at_once: number of rows that one actor of a pool processes simultaneously. If nodes are started for a pool, it
            gets only as many actors as are needed to process all rows simultaneously.
        others: settings of the pools with names of a recipe's own, complete except for the number of actors.
        flexible: those of them without a configured number of CPUs, which share the CPUs that are left.

    Raises:
        UsageError: the settings do not fit the cluster, so that the graph could never start.
    """
    for name in POOLS:
        _check_fits_a_node(name, getattr(resources, name), have)
    for name, wish in others.items():
        _check_fits_a_node(name, wish, have)
    free = sum(_free(node) for node in have.each)
    with_engines = (resources.caption, resources.narrate, *others.values())
    takers = sum(bool(wish.num_gpus and wish.actors is None) for wish in with_engines)
    fixed = sum((wish.actors or 0) * (wish.num_gpus or 0.0) for wish in with_engines)
    gpus = (have.gpus - fixed) / max(1, takers)

    def engines(name: str) -> Pool:
        wish: PoolResources = getattr(resources, name)
        needed = math.ceil(tasks / (at_once or {}).get(name, 1)) if have.grows and wish.num_gpus else tasks
        return _pool(wish, _engine_actors(wish, have, gpus), LIGHT_CPUS, needed)

    caption, narrate = engines("caption"), engines("narrate")
    named = {
        name: _pool(wish, _engine_actors(wish, have, gpus) if wish.num_gpus else wish.actors or 1, LIGHT_CPUS, tasks)
        for name, wish in others.items()
    }
    named = _shared(named, flexible, free - sum(p.actors * p.num_cpus for p in (caption, narrate)))
    light = sum(pool.actors * pool.num_cpus for pool in (caption, narrate, *named.values()))
    decode = _decode(resources.decode, have, free, light, tasks)

    all_of_them = (decode, caption, narrate, *named.values())
    wanted = sum(pool.actors * pool.num_cpus for pool in all_of_them)
    if wanted > free + 1e-6:
        raise UsageError(
            f"the pools ask for {wanted:g} CPUs; of the cluster's {have.cpus:g} only {free:g} can be given to actors: "
            "lower resources.decode.actors or resources.*.num_cpus" + _or_grow(have)
        )
    asked = sum(pool.gpus for pool in all_of_them)
    if asked > have.gpus:
        raise UsageError(
            f"the pools ask for {asked:g} GPUs and the cluster has {have.gpus:g}: lower resources.*.actors or num_gpus"
            + _or_grow(have)
        )
    return Pools(decode=decode, caption=caption, narrate=narrate, others=named)


def wishes(config: Config, have: Machines, used: Collection[str] = POOLS) -> Resources:
    """The config's resource settings with the engines' GPUs filled in, for the pools that a graph uses.

    Args:
        used: names of the pools that the graph uses.
    """

    def of(name: str) -> PoolResources:
        wish: PoolResources = getattr(config.resources, name)
        if name not in used:
            return PoolResources(actors=1, num_cpus=0.0, num_gpus=0.0)
        if wish.num_gpus is not None:
            return wish
        return replace(wish, num_gpus=engine_gpus(operators_of(config, name)) if have.gpus else 0.0)

    return replace(config.resources, caption=of("caption"), narrate=of("narrate"))


def operators_of(config: Config, pool: str) -> list[Operator]:
    """The operators of all tables that run in a pool."""
    return [op for op in all_operators(tables_of(config)) if op.pool == pool]


def engine_gpus(operators: Iterable[Operator]) -> float:
    """Largest number of GPUs that the engines of one operator use."""
    return max((float(sum(engine.gpus for engine in engines_of(op))) for op in operators), default=0.0)


def rows_at_once(config: Config) -> dict[str, int]:
    """Pool -> number of rows that one of its actors processes simultaneously."""
    found = dict.fromkeys(POOLS, 1)
    for op in all_operators(tables_of(config)):
        found[op.pool] = max(found.get(op.pool, 1), getattr(op, "concurrency", 1))
    return found


def flexible_pools(config: Config, used: Iterable[str]) -> list[str]:
    """The pools with names of a recipe's own for which the config sets no CPUs."""
    return [n for n in used if n not in POOLS and config.pools.get(n, PoolResources()).num_cpus is None]


def named_wishes(config: Config, have: Machines, used: Iterable[str]) -> dict[str, PoolResources]:
    """Resources of pools with names of a recipe's own: from `pools` of the config, else from their operators."""
    found = {}
    for name in used:
        if name in POOLS:
            continue
        wish = config.pools.get(name, PoolResources())
        operators = operators_of(config, name)
        needs = [op.needs() for op in operators]
        gpus = max(engine_gpus(operators), *(n.gpus for n in needs))
        memory = [n.memory_bytes for n in needs if n.memory_bytes is not None]
        found[name] = replace(
            wish,
            num_cpus=max(n.cpus for n in needs) if wish.num_cpus is None else wish.num_cpus,
            num_gpus=(gpus if have.gpus else 0.0) if wish.num_gpus is None else wish.num_gpus,
            memory_bytes=wish.memory_bytes or max(memory, default=None),
        )
    return found


def _free(node: Node) -> float:
    """CPUs of a node for actors; one CPU, or half of a single one, is left for Ray's tasks and for waiting actors."""
    return node.cpus - (1.0 if node.cpus >= 2 else node.cpus / 2)


def _decoders(node: Node) -> int:
    """Number of decoders for a node: one per core, if its memory is sufficient."""
    fit = int(node.cpus + 1e-6)
    return min(fit, max(1, int(node.memory_bytes * _MEMORY_SHARE / _DECODER_BYTES))) if node.memory_bytes else fit


def _decode(wish: PoolResources, have: Machines, free: float, light: float, tasks: int) -> Pool:
    nodes = [node for node in have.each if node.cpus and _holds(node, wish)]

    def room(node: Node) -> float:  # CPUs left by the light actors, if they are spread evenly over the nodes
        return _free(node) - light * node.cpus / have.cpus

    # all actors of a pool request the same; the request must suit the large nodes, or small ones would limit them
    large = [node for node in nodes if 2 * node.cpus >= max(node.cpus for node in nodes)]
    share = min([_DECODE_CPUS, *(room(node) / max(1, _decoders(node)) for node in large)])
    each = wish.num_cpus or _rounded(share)
    fit = sum(min(_decoders(node) if not wish.num_cpus else 10**6, int(room(node) / each + 1e-6)) for node in nodes)
    actors = wish.actors or max(1, min(tasks, fit))
    if not wish.num_cpus:
        each = _rounded(min(share, (free - light) / actors))
    pool = _pool(wish, actors, each, tasks)
    memory = [node.memory_bytes * _MEMORY_SHARE / max(1, _decoders(node)) for node in nodes if node.memory_bytes]
    if pool.memory_bytes is None and memory and not wish.actors and not wish.num_cpus:
        pool = replace(pool, memory_bytes=int(min(_DECODER_BYTES, *memory)))
    return pool


def _shared(pools: dict[str, Pool], flexible: Collection[str], free: float) -> dict[str, Pool]:
    """The pools, with fewer CPUs for the flexible ones if they would leave less than half of the CPUs to decoding.

    The CPUs of an operator are its usual load; on a small machine it runs more slowly.
    """
    free -= sum(pool.actors * pool.num_cpus for name, pool in pools.items() if name not in flexible)
    asked = sum(pool.actors * pool.num_cpus for name, pool in pools.items() if name in flexible)
    if not asked or asked <= free / 2:
        return pools
    scale = max(0.0, free / 2) / asked
    return {
        name: replace(pool, num_cpus=_rounded(pool.num_cpus * scale)) if name in flexible else pool
        for name, pool in pools.items()
    }


def _rounded(cpus: float) -> float:
    """Round down to two digits, so that all requests fit together."""
    return round(max(0.01, cpus - 0.005), 2)


def _engine_actors(wish: PoolResources, have: Machines, gpus: float) -> int:
    """As many engines as fit the pool's share of the GPUs; without GPUs one per four cores."""
    if wish.actors is not None:
        return wish.actors
    if not wish.num_gpus:
        return max(1, int(have.cpus / 4))
    if wish.num_gpus < 1 or not have.shapes:
        return max(1, int(gpus / wish.num_gpus + 1e-6))
    # an engine's GPUs are all on one node
    whole = sum(int(node.gpus / wish.num_gpus + 1e-6) for node in have.each if _holds(node, wish))
    return max(1, min(whole, int(gpus / wish.num_gpus + 1e-6)))


def _pool(wish: PoolResources, actors: int, cpus: float, tasks: int) -> Pool:
    actors = max(1, min(actors, tasks))
    return Pool(
        actors=actors,
        num_cpus=cpus if wish.num_cpus is None else wish.num_cpus,
        num_gpus=wish.num_gpus or 0.0,
        memory_bytes=wish.memory_bytes,
        floor=min(actors, wish.min_actors or actors),
        custom=dict(wish.custom),
    )


def _holds(node: Node, wish: PoolResources) -> bool:
    return (
        (wish.num_cpus or 0.0) <= node.cpus
        and (wish.num_gpus or 0.0) <= node.gpus
        and all(node.custom.get(name, 0.0) >= amount for name, amount in wish.custom.items())
        and (not node.memory_bytes or (wish.memory_bytes or 0) <= node.memory_bytes)
    )


def _check_fits_a_node(name: str, wish: PoolResources, have: Machines) -> None:
    """Raise `UsageError` if no node can hold one actor of the pool."""
    where = f"resources.{name}" if name in POOLS else f"pools.{name}"
    if wish.min_actors and wish.actors and wish.min_actors > wish.actors:
        raise UsageError(f"{where}.min_actors is {wish.min_actors}, above {where}.actors, which is {wish.actors}")
    if not have.shapes or any(_holds(node, wish) for node in have.shapes):
        return
    for key, most in (
        ("num_cpus", max(node.cpus for node in have.shapes)),
        ("num_gpus", max(node.gpus for node in have.shapes)),
        ("memory_bytes", max(node.memory_bytes for node in have.shapes)),
    ):
        if (getattr(wish, key) or 0) > most and (key != "num_gpus" or have.gpus):
            raise UsageError(
                f"{where}.{key} is {getattr(wish, key):g} and no node has more than {most:g}: lower it{_or_grow(have)}"
            )
    for key, amount in wish.custom.items():
        most = max(node.custom.get(key, 0.0) for node in have.shapes)
        if amount > most:
            raise UsageError(
                f"{where}.custom asks for {amount:g} of {key} and no node has more than {most:g}: lower it"
                + _or_grow(have)
            )
    if have.gpus or not wish.num_gpus:
        raise UsageError(
            f"{where} asks for CPUs, GPUs, memory and custom resources that no node has together: lower one of them"
            + _or_grow(have)
        )


def _or_grow(have: Machines) -> str:
    return ", or raise resources.node_types" if have.grows else ", or say in resources.node_types what it may grow to"
