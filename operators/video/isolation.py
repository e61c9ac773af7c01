"""Runs decoding in a process that may die: the parent's side.

Every native decoder can loop with the interpreter's lock held, crash, or eat all memory; only a kill from outside ends
that. One child serves many jobs; a job that makes no progress, passes a limit or takes the child down fails alone, and
the next job gets a fresh child. `multiprocessing` is not used to start it: it would fork or re-import a Ray actor.
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
_RETRIED: frozenset[FailureClass] = frozenset({"timeout", "crash", "out_of_memory", "internal"})
_REFUSES = frozenset({"decord", "torchcodec"})  # back ends that give up whole files of which another saves most

Try = tuple[str, str, dict[str, Any]]
"""A back end's name, the job as "package.module:function", and the job's keyword arguments."""


_SERVED = threading.local()  # the child that worked for a thread last


def child_cpu_s() -> float:
    """CPU seconds (user and system) of the living child that worked for this thread last; 0: there is none."""
    return _usage_of(getattr(_SERVED, "pid", None))[1]


class DecodeChild:
    """A child process and the watch over it. Jobs of several threads queue up.

    Args:
        no_progress_s: kill when no packet and no picture came for so long while storage kept nobody waiting.
        cpu_limit_s: CPU seconds (user and system) that one job may take.
        memory_limit_bytes: resident memory that the child may take.
        storage_timeout_s: how long one storage read may take.
        time_limit_s: wall-clock seconds that one job may take, whatever it waits for.
        recycle_after: jobs after which the child is replaced, against slow leaks of native code.
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
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        self._starter: ThreadPoolExecutor | None = None
        self._jobs = 0

    @property
    def pid(self) -> int | None:
        """Process id of the living child; None when there is none."""
        alive = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and alive else None

    def run(self, job: str, **arguments: Any) -> Any:
        """Run `job` ("package.module:function") with `arguments` in the child and return what it returns.

        Large buffers in the result (arrays, `pickle.PickleBuffer`) are views of memory that the child shared:
        they are not copied, and the memory goes when the last view does.

        Raises:
            ItemError: what the job raised, or timeout, crash, out_of_memory, storage when the child had to be ended.
        """
        with self._lock:
            connection = self._ready()
            _SERVED.pid = self.pid
            try:
                connection.send((job, arguments))
                kind, value = self._watch(connection)
                if kind == "done":
                    return unpack(connection, value)
            except (EOFError, OSError) as error:
                raise self._death() from error
            except BaseException:
                self._end()  # killed by the watch, or interrupted: either way the child is in the middle of a job
                raise
        raise value

    def run_first(self, tries: Sequence[Try]) -> tuple[Any, str, int]:
        """Run `tries` in turn until one does not time out, crash, outgrow its memory or meet a bug; each of the first
        three ends the child, so that the next try has a fresh one. What a back end refuses, or lacks, is not tried on
        it again.

        Returns:
            Its result, the name of its back end, and how many tries it took.

        Raises:
            ItemError: of the last try, with the number of attempts; any other failure at once.
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
        """End the child and wait for it."""
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
            if connection.poll(_POLL_S):
                kind, *rest = connection.recv()
                if kind != "beat":
                    return kind, rest[0]
                now_steps, waited_s, helper = rest
                if waited_s is not None and waited_s > self._storage_timeout_s:
                    raise ItemError("storage", f"storage did not answer a read within {self._storage_timeout_s:g} s")
                if now_steps != steps or waited_s is not None:
                    steps, moved_s = now_steps, time.monotonic()
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
        """A living child: the one at hand, or a fresh one."""
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
        """What the child died of."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        code = self._process.poll()
        self._end()
        if code is None or code >= 0:
            return ItemError("crash", f"the decoder ended by itself (exit code {code})")
        name = signal.Signals(-code).name
        hint = ", most likely by the kernel for want of memory" if name == "SIGKILL" else ""
        return ItemError("crash", f"the decoder was killed by {name}{hint}")

    def _end(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # what it started (ffmpeg) goes with it
            self._process.wait()
            self._process = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _usage(process: Any) -> tuple[int, float]:
    """Resident bytes, and CPU seconds so far with those of what it started and has waited for."""
    times = process.cpu_times()
    return int(process.memory_info().rss), float(sum(times[:4]))  # user, system, and those of its ended children


def _usage_of(pid: int | None) -> tuple[int, float]:
    """The same of a process that may have ended: what the child runs then counts as the child's."""
    import psutil

    try:
        return _usage(psutil.Process(pid)) if pid is not None else (0, 0.0)
    except psutil.Error:
        return 0, 0.0
