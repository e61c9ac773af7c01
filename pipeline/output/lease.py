"""A lease that allows one run at a time on an output, with a heartbeat, in exclusively created files.

    OUT/runs/lease/<share>/<number>.json

The run that created the highest number holds the share ("all", or "1-of-4" with `--shard`) and writes a new heartbeat
to its file every few seconds. Numbers are created exclusively (by a conditional put on object storage), so that of two
that start simultaneously one detects the other. A new run waits one TTL and takes over if the heartbeat has not
changed, as measured by its own monotonic clock; clocks of two machines are never compared. A run that ends records this
in its file, which is kept: numbers only increase, so that two runs that saw the same end try to create the same number.

The lease only avoids unnecessary work. The tables alone prevent duplicate rows: their commits fence a driver that lost
its lease.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import psutil

from operators.core.atomic import create
from operators.core.storage import UnfitFileError, file_system, files_below, read_whole
from pipeline.terminal.errors import RunFailed

TTL_S = 15.0
ALL = "all"
_BEATS = 3  # heartbeats per TTL, of which two may be lost


@dataclass(frozen=True)
class Holder:
    """The holder of a lease, or the last one if it has `ended`; one that has `retired` writes no more rows.

    `beat` changes with every heartbeat.

    Attributes:
        machine: id of the machine and its boot, or of the container.
        started: start time of its process, seconds since the epoch. Where /proc derives it from the boot time, it
            changes with the system's clock.
        start_ticks: start time of its process in clock ticks since boot; None without /proc, or of an older version.
    """

    run_id: str
    host: str
    machine: str
    pid: int
    started: float
    beat: int
    ended: bool = False
    retired: bool = False
    start_ticks: int | None = None

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return self.machine == _machine()

    @property
    def gone(self) -> bool:
        """Whether it ended, or was a process of this machine that no longer exists."""
        if self.ended:
            return True
        if not self.is_here:
            return False
        if self.start_ticks is not None:
            return _start_ticks(self.pid) != self.start_ticks
        try:
            return psutil.Process(self.pid).create_time() != self.started
        except psutil.NoSuchProcess:
            return True


_FIELDS = {field.name for field in fields(Holder)}  # of newer versions, others are ignored


class Lease:
    """A lease on one share of an output.

    Args:
        uri: the output.
        share: "all", or "i-of-n". Shares with the same n are compatible; all others are mutually exclusive.
        run_id: id of the requesting run.
        say: called with one line before it waits.
        ttl_s: maximum age of a heartbeat in seconds.
    """

    def __init__(
        self, uri: str, share: str, run_id: str, say: Callable[[str], None] = lambda _: None, *, ttl_s: float = TTL_S
    ) -> None:
        self._files, folder = file_system(uri)
        self._root = f"{folder}/runs/lease"
        self._uri = uri
        self._share = share
        self._say = say
        self._ttl_s = ttl_s
        self._me = Holder(
            run_id=run_id,
            host=socket.gethostname(),
            machine=_machine(),
            pid=os.getpid(),
            started=psutil.Process().create_time(),
            beat=0,
            start_ticks=_start_ticks(os.getpid()),
        )
        self._number = 0
        self._retired = False
        self._writing = threading.Lock()  # else a heartbeat in progress could overwrite a newer record
        self._end = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)
        self.lost = False
        self.before: Holder | None = None  # the previous holder of the share; it was killed unless it has `ended`

    @contextmanager
    def held(self) -> Iterator[Lease]:
        """Hold the lease within the block.

        Raises:
            RunFailed: an active run holds it, or a share that excludes this one.
        """
        self._take()
        try:
            yield self
        finally:
            self._leave()

    def retire(self) -> bool:
        """Record that this run writes no more rows; return whether all holders of other shares have retired or ended.

        The record is written before the others are checked, so that of several runs that end simultaneously at least
        one gets True. A run that died has not retired: its actors may still write.
        """
        with self._writing:
            self._retired = True
            self._files.pipe_file(self._path(self._number), self._text(0))
        return all(self._free(s) for s in self.shares() if s != self._share)

    def _free(self, share: str) -> bool:
        number, holder = self.newest(share)
        until = time.monotonic() + self._ttl_s / _BEATS
        while number and holder is None and time.monotonic() < until:
            time.sleep(0.02)  # a heartbeat is being written
            number, holder = self.newest(share)
        return not number or (holder is not None and (holder.ended or holder.retired))

    # -- inside ----------------------------------------------------------------------------------------------------

    def _take(self) -> None:
        number = self._wait_for(self._share) + 1
        self._wait_for_the_excluded()
        try:
            self._make(number)
        except FileExistsError:
            _, holder = self.newest(self._share)
            raise RunFailed(self._taken(self._share, holder, "began at the same moment")) from None
        self._number = number
        self._heart.start()  # now: what follows may wait for a TTL, after which another run would take over
        try:
            for old in range(max(1, number - 8), number):
                with suppress(OSError):
                    self._files.rm_file(self._path(old))
            self._wait_for_the_excluded()  # again: of two runs that begin now, at least one detects the other
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        self._end.set()
        self._heart.join()
        self.let_go()

    def _wait_for_the_excluded(self) -> None:
        for share in self.shares():
            if _excludes(share, self._share):
                self._wait_for(share)

    def let_go(self) -> None:
        """Record that this run has ended, so that no other run waits for its heartbeat."""
        self._end.set()
        with suppress(OSError), self._writing:
            if self.lost:
                self._files.rm_file(self._path(self._number))
            else:
                self._files.pipe_file(self._path(self._number), self._text(0, ended=True))

    def _wait_for(self, share: str) -> int:
        """Wait until no active run holds `share`, and return the highest number, 0 for none."""
        number, holder = self.newest(share)
        if share == self._share:
            self.before = holder
        if not number or (holder is not None and holder.gone):
            return number
        who = f"run {holder.run_id} on {holder.host}" if holder is not None else "a run"
        self._say(f"{who} may be at work on {self._uri}: waiting {self._ttl_s:g} s for a heartbeat")
        until = time.monotonic() + self._ttl_s
        while time.monotonic() < until:
            time.sleep(min(1.0, self._ttl_s / 10))
            now = self.newest(share)
            if not now[0] or (now[1] is not None and now[1].gone):
                return now[0]
            if now != (number, holder) and now[1] is not None:
                raise RunFailed(self._taken(share, now[1], "is at work"))
        self._say(f"{who} sent none; resuming from its work")
        return number

    def _taken(self, share: str, holder: Holder | None, why: str) -> str:
        who = f"run {holder.run_id} (process {holder.pid} on {holder.host})" if holder is not None else "another run"
        what = self._uri if share == ALL else f"share {share.replace('-of-', '/')} of {self._uri}"
        return f"{who} {why} on {what}; wait for it or stop it, then run the same command again"

    def shares(self) -> list[str]:
        """All shares that were ever held."""
        return sorted({p.rsplit("/", 2)[-2] for p in files_below(f"{self._uri}/runs/lease") if p.endswith(".json")})

    def newest(self, share: str) -> tuple[int, Holder | None]:
        """The highest number, 0 for none, and its holder, which is None while the file is being written."""
        while True:
            names = [p.rsplit("/", 1)[-1].removesuffix(".json") for p in files_below(f"{self._uri}/runs/lease/{share}")]
            numbers = [int(name) for name in names if name.isdecimal()]
            if not numbers:
                return 0, None
            try:
                said = json.loads(read_whole(self._files, self._path(max(numbers), share)))
                return max(numbers), Holder(**{name: said[name] for name in _FIELDS & said.keys()})
            except FileNotFoundError:
                continue  # a higher one was created meanwhile, and this one removed
            except (ValueError, TypeError, AttributeError, RecursionError, UnfitFileError):
                return max(numbers), None

    def _path(self, number: int, share: str | None = None) -> str:
        return f"{self._root}/{share or self._share}/{number:08d}.json"

    def _make(self, number: int) -> None:
        """Create the file exclusively; raise `FileExistsError` if it exists."""
        create(self._files, self._path(number), self._text(0))

    def _text(self, beat: int, *, ended: bool = False) -> bytes:
        said = replace(self._me, beat=beat, ended=ended, retired=self._retired)
        return json.dumps(asdict(said)).encode()

    def _beat(self) -> None:
        number = 0
        while not self._end.wait(self._ttl_s / _BEATS):
            number += 1
            with suppress(Exception):  # storage may be unavailable; a run that takes over fences our commits
                if self.newest(self._share)[0] > self._number:
                    self.lost = True
                    return
                with self._writing:
                    self._files.pipe_file(self._path(self._number), self._text(number))


def _excludes(one: str, other: str) -> bool:
    """Whether runs on these two shares could process the same video."""
    return one != other and (ALL in (one, other) or one.rsplit("-of-", 1)[-1] != other.rsplit("-of-", 1)[-1])


def _start_ticks(pid: int) -> int | None:
    """Return the start time of a process in clock ticks since boot; None if it does not exist, or without /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])  # its name, in parentheses, may hold spaces; see proc_pid_stat(5)


def _machine() -> str:
    """An id of the machine or container, within which process ids are unique."""
    parts: list[Any] = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(Path("/proc/self/ns/pid").readlink())
    return "/".join(map(str, parts))
