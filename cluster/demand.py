"""Request nodes from Ray's autoscaler by name, for demand that no pending actor shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

_LOOK_S = 0.5


def brought(bundle: Mapping[str, float], timeout_s: float, stopped: Callable[[], bool] = lambda: False) -> bool:
    """Request one node that provides `bundle`, wait for it, and return whether it arrived.

    Ray keeps only the last request of all its jobs: this one applies until Ray Data makes its own for the next
    graph, and is cancelled if the node does not arrive.

    Args:
        bundle: resource -> amount, such as {"CPU": 1}.
        timeout_s: maximum wait, seconds.
        stopped: polled; True ends the wait.
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
