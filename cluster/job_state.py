"""The state of a job on a job server, and how a job ended."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cluster.exit_code import reported


@dataclass(frozen=True, kw_only=True)
class JobState:
    """The state of one job.

    Attributes:
        status: PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED.
        exit_code: exit code of the driver, negative for a signal; None if unknown, as for every stopped job.
        began, ended: UTC; None if not yet.
        driver_began: whether the driver was started.
        metadata: the metadata passed to `Jobs.send`.
    """

    id: str
    status: str
    message: str
    exit_code: int | None
    began: datetime | None
    ended: datetime | None
    driver_began: bool
    entrypoint: str
    metadata: Mapping[str, str]

    @property
    def is_over(self) -> bool:
        return self.status in ("STOPPED", "SUCCEEDED", "FAILED")


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a job ended: the exit code of its driver as in a shell, and a description in one line."""

    code: int
    said: str


def ending_of(state: JobState, log: Callable[[], str]) -> Ending:
    """Return how a finished job ended; the log is read only if the state has no exit code."""
    code = state.exit_code
    if state.status == "SUCCEEDED":
        return Ending(code=0, said="done")
    if state.status == "STOPPED":
        return _stopped(state, reported(log()) if state.driver_began else None)
    if code is None:
        return Ending(code=1, said=f"failed without a driver's exit code: {' '.join(state.message.split())[:600]}")
    if code < 0:
        return Ending(code=128 - code, said=f"failed: {_signal(-code)} ended the driver")
    return Ending(code=code, said=f"failed: the driver ended with exit code {code}")


def _stopped(state: JobState, code: int | None) -> Ending:
    if code is not None:
        return Ending(code=code, said=f"stopped; the driver ended by itself with exit code {code}")
    if not state.driver_began:
        return Ending(code=130, said="stopped before it began")
    return Ending(code=137, said="stopped; the driver did not end in time and was killed")


def state_of(job: Any) -> JobState:
    return JobState(
        id=job.submission_id,
        status=str(job.status.value),
        message=job.message or "",
        exit_code=job.driver_exit_code,
        began=_time(job.start_time),
        ended=_time(job.end_time),
        driver_began=job.driver_node_id is not None,
        entrypoint=job.entrypoint,
        metadata=dict(job.metadata or {}),
    )


def _time(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
