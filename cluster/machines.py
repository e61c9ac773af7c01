"""What the connected cluster has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Logical resources of all nodes together, and the object store's bytes."""

    nodes: int
    cpus: float
    gpus: float
    object_store_bytes: int


def machines() -> Machines:
    """Ask the connected Ray."""
    import ray

    have: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # as above
    return Machines(
        nodes=sum(1 for node in nodes if node["Alive"]),
        cpus=float(have.get("CPU", 0.0)),
        gpus=float(have.get("GPU", 0.0)),
        object_store_bytes=int(have.get("object_store_memory", 0)),
    )
