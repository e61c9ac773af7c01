"""Jobs on a cluster through its job server (`http://head:8265`): send, list, follow to the end, stop.

Ray's own `ray job submit` exits with 1 whatever the exit code of the driver, gives up when the connection breaks, and
kills a stopped driver after 3 s. Here the exit code is the driver's, a lost connection is resumed where it broke, and
the driver gets the time that it needs to end by itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cluster.job_state import Ending, JobState, ending_of, state_of

__all__ = ["Ending", "JobState", "Jobs", "NoSuchJob"]

_ADDRESSES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")  # Ray prefers these to an explicit address
_PORT = 8265
_REACH_S = 10.0
_LOST_S = 120.0  # following ends after this time without an answer; a head that restarts is back sooner
_POLL_S = 1.0
_READ_S = 5.0  # interval between reads of the whole log, if it cannot be streamed


class NoSuchJob(ValueError):
    """The job server has no job of that name."""


class Jobs:
    """A client of one job server.

    Args:
        address: `http://head:8265`, or its host:port; None uses RAY_API_SERVER_ADDRESS or RAY_ADDRESS.

    Raises:
        ConnectionError: no job server answers there, or it refuses access; one line.
    """

    def __init__(self, address: str | None) -> None:
        where = address or next((os.environ[name] for name in _ADDRESSES if os.environ.get(name)), None)
        if where is None:
            raise ConnectionError(f"no cluster is given: give --address http://HEAD:{_PORT}, or set {_ADDRESSES[0]}")
        url = urlsplit(where if "://" in where else f"http://{where}")
        if url.scheme in ("http", "https"):
            port = url.port or (_PORT if url.scheme == "http" else 443)
            self.address = (
                f"{url.scheme}://{url.netloc if url.port else f'{url.hostname}:{port}'}{url.path.rstrip('/')}"
            )
            _reach(self.address, url.hostname or "", port)
        else:
            self.address = where  # the address of a vendor's module
        from ray.job_submission import JobSubmissionClient

        for name in ("sdk", "dashboard_sdk"):  # they log every connection
            for logger in (f"ray.dashboard.modules.{name}", f"ray.dashboard.modules.job.{name}"):
                logging.getLogger(logger).setLevel(logging.ERROR)

        try:
            with _without(_ADDRESSES):
                self._client = JobSubmissionClient(self.address)
        except Exception as error:  # errors of HTTP, Ray and the module are handled alike
            raise ConnectionError(_nobody(self.address, error)) from error

    def send(
        self,
        command: Sequence[str],
        *,
        package: Path,
        variables: Mapping[str, str],
        stop_s: float,
        metadata: Mapping[str, str],
        name: str | None = None,
        runtime_env: Mapping[str, Any] | None = None,
    ) -> str:
        """Upload `package` and start `command` in it; return the job's id.

        Args:
            command: command line of the driver, run on the head in the unpacked package.
            package: a zip; see `cluster.package`.
            variables: environment of the driver and all workers of the job. Anybody with access to Ray can read it.
            stop_s: grace period of the driver when it is stopped, seconds; Ray's default is 3.
            name: the job's id; None lets Ray choose it.
            runtime_env: further keys of Ray's runtime environment, such as pip or image_uri.

        Raises:
            ConnectionError: the job server refuses the job; one line.
        """
        given = dict(runtime_env or {})
        set_before = {**(given.pop("env_vars", None) or {}), "RAY_JOB_STOP_WAIT_TIME_S": str(int(stop_s))}
        try:
            job: str = self._client.submit_job(
                entrypoint="exec " + shlex.join(command),  # no shell in between, so that signals reach the driver
                submission_id=name,
                runtime_env={**given, "working_dir": str(package), "env_vars": {**set_before, **variables}},
                metadata=dict(metadata),
            )
        except Exception as error:  # as above
            raise ConnectionError(_refused(self.address, error, variables.values())) from error
        return job

    def all(self) -> list[JobState]:
        """Return all submitted jobs that the server knows, the newest first."""
        found = [state_of(job) for job in self._client.list_jobs() if job.submission_id]
        return sorted(found, key=lambda job: job.began or datetime.max.replace(tzinfo=UTC), reverse=True)

    def state(self, job: str) -> JobState:
        """Return the state of a job. Raises `NoSuchJob` or `ConnectionError`."""
        try:
            return state_of(self._client.get_job_info(job))
        except RuntimeError as error:  # "Request failed with status code 404: …"
            if "status code 404" in str(error):
                raise NoSuchJob(f"{self.address} knows no job {job}: longcap jobs lists them") from error
            raise ConnectionError(_refused(self.address, error)) from error
        except OSError as error:
            raise ConnectionError(_refused(self.address, error)) from error

    def log(self, job: str) -> str:
        """Return everything that the job has written so far."""
        self.state(job)
        return str(self._client.get_job_logs(job))

    def follow(self, job: str, write: Callable[[str], Any]) -> Ending:
        """Pass the output of the job to `write` until the job is over, reconnecting if the connection breaks.

        Raises:
            NoSuchJob; ConnectionError: no answer for two minutes. The job keeps running.
        """
        seen, heard = 0, time.monotonic()
        while True:
            pause = _POLL_S
            try:
                over = self.state(job).is_over  # read before the log, so that the log is complete
                if not over:
                    before, seen = seen, asyncio.run(self._stream(job, seen, write))
                    pause = _POLL_S if seen > before else _READ_S
                if over or seen == before:  # the stream may end a line too early, or be blocked by a proxy
                    log = str(self._client.get_job_logs(job))
                    write(log[seen:])
                    seen = max(seen, len(log))
                if over:
                    return self.ending(job)
                heard = time.monotonic()
            except (ConnectionError, RuntimeError, OSError) as error:
                if time.monotonic() - heard > _LOST_S:
                    raise ConnectionError(f"{_refused(self.address, error)}; the job keeps running") from error
            time.sleep(pause)

    async def _stream(self, job: str, seen: int, write: Callable[[str], Any]) -> int:
        """Write the log after `seen` characters until the stream ends; return the number of characters seen."""
        at = 0
        try:
            async for chunk in self._client.tail_job_logs(job):
                at += len(chunk)
                if at > seen:
                    write(chunk[len(chunk) - (at - seen) :])
                    seen = at
        except Exception:  # errors of aiohttp, Ray and the network; the state of the job is checked next
            pass
        return seen

    def ending(self, job: str) -> Ending:
        """Return how a finished job ended."""
        return ending_of(self.state(job), lambda: str(self._client.get_job_logs(job)))

    def stop(self, job: str, *, wait_s: float) -> Ending:
        """Stop the driver (SIGTERM) and wait until it has ended.

        Raises:
            NoSuchJob; ConnectionError: no answer, or the job is not over after `wait_s`.
        """
        if not self.state(job).is_over:
            self._client.stop_job(job)
        until = time.monotonic() + wait_s
        while not self.state(job).is_over:
            if time.monotonic() > until:
                raise ConnectionError(f"{job} is not over {wait_s:g} s after the request to stop: longcap logs {job}")
            time.sleep(_POLL_S)
        return self.ending(job)


@contextmanager
def _without(names: Sequence[str]) -> Iterator[None]:
    """Unset these variables for the duration of the block, so that an explicit address is used."""
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def _reach(address: str, host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), timeout=_REACH_S).close()
    except OSError as error:
        raise ConnectionError(_nobody(address, error)) from error


def _nobody(address: str, error: Exception) -> str:
    if type(error).__name__ == "AuthenticationError":
        return _refused(address, error)
    return (
        f"no job server answers at {address} ({_words(error)[:200]}): "
        f"give the address of the cluster's dashboard, such as http://HEAD:{_PORT}"
    )


def _refused(address: str, error: Exception, secrets: Iterable[str] = ()) -> str:
    said = _words(error)
    for secret in secrets:
        if len(secret) > 3:
            said = said.replace(secret, "…")
    if type(error).__name__ == "AuthenticationError":
        return (
            f"the job server at {address} wants a token: set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH to a file that "
            "holds the cluster's"
        )
    return f"the job server at {address} refuses: {said[:600]}"


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
