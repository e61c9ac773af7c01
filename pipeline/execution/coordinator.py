"""What the actors of a run and its driver tell each other: stop, which engines booted, who has been at what how long.

It decides nothing: the driver reads it when it plans anew and when it has to say which stage holds a run that stands
still. On a cluster it lives in an actor of its own, and the stages talk to it through a `Remote`. A job that runs in
the driver's process has the `Coordinator` itself.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any, Protocol, TypeAlias

_ASK_EVERY_S = 1.0  # a row takes seconds; asking for each would only load the coordinator
_ANSWER_S = 5.0


Boots: TypeAlias = dict[str, tuple[int, list[tuple[str, str]]]]
"""Pool -> how many actors came up, and (node, error) of those that did not."""


class Channel(Protocol):
    """How a coordinator is talked to, wherever it lives."""

    def where(self) -> tuple[str, str]:
        """Names of the actor and of the node that this process is."""

    def stop(self) -> None:
        """Tell all actors to begin nothing new."""

    def stopped(self, report: dict[str, Any] | None = None) -> bool | None:
        """Whether they are told so; `report` is what `Reporter` says of its actor. None: no answer for now."""

    def tell(self, report: dict[str, Any]) -> None:
        """Leave a report, without waiting."""

    def booted(self, pool: str, node: str, actor: str, error: str | None) -> None:
        """An actor is up, or could not come up on that node."""

    def boots(self) -> Boots:
        """What `booted` reported."""

    def work(self) -> list[dict[str, Any]]:
        """The last report of each actor."""

    def clear(self) -> None:
        """Forget what was reported: a new graph begins."""


class Coordinator:
    """The coordinator itself. It imports little, so that an actor of it starts at once."""

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
        except ray.exceptions.RayError:  # the driver is gone or going: nobody waits for the work
            return True

    def tell(self, report: dict[str, Any]) -> None:
        self.actor.tell.remote(report)

    def booted(self, pool: str, node: str, actor: str, error: str | None) -> None:
        """As `Channel.booted`; a boot that failed waits until it is reported, for the actor ends with it."""
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
        """End the actor: a notebook's Ray lives on, and finished graphs keep handles to it."""
        import ray

        ray.kill(self.actor)

    def _asked(self, what: str, otherwise: Any) -> Any:
        import ray

        try:
            return ray.get(getattr(self.actor, what).remote(), timeout=2 * _ANSWER_S)
        except ray.exceptions.RayError:
            return otherwise


def start_coordinator() -> Remote:
    """A new coordinator, on the driver's own node.

    Ray places an actor that requests no CPU on any node; on a spot node the coordinator would be lost with the node.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    remote: Any = ray.remote(num_cpus=0, max_restarts=-1)(Coordinator)
    return Remote(remote.options(scheduling_strategy=here).remote())


class Reporter:
    """Reports an actor's work to the coordinator, and asks it at most once a second whether to stop.

    Args:
        coordinator: the run's, or None.
        pool: which pool the actor is of.
        host: on which machine it runs.
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
        """Tell that the actor is up, or why not."""
        if self._coordinator is not None:
            self._coordinator.booted(self._pool, self._node, self._actor, error)

    def begin(self, what: str) -> int:
        """A row's work begins; gives what `end` wants."""
        with self._lock:
            self._rows += 1
            now = time.time()
            if not self._under_way:
                self._busy_since = now
            self._under_way[self._rows] = (now, what)
            return self._rows

    def end(self, number: int) -> None:
        """A row's work is over; that nothing is under way any more is reported immediately."""
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
        """Rows being worked on."""
        return len(self._under_way)

    def stopped(self) -> bool:
        """Whether nothing new is to be begun."""
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
                "busy_s": self._busy_s,  # with work under way, up to the last time that there was none
                "busy_since": self._busy_since,  # 0: nothing is under way
            }
