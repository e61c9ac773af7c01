"""Decoding in a child process that may die: the side of the parent.

Native decoders can loop while holding the interpreter lock, crash, or exhaust memory, and only a kill from outside
stops them. One child serves many jobs. A job that makes no progress, exceeds a limit or kills the child fails alone,
and the next job gets a new child. The child is not started by `multiprocessing`, which would fork or re-import a Ray
actor.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from longcap import paths
from operators.core.base import FailureClass, ItemError
from operators.video.parcels import unpack

_POLL_S = 0.1
_CLOSED = "the decoder was closed"
_RETRIED: frozenset[FailureClass] = frozenset({"timeout", "crash", "out_of_memory", "internal"})
_REFUSES = frozenset({"decord", "torchcodec"})  # back ends that reject whole files of which others decode most

Try = tuple[str, str, dict[str, Any]]
"""A back end's name, the job as "package.module:function", and the job's keyword arguments."""


_SERVED = threading.local()  # the child that last worked for a thread


def child_cpu_s() -> float:
    """CPU seconds (user and system) of the living child that last worked for this thread; 0 if there is none."""
    return _usage_of(getattr(_SERVED, "pid", None))[1]


class DecodeChild:
    """A child process with a watchdog. Jobs of several threads are queued.

    Args:
        no_progress_s: seconds without a packet or frame, not counting waits for storage, after which a job is killed.
        cpu_limit_s: limit of a job in CPU seconds (user and system).
        memory_limit_bytes: limit of the child's resident memory.
        storage_timeout_s: limit of one read from storage in seconds.
        time_limit_s: limit of a job in wall-clock seconds, waits included.
        recycle_after: number of jobs after which the child is replaced, to limit leaks of native code.
    """

    def __init__(
        self,
        *,
        no_progress_s: float = 30.0,
        cpu_limit_s: float = 600.0,
        memory_limit_bytes: int = 2**30,
        storage_timeout_s: float = 120.0,
        time_limit_s: float = 3600.0,
        recycle_after: int = 200,
    ) -> None:
        self._no_progress_s = no_progress_s
        self._cpu_limit_s = cpu_limit_s
        self._memory_limit_bytes = memory_limit_bytes
        self._storage_timeout_s = storage_timeout_s
        self._time_limit_s = time_limit_s
        self._recycle_after = recycle_after
        self._lock = threading.Lock()
        self._closing = False
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        self._starter: ThreadPoolExecutor | None = None
        self._jobs = 0

    @property
    def pid(self) -> int | None:
        """Process id of the living child; None if there is none."""
        alive = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and alive else None

    def run(self, job: str, **arguments: Any) -> Any:
        """Run `job` ("package.module:function") with `arguments` in the child and return its result.

        Large buffers in the result (arrays, `pickle.PickleBuffer`) are views of memory shared with the child. They are
        not copied, and the memory is freed with the last view.

        Raises:
            ItemError: the error of the job, or class timeout, crash, out_of_memory or storage if the child was killed;
                class internal if this object was closed.
        """
        with self._lock:
            self._check_open()
            connection = self._ready()
            _SERVED.pid = self.pid
            try:
                self._check_open()  # again: it may have been closed before there was a process to kill
                connection.send((job, arguments))
                kind, value = self._watch(connection)
                if kind == "done":
                    return unpack(connection, value)
            except (EOFError, OSError) as error:
                raise self._death() from error
            except BaseException:
                self._end()  # killed by the watchdog, or interrupted: either way the child is in the middle of a job
                raise
        raise value

    def run_first(self, tries: Sequence[Try]) -> tuple[Any, str, int]:
        """Run `tries` in order until one succeeds.

        The next attempt follows a timeout, a crash, an exceeded memory limit or a bug; after the first three it runs in
        a new child. A back end that rejects the input or is not installed is not tried again. Other failures are raised
        immediately.

        Returns:
            The result, the name of the back end, and the number of attempts.

        Raises:
            ItemError: the error of the last attempt, with the number of attempts.
        """
        failure = ItemError("internal", "no back end to try")
        refused: set[str] = set()
        attempts = 0
        for backend, job, arguments in tries:
            if backend in refused:
                continue
            attempts += 1
            try:
                return self.run(job, **arguments), backend, attempts
            except ItemError as error:
                failure = error
            if failure.failure_class in ("undecodable", "internal") and backend in _REFUSES:
                refused.add(backend)
            elif failure.failure_class not in _RETRIED:
                break
        raise ItemError(failure.failure_class, failure.message, attempts=max(1, attempts)) from failure

    def close(self) -> None:
        """Kill the child and wait until it has ended. A job in flight fails, and no other one is started."""
        self._closing = True
        self._kill()  # without the lock, which the caller of a job holds until it ends
        with self._lock:
            self._end()
            if self._starter is not None:
                self._starter.shutdown()
                self._starter = None

    def __enter__(self) -> DecodeChild:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closing:
            raise ItemError("internal", _CLOSED)

    # -- the watch ---------------------------------------------------------------------------------------------------

    def _watch(self, connection: Connection[Any, Any]) -> tuple[str, Any]:
        import psutil

        assert self._process is not None
        try:
            child = psutil.Process(self._process.pid)
            _, spent_before_s = _usage(child)
        except psutil.NoSuchProcess as error:
            raise EOFError from error
        steps, began_s = -1, time.monotonic()
        moved_s = began_s
        helper: int | None = None
        while True:
            comes = connection.poll(_POLL_S)
            while comes:  # all that has come: a parent that was stopped for a while must not judge by an old beat
                kind, *rest = connection.recv()
                if kind != "beat":
                    return kind, rest[0]
                now_steps, waited_s, helper = rest
                if waited_s is not None and waited_s > self._storage_timeout_s:
                    raise ItemError("storage", f"storage did not answer a read within {self._storage_timeout_s:g} s")
                if now_steps != steps or waited_s is not None:
                    steps, moved_s = now_steps, time.monotonic()
                comes = connection.poll(0)
            if time.monotonic() - moved_s > self._no_progress_s:
                raise ItemError("timeout", f"the decoder made no progress for {self._no_progress_s:g} s and was ended")
            if time.monotonic() - began_s > self._time_limit_s:
                raise ItemError("timeout", f"the decoder passed its limit of {self._time_limit_s:g} s and was ended")
            try:
                memory_bytes, spent_s = (a + b for a, b in zip(_usage(child), _usage_of(helper), strict=True))
                spent_s -= spent_before_s
            except psutil.Error:
                continue  # it is gone: the socket says how
            if memory_bytes > self._memory_limit_bytes:
                limit = f"{self._memory_limit_bytes / 2**20:.0f} MiB"
                raise ItemError("out_of_memory", f"the decoder outgrew its memory limit of {limit} and was ended")
            if spent_s > self._cpu_limit_s:
                raise ItemError("timeout", f"the decoder passed its CPU limit of {self._cpu_limit_s:g} s and was ended")

    def _ready(self) -> Connection[Any, Any]:
        """The connection to the living child, or to a new one."""
        if self.pid is None or self._jobs >= self._recycle_after:
            self._end()
            self._start()
        self._jobs += 1
        assert self._connection is not None
        return self._connection

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        command = paths.command("operators.video.child", str(theirs.fileno()), str(os.getpid()))
        with theirs:
            # Linux kills the child when the *thread* that started it ends: one thread of its own outlives all callers
            self._starter = self._starter or ThreadPoolExecutor(1, "decode-child-starter")
            self._process = self._starter.submit(
                subprocess.Popen,
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # the child imports what the parent can, from wherever a cluster unpacked it; threads as in all decoders
                env={**paths.environment(), "OPENCV_FOR_THREADS_NUM": "1"},
                start_new_session=True,  # Ctrl-C is for the parent, which then ends the child
            ).result()
        self._connection = Connection(ours.detach())
        self._jobs = 0

    def _death(self) -> ItemError:
        """The cause of the child's death."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        code = self._process.poll()
        self._end()
        if self._closing:
            return ItemError("internal", _CLOSED)
        if code is None or code >= 0:
            return ItemError("crash", f"the decoder ended by itself (exit code {code})")
        name = signal.Signals(-code).name
        hint = ", most likely by the kernel for want of memory" if name == "SIGKILL" else ""
        return ItemError("crash", f"the decoder was killed by {name}{hint}")

    def _end(self) -> None:
        self._kill()
        if self._process is not None:
            self._process.wait()
            self._process = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _kill(self) -> None:
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it started (ffmpeg) goes with it


def _usage(process: Any) -> tuple[int, float]:
    """Resident bytes and CPU seconds of a process, including its ended children."""
    times = process.cpu_times()
    return int(process.memory_info().rss), float(sum(times[:4]))  # user, system, and those of its ended children


def _usage_of(pid: int | None) -> tuple[int, float]:
    """`_usage` of a helper process, which may have ended; its CPU time then counts as the child's."""
    import psutil

    try:
        return _usage(psutil.Process(pid)) if pid is not None else (0, 0.0)
    except psutil.Error:
        return 0, 0.0
