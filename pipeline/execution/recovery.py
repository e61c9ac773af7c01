"""Recovery from failed graphs: replan with the resources that work, or give up with a reason.

Ray itself restarts the actors of a lost node and replaces an engine that did not boot. This module handles graphs that
failed nevertheless. Completed work is read from the store, so that only rows in flight are lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipeline.config.types import PoolResources, Resources
from pipeline.execution.coordinator import Channel
from pipeline.execution.pools import Pool, Pools

_TRIES = 3  # successive failures without progress after which the cause is considered permanent


class Recovery:
    """Records, over the graphs of a run, which engines booted and on which nodes they did not.

    Attributes:
        avoid: pool -> ids of nodes on which its engines do not boot.
    """

    def __init__(self) -> None:
        self.avoid: dict[str, Sequence[str]] = {}
        self._most: dict[str, int] = {}
        self._fruitless = 0

    def limited(self, wanted: Resources) -> Resources:
        """The resource settings, with the number of engines limited to those that booted."""
        less: dict[str, Any] = {name: self._less(name, getattr(wanted, name)) for name in self._most}
        return replace(wanted, **less)

    def _less(self, name: str, wish: PoolResources) -> PoolResources:
        most = min(self._most[name], wish.actors or self._most[name])
        return replace(wish, actors=most, min_actors=min(most, wish.min_actors or most))

    def after(self, coordinator: Channel, pools: Pools, nodes_lost: int, *, progress: bool) -> str | None:
        """The reason why a run can continue after its graph failed; None if it cannot.

        Args:
            coordinator: the coordinator of the run.
            pools: the pools of the graph.
            nodes_lost: number of nodes lost while the graph ran.
            progress: whether any rows were committed in it.
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
    """Ids of the current nodes that could hold an actor of the pool."""
    import ray

    nodes = ray.nodes()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    needs = {"CPU": pool.num_cpus, "GPU": pool.num_gpus, **pool.custom}
    return {n["NodeID"] for n in nodes if n["Alive"] and all(n["Resources"].get(k, 0.0) >= v for k, v in needs.items())}
