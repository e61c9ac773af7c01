"""Communication between the driver and the actors of a run: stop requests, engine boots, and the work in flight.

The coordinator makes no decisions. The driver reads it when it replans, and to report which stage holds up a run that
makes no progress. On a cluster it runs in its own actor and stages access it through a `Remote`. A job in the driver's
process uses the `Coordinator` directly.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any, Protocol, TypeAlias

_ASK_EVERY_S = 1.0  # a row takes seconds; a request for each row would only load the coordinator
_ANSWER_S = 5.0


Boots: TypeAlias = dict[str, tuple[int, list[tuple[str, str]]]]
"""Pool -> number of actors that booted, and (node, error) of those that did not."""


class Channel(Protocol):
    """The interface of a coordinator, local or remote."""

    def where(self) -> tuple[str, str]:
        """Names of this process's actor and node."""

    def stop(self) -> None:
        """Request all actors to start no new work."""

    def stopped(self, report: dict[str, Any] | None = None) -> bool | None:
        """Report the actor's state from `Reporter`, and return whether a stop was requested; None if unanswered."""

    def tell(self, report: dict[str, Any]) -> None:
        """Submit a report without waiting."""

    def booted(self, pool: str, node: str, actor: str, error: str | None) -> None:
        """Report that an actor booted, or could not boot on that node."""

    def boots(self) -> Boots:
        """The boots reported by `booted`."""

    def work(self) -> list[dict[str, Any]]:
        """The last report of each actor."""

    def clear(self) -> None:
        """Clear all reports before a new graph."""


class Coordinator:
    """The coordinator itself. It imports few modules, so that its actor starts immediately."""

    def __init__(self) -> None:
        self._stopped = False
        self._up: dict[str, set[str]] = {}
        self._failed: dict[str, list[tuple[str, str]]] = {}
        self._work: dict[str, dict[str, Any]] = {}

    def where(self) -> tuple[str, str]:
        return "driver", ""

    def stop(self) -> None:
        self._stopped = True

    def stopped(self, report: dict[str, Any] | None = None) -> bool:
        if report is not None:
            self.tell(report)
        return self._stopped

    def tell(self, report: dict[str, Any]) -> None:
        self._work[report["actor"]] = report

    def booted(self, pool: str, node: str, actor: str, error: str | None) -> None:
        if error is None:
            self._up.setdefault(pool, set()).add(actor)
        else:
            self._failed.setdefault(pool, []).append((node, error))

    def boots(self) -> Boots:
        return {p: (len(self._up.get(p, ())), self._failed.get(p, [])) for p in {*self._up, *self._failed}}

    def work(self) -> list[dict[str, Any]]:
        return list(self._work.values())

    def clear(self) -> None:
        self._up, self._failed, self._work = {}, {}, {}


class Remote:
    """A coordinator in an actor.

    Args:
        actor: its handle.
    """

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    def where(self) -> tuple[str, str]:
        import ray

        context = ray.get_runtime_context()
        return context.get_actor_id() or "driver", context.get_node_id()

    def stop(self) -> None:
        self.actor.stop.remote()

    def stopped(self, report: dict[str, Any] | None = None) -> bool | None:
        import ray

        try:
            return bool(ray.get(self.actor.stopped.remote(report), timeout=_ANSWER_S))
        except (ray.exceptions.GetTimeoutError, ray.exceptions.ActorUnavailableError):
            return None  # a machine with too much to do is no reason to stop
        except ray.exceptions.RayError:  # the driver has ended or is ending, so the work is not needed
            return True

    def tell(self, report: dict[str, Any]) -> None:
        self.actor.tell.remote(report)

    def booted(self, pool: str, node: str, actor: str, error: str | None) -> None:
        """Implement `Channel.booted`. For a failed boot it waits until the report arrived, because the actor ends."""
        import ray

        call = self.actor.booted.remote(pool, node, actor, error)
        if error is not None:
            with suppress(ray.exceptions.RayError):
                ray.get(call, timeout=_ANSWER_S)

    def boots(self) -> Boots:
        found: Boots = self._asked("boots", {})
        return found

    def work(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._asked("work", [])
        return found

    def clear(self) -> None:
        self.actor.clear.remote()

    def end(self) -> None:
        """End the actor: in a notebook, Ray keeps running, and finished graphs hold handles to the actor."""
        import ray

        ray.kill(self.actor)

    def _asked(self, what: str, otherwise: Any) -> Any:
        import ray

        try:
            return ray.get(getattr(self.actor, what).remote(), timeout=2 * _ANSWER_S)
        except ray.exceptions.RayError:
            return otherwise


def start_coordinator() -> Remote:
    """Start a coordinator on the driver's node.

    Ray may place an actor that requests no CPU on any node; on a spot node the coordinator would be lost with it.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    remote: Any = ray.remote(num_cpus=0, max_restarts=-1)(Coordinator)
    return Remote(remote.options(scheduling_strategy=here).remote())


class Reporter:
    """Reports an actor's work to the coordinator, and checks at most once per second whether to stop.

    Args:
        coordinator: the coordinator of the run, or None.
        pool: the pool of the actor.
        host: the machine on which it runs.
    """

    def __init__(self, coordinator: Channel | None, pool: str, host: str) -> None:
        self._coordinator, self._pool, self._host = coordinator, pool, host
        self._actor, self._node = coordinator.where() if coordinator is not None else ("", "")
        if self._actor == "driver":  # several actors of a job in one process
            self._actor = f"driver {id(self):x}"
        self._asked = 0.0
        self._answer = False
        self._lock = threading.Lock()
        self._under_way: dict[int, tuple[float, str]] = {}
        self._rows = 0
        self._busy_s, self._busy_since = 0.0, 0.0

    def booted(self, error: str | None = None) -> None:
        """Report that the actor booted, or why it did not."""
        if self._coordinator is not None:
            self._coordinator.booted(self._pool, self._node, self._actor, error)

    def begin(self, what: str) -> int:
        """Record that work on a row begins; return the argument for `end`."""
        with self._lock:
            self._rows += 1
            now = time.time()
            if not self._under_way:
                self._busy_since = now
            self._under_way[self._rows] = (now, what)
            return self._rows

    def end(self, number: int) -> None:
        """Record that work on a row has ended. That no row is in flight any more is reported immediately."""
        with self._lock:
            self._under_way.pop(number, None)
            idle = not self._under_way
            if idle and self._busy_since:
                self._busy_s += max(0.0, time.time() - self._busy_since)
                self._busy_since = 0.0
        if idle and self._coordinator is not None:
            self._coordinator.tell(self._report())

    @property
    def under_way(self) -> int:
        """Number of rows in flight."""
        return len(self._under_way)

    def stopped(self) -> bool:
        """Whether no new work may be started."""
        now = time.monotonic()
        if self._coordinator is not None and not self._answer and now - self._asked > _ASK_EVERY_S:
            self._asked = now
            self._answer = bool(self._coordinator.stopped(self._report()))
        return self._answer

    def _report(self) -> dict[str, Any]:
        with self._lock:
            oldest = min(self._under_way.values(), default=(0.0, ""))
            return {
                "actor": self._actor,
                "pool": self._pool,
                "host": self._host,
                "under_way": len(self._under_way),
                "since": oldest[0],
                "what": oldest[1],
                "rows": self._rows,
                "busy_s": self._busy_s,  # seconds with rows in flight, up to the last time without any
                "busy_since": self._busy_since,  # 0: no row is in flight
            }
