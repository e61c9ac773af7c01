"""Jobs on a cluster through its job server (`http://head:8265`): send one, see them, follow one to its end, stop it.

Ray's own `ray job submit` ends with 1 whatever the driver ended with, gives up when the connection breaks, and kills a
stopped driver after 3 s. Here a job ends with its driver's true code, a lost connection is taken up again where it
broke, and the driver gets the time that it needs to end by itself.
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

_ADDRESSES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")  # where Ray looks, and they win over what it is told
_PORT = 8265
_REACH_S = 10.0
_LOST_S = 120.0  # without any answer, before following is given up; a head that moves is back sooner
_POLL_S = 1.0
_READ_S = 5.0  # between two readings of the whole log, where it cannot be streamed


class NoSuchJob(ValueError):
    """The job server knows no job of that name."""


class Jobs:
    """A client of one job server.

    Args:
        address: `http://head:8265`, or host:port of it; None: what RAY_API_SERVER_ADDRESS or RAY_ADDRESS says.

    Raises:
        ConnectionError: no job server answers there, or it does not know us; one line.
    """

    def __init__(self, address: str | None) -> None:
        where = address or next((os.environ[name] for name in _ADDRESSES if os.environ.get(name)), None)
        if where is None:
            raise ConnectionError(f"which cluster? give --address http://HEAD:{_PORT}, or set {_ADDRESSES[0]}")
        url = urlsplit(where if "://" in where else f"http://{where}")
        if url.scheme in ("http", "https"):
            port = url.port or (_PORT if url.scheme == "http" else 443)
            self.address = (
                f"{url.scheme}://{url.netloc if url.port else f'{url.hostname}:{port}'}{url.path.rstrip('/')}"
            )
            _reach(self.address, url.hostname or "", port)
        else:
            self.address = where  # a module of a vendor's
        from ray.job_submission import JobSubmissionClient

        for name in ("sdk", "dashboard_sdk"):  # they tell of every connection
            for logger in (f"ray.dashboard.modules.{name}", f"ray.dashboard.modules.job.{name}"):
                logging.getLogger(logger).setLevel(logging.ERROR)

        try:
            with _without(_ADDRESSES):
                self._client = JobSubmissionClient(self.address)
        except Exception as error:  # of requests, of Ray, of the module: all mean one thing here
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
        """Upload `package` and start `command` in it; returns the job's id.

        Args:
            command: of the driver, run on the head in the unpacked package.
            package: a zip; see `cluster.package`.
            variables: environment of the driver and of every worker of the job. Ray shows them to whoever may ask it.
            stop_s: seconds that the driver gets to end by itself when it is stopped; Ray's default is 3.
            name: the job's id; None: one that Ray makes.
            runtime_env: more of Ray's runtime environment, such as pip or image_uri.

        Raises:
            ConnectionError: the job server refuses it; one line.
        """
        given = dict(runtime_env or {})
        set_before = {**given.pop("env_vars", {}), "RAY_JOB_STOP_WAIT_TIME_S": str(int(stop_s))}
        try:
            job: str = self._client.submit_job(
                entrypoint="exec " + shlex.join(command),  # no shell between: the driver's signals are its own
                submission_id=name,
                runtime_env={**given, "working_dir": str(package), "env_vars": {**set_before, **variables}},
                metadata=dict(metadata),
            )
        except Exception as error:  # as above
            raise ConnectionError(_refused(self.address, error, variables.values())) from error
        return job

    def all(self) -> list[JobState]:
        """Every submitted job that the server remembers, the newest first."""
        found = [state_of(job) for job in self._client.list_jobs() if job.submission_id]
        return sorted(found, key=lambda job: job.began or datetime.max.replace(tzinfo=UTC), reverse=True)

    def state(self, job: str) -> JobState:
        """Raises `NoSuchJob`, `ConnectionError`."""
        try:
            return state_of(self._client.get_job_info(job))
        except RuntimeError as error:  # "Request failed with status code 404: …"
            if "status code 404" in str(error):
                raise NoSuchJob(f"{self.address} knows no job {job}: longcap jobs lists them") from error
            raise ConnectionError(_refused(self.address, error)) from error
        except OSError as error:
            raise ConnectionError(_refused(self.address, error)) from error

    def log(self, job: str) -> str:
        """All that the job has written so far."""
        self.state(job)
        return str(self._client.get_job_logs(job))

    def follow(self, job: str, write: Callable[[str], Any]) -> Ending:
        """Hand on what the job writes until it is over, through connections that break.

        Raises:
            NoSuchJob; ConnectionError: no answer for two minutes. The job goes on.
        """
        seen, heard = 0, time.monotonic()
        while True:
            pause = _POLL_S
            try:
                over = self.state(job).is_over  # asked before the log is: then the log is whole
                if not over:
                    before, seen = seen, asyncio.run(self._stream(job, seen, write))
                    pause = _POLL_S if seen > before else _READ_S
                if over or seen == before:  # the stream may stop a line too early, or not get through a proxy
                    log = str(self._client.get_job_logs(job))
                    write(log[seen:])
                    seen = max(seen, len(log))
                if over:
                    return self.ending(job)
                heard = time.monotonic()
            except (ConnectionError, RuntimeError, OSError) as error:
                if time.monotonic() - heard > _LOST_S:
                    raise ConnectionError(f"{_refused(self.address, error)}; the job goes on without us") from error
            time.sleep(pause)

    async def _stream(self, job: str, seen: int, write: Callable[[str], Any]) -> int:
        """Write what the job's log holds behind `seen` characters until the stream ends; returns how many there are."""
        at = 0
        try:
            async for chunk in self._client.tail_job_logs(job):
                at += len(chunk)
                if at > seen:
                    write(chunk[len(chunk) - (at - seen) :])
                    seen = at
        except Exception:  # of aiohttp, of Ray, of the network: whether the job lives is asked next
            pass
        return seen

    def ending(self, job: str) -> Ending:
        """How a job that is over ended."""
        return ending_of(self.state(job), lambda: str(self._client.get_job_logs(job)))

    def stop(self, job: str, *, wait_s: float) -> Ending:
        """Ask the driver to end (SIGTERM) and wait until it has.

        Raises:
            NoSuchJob; ConnectionError: no answer, or it is not over after `wait_s`.
        """
        if not self.state(job).is_over:
            self._client.stop_job(job)
        until = time.monotonic() + wait_s
        while not self.state(job).is_over:
            if time.monotonic() > until:
                raise ConnectionError(f"{job} is not over {wait_s:g} s after it was told to stop: longcap logs {job}")
            time.sleep(_POLL_S)
        return self.ending(job)


@contextmanager
def _without(names: Sequence[str]) -> Iterator[None]:
    """These variables unset inside the block: an address that was given must count."""
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
