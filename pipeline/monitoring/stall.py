"""Which stage holds a run that stands still, in words."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.config.types import POOLS

_ORDER = ("commit", "narrate", "caption", "decode")  # the last stage that has work holds what is before it


class Holding:
    """Asks a run's coordinator what its actors are at.

    Args:
        coordinator: a `Channel` of `pipeline.execution.coordinator`.
        wanted: pool -> actors that the graph asks for.
    """

    def __init__(self, coordinator: Any, wanted: Mapping[str, int]) -> None:
        self._coordinator = coordinator
        self.wanted = dict(wanted)

    def ask(self) -> tuple[dict[str, tuple[int, list[tuple[str, str]]]], list[dict[str, Any]]]:
        """Boots and work, as the coordinator knows them; empty where it does not answer."""
        return self._coordinator.boots(), self._coordinator.work()

    def __call__(self) -> tuple[str, str]:
        """The stage that holds the run, and what is known about it, in one clause."""
        return held_by(self.wanted, *self.ask())


def held_by(
    wanted: dict[str, int],
    boots: dict[str, tuple[int, list[tuple[str, str]]]],
    work: Sequence[dict[str, Any]],
    now: float | None = None,
) -> tuple[str, str]:
    """The stage that holds the run, and why it is thought to.

    A pool of which no actor is up holds it first, then the last stage that has rows under way.

    Args:
        wanted: pool -> actors asked for.
        boots, work: as `Coordinator` gives them.
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
    return "ray", "no actor has a row under way: Ray hands none out; `ray status` tells what it waits for"
