"""The resources of the connected cluster, per node, and those that it may grow to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_STANDARD = ("CPU", "GPU", "memory", "object_store_memory")


@dataclass(frozen=True, kw_only=True)
class Node:
    """Logical resources of one node.

    Attributes:
        memory_bytes: memory that Ray may reserve for actors; 0 if unknown.
        custom: other resources by name, without the ones that Ray adds to each node.
    """

    cpus: float
    gpus: float = 0.0
    memory_bytes: int = 0
    custom: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Logical resources of all nodes together, and the bytes of the object store.

    Attributes:
        shapes: resources of each node; if empty, they are unknown and the cluster is treated as one node.
        grows: whether an autoscaler may add nodes.
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
    """Query the connected Ray."""
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
    """Return `have` with every node that the autoscaler may add.

    Ray's open-source autoscalers do not report which nodes they may start, so `types` comes from the user.

    Args:
        types: kinds of nodes, and the maximum number of each, including existing nodes.
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
    """Return how many nodes of the connected Ray have died."""
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
    """Return whether an existing node is of that kind; the memory of nodes of one kind differs a little."""
    return (node.cpus, node.gpus, dict(node.custom)) == (kind.cpus, kind.gpus, dict(kind.custom))
