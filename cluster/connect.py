"""Which Ray a command runs on: the one that is there, a cluster by address, or a local one started for it."""

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

_OBJECT_STORE_BYTES = 2 * 2**30  # plenty for a streaming graph, and no surprise on a laptop; Ray's own default is 30 %

_log = logging.getLogger(__name__)

_REACH_S = 10.0  # for a port to answer; Ray itself tries for minutes, printing lines of C++


@contextmanager
def connected(
    address: str | None = None, *, num_cpus: int | None = None, object_store_bytes: int | None = None
) -> Iterator[None]:
    """Be connected to Ray inside the block; a Ray that was started here is stopped at its end.

    A process that is connected already (a notebook, a test) keeps its Ray, whatever `address` says.

    Workers of a Ray that is started or connected here do not search the driver's current folder for modules first, as
    Ray's workers do otherwise: a file there may have the name of a module of Longcap's, Python's or a dependency's.

    Args:
        address: as for `ray.init`; None uses RAY_ADDRESS (which `ray job submit` sets), else starts a local Ray.
        num_cpus: logical CPUs of a local Ray; None: all cores.
        object_store_bytes: object store of a local Ray; None: 2 GiB or 30 % of the memory, whichever is less.

    Raises:
        ConnectionError: no Ray answers at `address`, or none starts here; or this process is connected already, and
            Ray's workers would import a file of the user's in place of a package of Longcap's.
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
    """Connect to Ray until the end of this process; arguments and errors as for `connected`.

    Returns:
        Whether Ray was started or connected here; False: it was there before.
    """
    import psutil
    import ray

    if ray.is_initialized():
        _check_shadows()
        return False
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")  # they count blocks; we count videos
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # C++ lines of Ray's in the middle of the progress
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the behaviour to come; silences a warning
    for name in ("ray._private.authentication", "ray.dashboard"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what it logs of a graph that breaks it raises as well
    where = address or os.environ.get("RAY_ADDRESS")
    if where is not None:
        check_address(where)
        try:
            ray.init(address=where, log_to_driver=False, logging_level=logging.WARNING, job_config=_job_config(where))
        except (OSError, RuntimeError, ValueError, AssertionError) as error:  # all of them mean one thing here
            raise ConnectionError(_nobody(where, error)) from error
    else:
        cores = psutil.cpu_count() or 1
        # a graph starts eight workers or so at once; Ray takes one a core to be normal and warns of more than four
        os.environ.setdefault("RAY_worker_maximum_startup_concurrency", str(max(4, cores)))
        store = object_store_bytes or min(_OBJECT_STORE_BYTES, int(psutil.virtual_memory().total * 0.3))
        try:
            with _quiet(), paths.safe_environment():
                ray.init(
                    address="local",  # without it, Ray joins the newest cluster of anybody's that runs on this machine
                    num_cpus=num_cpus,
                    object_store_memory=store,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.WARNING,
                    job_config=_job_config(),
                )
        except Exception as error:  # Ray raises plain ones; a machine that is too busy or too small, most of all
            raise ConnectionError(
                f"Ray does not start on this machine ({shorten(str(error), 300, placeholder='…')})"
            ) from error
    return True


@contextmanager
def _unprinted() -> Iterator[None]:
    """Log what Ray's driver prints of actors that do not start: a traceback for each try, among our lines on stdout.

    Whoever waits for such an actor is told by an exception; the actor's log file holds the rest.
    """
    from ray._private import worker

    name = "print_to_stdstream"
    printing = getattr(worker, name, None)
    if printing is None:  # a Ray that prints in another way
        yield
        return
    setattr(worker, name, lambda data, *_, **__: _log.debug("%s", "\n".join(data.get("lines", ()))))
    try:
        yield
    finally:
        setattr(worker, name, printing)


class _Only(list[str]):
    """A list that Ray cannot extend: `ray.init` adds the current folder and the script's to those of a job config."""

    def extend(self, _more: Iterable[str]) -> None:
        pass


def _job_config(address: str = "") -> Any:
    """Tells workers where Longcap's code lies, where that is not site-packages, and of no other folder.

    None for Ray's client (`ray://`): its driver runs on the cluster, where the folders of this machine mean nothing.
    """
    from ray.job_config import JobConfig

    if address.startswith("ray://"):
        return None
    config = JobConfig()
    installed = Path(paths.HOME).name in ("site-packages", "dist-packages")
    config._py_driver_sys_path = _Only([] if installed else [paths.HOME])
    return config


def _check_shadows() -> None:
    """Raise `ConnectionError` where workers of a Ray that somebody else started cannot find Longcap's packages."""
    for folder in _searched_first():
        if (file := paths.shadowing(folder)) is not None:
            raise ConnectionError(
                f"Ray is started already, and its workers would import {file} of {folder} in place of Longcap's "
                "package of that name: rename it, or call ray.shutdown() and let Longcap start Ray"
            )


def _searched_first() -> list[str]:
    """Folders that the workers of the connected Ray search for modules before all others."""
    from ray._private import worker

    core: Any = getattr(worker.global_worker, "core_worker", None)
    try:
        return [str(folder) for folder in core.get_job_config().py_driver_sys_path]
    except AttributeError:  # a Ray that keeps them elsewhere
        return []


@contextmanager
def _quiet() -> Iterator[None]:
    """No stderr while Ray starts here: its C++ part announces its log level there. What goes wrong is raised."""
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
    """Raise `ConnectionError` where no Ray can be at an address, without asking Ray, which tries for minutes.

    Nothing is checked where this process is connected already, and nothing of "auto" and of addresses with a scheme
    other than `ray://`: only Ray knows them.

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
        f"no Ray answers at {address} ({why}): give host:port of a cluster's head, or no address for a Ray of its own"
    )
