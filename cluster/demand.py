"""Nodes asked of Ray's autoscaler by name, where no waiting actor would show that they are wanted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

_LOOK_S = 0.5


def brought(bundle: Mapping[str, float], timeout_s: float, stopped: Callable[[], bool] = lambda: False) -> bool:
    """Ask for one node that holds `bundle`, and wait until it is there; whether it came.

    Ray keeps only the last request of all its jobs: this one stands until Ray Data makes its own for the graph that
    comes next, and is taken back where the node does not come.

    Args:
        bundle: resource -> amount, such as {"CPU": 1}.
        timeout_s: how long to wait.
        stopped: asked again and again; true ends the waiting.
    """
    import ray
    from ray.autoscaler.sdk import request_resources

    request_resources(bundles=[dict(bundle)])
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and not stopped():
        nodes = ray.nodes()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
        if any(n["Alive"] and all(n["Resources"].get(k, 0) >= v for k, v in bundle.items()) for n in nodes):
            return True
        time.sleep(_LOOK_S)
    request_resources(bundles=[])
    return False
