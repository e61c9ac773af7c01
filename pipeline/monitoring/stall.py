"""Find the stage that holds up a stalled run, and describe why."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.config.types import POOLS

_ORDER = ("commit", "narrate", "caption", "decode")  # the last stage that has work holds up the stages before it


class Holding:
    """Queries a run's coordinator for the state of its actors.

    Args:
        coordinator: a `Channel` of `pipeline.execution.coordinator`.
        wanted: pool -> number of requested actors.
    """

    def __init__(self, coordinator: Any, wanted: Mapping[str, int]) -> None:
        self._coordinator = coordinator
        self.wanted = dict(wanted)

    def ask(self) -> tuple[dict[str, tuple[int, list[tuple[str, str]]]], list[dict[str, Any]]]:
        """Return boots and work of the coordinator; empty if it does not answer."""
        return self._coordinator.boots(), self._coordinator.work()

    def __call__(self) -> tuple[str, str]:
        """Return the stage that holds up the run, and the reason in one clause."""
        return held_by(self.wanted, *self.ask())


def held_by(
    wanted: dict[str, int],
    boots: dict[str, tuple[int, list[tuple[str, str]]]],
    work: Sequence[dict[str, Any]],
    now: float | None = None,
) -> tuple[str, str]:
    """Return the stage that holds up the run, and the reason.

    The first choice is a pool without a running actor, then the last stage with rows in progress.

    Args:
        wanted: pool -> number of requested actors.
        boots, work: see `Coordinator`.
        now: seconds since the epoch.
    """
    for pool in (name for name in POOLS if name in wanted):
        up, failed = boots.get(pool, (0, []))
        if up == 0:
            if failed:
                return (
                    pool,
                    f"no actor of {pool} is up and {len(failed)} boots failed, the last one with {failed[-1][1]}",
                )
            return pool, f"no actor of {pool} is up yet, of {wanted[pool]}: they wait for a node or still load"
    moment = time.time() if now is None else now
    for stage in _ORDER:
        some = [report for report in work if report["pool"] == stage and report["under_way"]]
        if some:
            oldest = min(some, key=lambda report: report["since"])
            rows = sum(report["under_way"] for report in some)
            return stage, (
                f"{stage} has {rows} rows under way, the oldest ({oldest['what']}) for "
                f"{moment - oldest['since']:.0f} s on {oldest['host']}"
            )
    return "ray", "no actor has a row under way: Ray schedules none; see `ray status`"
