"""What becomes of a run whose graph broke: planned anew with what stands, or given up with the reason.

Ray restarts the actors of a lost node by itself, and replaces an engine that did not boot. This is for what is left
over: a graph that broke all the same. Only the store says what is done, so that nothing is lost but what was in flight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipeline.config.types import PoolResources, Resources
from pipeline.execution.coordinator import Channel
from pipeline.execution.pools import Pool, Pools

_TRIES = 3  # in a row that brought nothing: then what broke the graph breaks it always


class Recovery:
    """Remembers, over the graphs of a run, which engines came up and where they did not.

    Attributes:
        avoid: pool -> ids of nodes on which its engines do not come up.
    """

    def __init__(self) -> None:
        self.avoid: dict[str, Sequence[str]] = {}
        self._most: dict[str, int] = {}
        self._fruitless = 0

    def limited(self, wanted: Resources) -> Resources:
        """The wishes, with no more engines of a pool than came up."""
        less: dict[str, Any] = {name: self._less(name, getattr(wanted, name)) for name in self._most}
        return replace(wanted, **less)

    def _less(self, name: str, wish: PoolResources) -> PoolResources:
        most = min(self._most[name], wish.actors or self._most[name])
        return replace(wish, actors=most, min_actors=min(most, wish.min_actors or most))

    def after(self, coordinator: Channel, pools: Pools, nodes_lost: int, *, progress: bool) -> str | None:
        """Why the run can go on after its graph broke; None: it cannot.

        Args:
            coordinator: the run's.
            pools: of the graph.
            nodes_lost: nodes that went while the graph ran.
            progress: whether anything became durable in it.
        """
        self._fruitless = 0 if progress else self._fruitless + 1
        if self._fruitless >= _TRIES:
            return None
        short = {pool: (up, failed) for pool, (up, failed) in coordinator.boots().items() if failed}
        for pool, (up, failed) in short.items():
            bad = {*self.avoid.get(pool, ()), *(node for node, _ in failed)}
            others = _able(getattr(pools, pool)) - bad
            if up == 0 and not others:
                return None
            self.avoid[pool] = sorted(bad) if others else []
            if up:
                self._most[pool] = up
        if short:
            counted = ", ".join(f"{pool}: {up} came up, {len(bad)} boots failed" for pool, (up, bad) in short.items())
            return f"engines do not boot everywhere ({counted})"
        return f"{nodes_lost} nodes were lost" if nodes_lost else None


def _able(pool: Pool) -> set[str]:
    """Ids of the nodes that are there and could hold an actor of the pool."""
    import ray

    nodes = ray.nodes()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    needs = {"CPU": pool.num_cpus, "GPU": pool.num_gpus, **pool.custom}
    return {n["NodeID"] for n in nodes if n["Alive"] and all(n["Resources"].get(k, 0.0) >= v for k, v in needs.items())}
