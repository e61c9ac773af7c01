"""Current and maximum resources of the cluster, and the table of resources printed before a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cluster import demand
from cluster.machines import Machines, Node, grown, machines
from pipeline.config.types import Config
from pipeline.execution.pools import Pool, Pools
from pipeline.terminal.errors import RunFailed


def cluster_of(config: Config) -> tuple[Machines, Machines]:
    """The current and the maximum resources of the connected cluster."""
    have = machines()
    types = [
        (Node(cpus=t.num_cpus, gpus=t.num_gpus, memory_bytes=t.memory_bytes, custom=t.custom), t.max)
        for t in config.resources.node_types
    ]
    return have, grown(have, types)


def bring_cpus(
    have: Machines, decode: Pool, timeout_s: float, say: Callable[[str], None], stopped: Callable[[], bool]
) -> None:
    """If no node can hold a decoder yet, start one before the graph: engines that were requested at the same time would
    be idle, and cost money, until the first segments are decoded.

    Raises:
        RunFailed: the autoscaler started no such node in time.
    """
    each = decode.num_cpus
    if any(node.cpus >= each for node in have.each):
        return
    say(f"waiting for a node with {each:g} CPUs to be started")
    if not demand.brought({"CPU": each, **decode.custom}, timeout_s, stopped) and not stopped():
        raise RunFailed(
            f"in {timeout_s:g} s the autoscaler brought no node with {each:g} CPUs: look at `ray status`; the same "
            "command tries again"
        )


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The pools of one graph, and the names of those that it uses."""

    pools: Pools
    used: Sequence[str]


def table(asked: Asked, have: Machines, most: Machines) -> str:
    """A table with one line per pool and two for the machines."""
    head = ["pool", "actors", "CPUs", "GPUs", "memory", "other"]
    pools = [(name, asked.pools.of(name)) for name in asked.used]
    lines = [head, *([name, *_pool(pool)] for name, pool in pools)]
    cpus = sum(pool.actors * pool.num_cpus for _, pool in pools)
    gpus = sum(pool.gpus for _, pool in pools)
    memory = sum(pool.actors * (pool.memory_bytes or 0) for _, pool in pools)
    lines.append(["requested", str(sum(p.actors for _, p in pools)), f"{cpus:g}", f"{gpus:g}", _bytes(memory), ""])
    lines.append(["available", _nodes(have), f"{have.cpus:g}", f"{have.gpus:g}", _memory(have), ""])
    if most.grows:
        lines.append(["at most", _nodes(most), f"{most.cpus:g}", f"{most.gpus:g}", _memory(most), ""])
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    return "\n".join("  ".join(w.ljust(n) for w, n in zip(line, widths, strict=True)).rstrip() for line in lines)


def _pool(pool: Pool) -> list[str]:
    size = f"{pool.actors}" if pool.floor == pool.actors else f"{pool.floor} to {pool.actors}"
    other = ", ".join(f"{amount:g} {name}" for name, amount in pool.custom.items())
    return [
        size,
        _each(pool.actors, pool.num_cpus),
        _each(pool.actors, pool.num_gpus),
        _bytes(pool.actors * (pool.memory_bytes or 0)),
        other,
    ]


def _each(actors: int, amount: float) -> str:
    return f"{actors * amount:g} ({amount:g} each)" if amount and actors > 1 else f"{actors * amount:g}"


def _nodes(machines: Machines) -> str:
    return f"{machines.nodes} node" + ("" if machines.nodes == 1 else "s")


def _bytes(amount: float) -> str:
    return f"{amount / 2**30:.1f} GiB" if amount else "-"


def _memory(machines: Machines) -> str:
    return _bytes(sum(node.memory_bytes for node in machines.shapes))
