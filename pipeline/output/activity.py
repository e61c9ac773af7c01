"""Detect active runs on an output from their leases, without holding one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pipeline.output.lease import ALL, TTL_S, Holder, Lease

_LOOK_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A run that has not recorded its end.

    Attributes:
        state: `at work`, or `died` if its process is gone or its heartbeat is older than a lease lasts.
    """

    state: Literal["at work", "died"]
    run_id: str
    host: str
    pid: int
    share: str

    def __str__(self) -> str:
        what = "" if self.share == ALL else f", share {self.share.replace('-of-', '/')}"
        run = f"run {self.run_id} on {self.host} (process {self.pid}{what}), which began {began(self.run_id)}"
        return f"{run}, is at work" if self.state == "at work" else f"{run}, died without recording its end"


def sightings(uri: str, say: Callable[[str], None] = lambda _: None, *, ttl_s: float = TTL_S) -> list[Sighting]:
    """Return the runs that hold a share of an output, or held one when they died.

    A process of this machine is checked directly. For another machine, the function waits for a heartbeat.

    Args:
        say: called with one line before it waits.
        ttl_s: maximum age of a heartbeat in seconds.
    """
    lease = Lease(uri, ALL, "")
    held: dict[str, Holder] = {}
    for share in lease.shares():
        _, holder = lease.newest(share)
        if holder is not None and not holder.ended:
            held[share] = holder
    alive = {share for share, holder in held.items() if holder.is_here and not holder.gone}
    unknown = {share for share, holder in held.items() if not holder.is_here}
    if unknown:
        hosts = ", ".join(sorted({held[share].host for share in unknown}))
        say(f"waiting up to {ttl_s:g} s for a heartbeat from {hosts}")
    until = time.monotonic() + ttl_s
    while unknown and time.monotonic() < until:
        time.sleep(min(_LOOK_S, ttl_s / 10))
        for share in sorted(unknown):
            _, now = lease.newest(share)
            if now is not None and now != held[share]:
                unknown.discard(share)
                if now.ended:
                    del held[share]
                else:
                    held[share] = now
                    alive.add(share)
    return [
        Sighting(
            state="at work" if share in alive else "died",
            run_id=holder.run_id,
            host=holder.host,
            pid=holder.pid,
            share=share,
        )
        for share, holder in held.items()
    ]


def began(run_id: str) -> str:
    """Return the start time of a run from its id, such as `2026-11-28 23:18:19 UTC`; else the id itself."""
    try:
        moment = datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return run_id
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
