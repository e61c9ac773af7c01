"""How a run is stopped: a flag that all its actors can see, set once, when a person asks the run to end."""

from __future__ import annotations

import time
from typing import Any

_ASK_EVERY_S = 1.0  # a row takes seconds; asking for each would only load the flag's actor
_ANSWER_S = 5.0


class Stop:
    """The flag itself; lives in an actor of its own, and imports nothing, so that it starts at once."""

    def __init__(self) -> None:
        self._stopped = False

    def stop(self) -> None:
        """Set the flag."""
        self._stopped = True

    def stopped(self) -> bool:
        """Whether it is set."""
        return self._stopped


class StopFlag:
    """Asks a run's `Stop` actor, at most once a second; without an actor the answer is no.

    Args:
        actor: a handle, or None.
    """

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._asked = 0.0
        self._answer = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if self._actor is not None and not self._answer and now - self._asked > _ASK_EVERY_S:
            import ray

            self._asked = now
            try:
                self._answer = bool(ray.get(self._actor.stopped.remote(), timeout=_ANSWER_S))
            except ray.exceptions.RayError:  # the driver is gone or going: nobody waits for this row
                self._answer = True
        return self._answer
