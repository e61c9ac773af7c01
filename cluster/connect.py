"""Connect to Ray: the current connection, a cluster by address, or a new local Ray."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any

from longcap import paths

_OBJECT_STORE_BYTES = 2 * 2**30  # enough for a streaming graph and moderate on a laptop; Ray's default is 30 %

_log = logging.getLogger(__name__)

_REACH_S = 10.0  # for a port to answer; Ray itself retries for minutes and prints C++ log lines


@contextmanager
def connected(
    address: str | None = None, *, num_cpus: int | None = None, object_store_bytes: int | None = None
) -> Iterator[None]:
    """Connect to Ray for the duration of the block; a Ray that was started here is stopped at its end.

    A process that is already connected (a notebook, a test) keeps its Ray, whatever `address` is.

    Workers of a Ray that is started or connected here do not search the driver's current folder first for modules, as
    Ray's workers do by default: a file there may have the name of a module of Longcap, Python or a dependency.

    Args:
        address: as for `ray.init`; None uses RAY_ADDRESS (which `ray job submit` sets), else starts a local Ray.
        num_cpus: logical CPUs of a local Ray; None uses all cores.
        object_store_bytes: size of the object store of a local Ray; None: 2 GiB or 30 % of the memory, if that is less.

    Raises:
        ConnectionError: no Ray answers at `address`, or a local Ray does not start; or this process is already
                connected, and Ray's workers would import a file of the user instead of a package of Longcap.
    """
    if not connect(address, num_cpus=num_cpus, object_store_bytes=object_store_bytes):
        yield
        return
    import ray

    try:
        with _unprinted():
            yield
    finally:
        ray.shutdown()


def connect(address: str | None = None, *, num_cpus: int | None = None, object_store_bytes: int | None = None) -> bool:
    """Connect to Ray until this process ends; arguments and errors are those of `connected`.

    Returns:
        Whether Ray was started or connected here; False if it was already connected.
    """
    import psutil
    import ray

    if ray.is_initialized():
        _check_shadows()
        return False
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")  # they count blocks, not videos
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # C++ log lines of Ray would interrupt the progress line
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the future default; silences a warning
    for name in ("ray._private.authentication", "ray.dashboard"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors of a graph are also raised
    where = address or os.environ.get("RAY_ADDRESS")
    if where is not None:
        check_address(where)
        try:
            ray.init(address=where, log_to_driver=False, logging_level=logging.WARNING, job_config=_job_config(where))
        except (OSError, RuntimeError, ValueError, AssertionError) as error:  # handled alike
            raise ConnectionError(_nobody(where, error)) from error
    else:
        cores = psutil.cpu_count() or 1
        # a graph starts about eight workers simultaneously; Ray warns of more than four per core
        os.environ.setdefault("RAY_worker_maximum_startup_concurrency", str(max(4, cores)))
        store = object_store_bytes or min(_OBJECT_STORE_BYTES, int(psutil.virtual_memory().total * 0.3))
        try:
            with _quiet(), paths.safe_environment():
                ray.init(
                    address="local",  # else Ray joins the newest cluster of any user on this machine
                    num_cpus=num_cpus,
                    object_store_memory=store,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.WARNING,
                    job_config=_job_config(),
                )
        except Exception as error:  # Ray raises plain exceptions, mostly on a busy or small machine
            raise ConnectionError(
                f"Ray does not start on this machine ({shorten(str(error), 300, placeholder='…')})"
            ) from error
    return True


@contextmanager
def _unprinted() -> Iterator[None]:
    """Log instead of print Ray's messages about actors that do not start: a traceback per try, on stdout.

    The caller that waits for such an actor gets an exception; the log file of the actor holds the traceback.
    """
    from ray._private import worker

    name = "print_to_stdstream"
    printing = getattr(worker, name, None)
    if printing is None:  # another version of Ray
        yield
        return
    setattr(worker, name, lambda data, *_, **__: _log.debug("%s", "\n".join(data.get("lines", ()))))
    try:
        yield
    finally:
        setattr(worker, name, printing)


class _Only(list[str]):
    """A list that Ray cannot extend: `ray.init` appends the current and the script's folder to a job config."""

    def extend(self, _more: Iterable[str]) -> None:
        pass


def _job_config(address: str = "") -> Any:
    """Return a job config with the folder of Longcap's code, unless it is in site-packages, and no other folder.

    None for Ray's client (`ray://`): its driver runs on the cluster, where local folders are meaningless.
    """
    from ray.job_config import JobConfig

    if address.startswith("ray://"):
        return None
    config = JobConfig()
    installed = Path(paths.HOME).name in ("site-packages", "dist-packages")
    config._py_driver_sys_path = _Only([] if installed else [paths.HOME])
    return config


def _check_shadows() -> None:
    """Raise `ConnectionError` if workers of a Ray that was started elsewhere would not find Longcap's packages."""
    for folder in _searched_first():
        if (file := paths.shadowing(folder)) is not None:
            raise ConnectionError(
                f"Ray is already running, and its workers would import {file} of {folder} instead of Longcap's "
                "package of that name: rename it, or call ray.shutdown() and let Longcap start Ray"
            )


def _searched_first() -> list[str]:
    """Return the folders that the workers of the connected Ray search first for modules."""
    from ray._private import worker

    core: Any = getattr(worker.global_worker, "core_worker", None)
    try:
        return [str(folder) for folder in core.get_job_config().py_driver_sys_path]
    except AttributeError:  # another version of Ray
        return []


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress stderr while Ray starts: its C++ part prints its log level there. Errors are raised."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def check_address(address: str | None) -> None:
    """Raise `ConnectionError` if no Ray listens at an address, without Ray's own retries, which take minutes.

    Nothing is checked if this process is already connected, or for "auto" and addresses with a scheme other than
    `ray://`, which only Ray can resolve.

    Args:
        address: as for `connect`.
    """
    ray = sys.modules.get("ray")
    where = address or os.environ.get("RAY_ADDRESS")
    if where in (None, "", "auto", "local") or (ray is not None and ray.is_initialized()):
        return
    assert where is not None
    host, _, port = where.removeprefix("ray://").rpartition(":")
    if "://" in host:
        return
    if not (host and port.isdecimal() and int(port) < 2**16):
        raise ConnectionError(_nobody(where, ValueError("not of the form host:port")))
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
    except OSError as error:
        raise ConnectionError(_nobody(where, error)) from error


def _nobody(address: str, error: Exception) -> str:
    why = shorten(str(error), 300, placeholder="…") or type(error).__name__
    return (
        f"no Ray answers at {address} ({why}): give host:port of a cluster's head, or no address to start a local Ray"
    )
