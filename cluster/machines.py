"""What the connected cluster has, node by node, and what it may become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_STANDARD = ("CPU", "GPU", "memory", "object_store_memory")


@dataclass(frozen=True, kw_only=True)
class Node:
    """Logical resources of one node.

    Attributes:
        memory_bytes: that Ray may set aside for actors; 0: not known.
        custom: other resources by name, without those that Ray makes up for each node.
    """

    cpus: float
    gpus: float = 0.0
    memory_bytes: int = 0
    custom: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Logical resources of all nodes together, and the object store's bytes.

    Attributes:
        shapes: each node by itself; empty: not known, and the cluster is taken for one node.
        grows: an autoscaler may add nodes, so that these are not all there will be.
    """

    nodes: int
    cpus: float
    gpus: float
    object_store_bytes: int
    shapes: tuple[Node, ...] = ()
    grows: bool = False

    @property
    def each(self) -> tuple[Node, ...]:
        """Its nodes."""
        return self.shapes or (Node(cpus=self.cpus, gpus=self.gpus),)


def machines() -> Machines:
    """Ask the connected Ray."""
    import ray

    have: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # as above
    alive = [node for node in nodes if node["Alive"]]
    return Machines(
        nodes=len(alive),
        cpus=float(have.get("CPU", 0.0)),
        gpus=float(have.get("GPU", 0.0)),
        object_store_bytes=int(have.get("object_store_memory", 0)),
        shapes=tuple(_node(node["Resources"]) for node in alive if node.get("Resources")),
    )


def grown(have: Machines, types: Sequence[tuple[Node, int]]) -> Machines:
    """`have` with every node that the autoscaler may add.

    Ray's open-source autoscalers tell no driver what they may start, so that `types` has to come from its user.

    Args:
        types: kinds of nodes, and how many of each there may be at most, those that are there included.
    """
    if not types:
        return have
    kept = [node for node in have.shapes if not any(_alike(node, kind) for kind, _ in types)]
    shapes = [*kept, *(kind for kind, most in types for _ in range(most))]
    return Machines(
        nodes=len(shapes),
        cpus=sum(node.cpus for node in shapes),
        gpus=sum(node.gpus for node in shapes),
        object_store_bytes=have.object_store_bytes,
        shapes=tuple(shapes),
        grows=True,
    )


def lost() -> int:
    """How many nodes of the connected Ray are gone."""
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # as above
    return sum(1 for node in nodes if not node["Alive"])


def _node(resources: Mapping[str, float]) -> Node:
    custom = {
        name: amount
        for name, amount in resources.items()
        if name not in _STANDARD and not name.startswith(("node:", "accelerator_type:"))
    }
    return Node(
        cpus=float(resources.get("CPU", 0.0)),
        gpus=float(resources.get("GPU", 0.0)),
        memory_bytes=int(resources.get("memory", 0)),
        custom=custom,
    )


def _alike(node: Node, kind: Node) -> bool:
    """Whether a node that is there is one of that kind: memory differs a little from node to node."""
    return (node.cpus, node.gpus, dict(node.custom)) == (kind.cpus, kind.gpus, dict(kind.custom))
