"""One run at a time on one output: a lease with a heartbeat, in files that only one process can make.

    OUT/runs/lease/<share>/<number>.json

Who has made the highest number holds the share ("all", or "1-of-4" under `--shard`) and writes a new heartbeat into
its file every few seconds. Making a number is exclusive (a conditional put on object storage), so of two that start at
the same instant, one learns of the other. A newcomer waits one TTL and takes over if the heartbeat has not changed
by then, as seen by its own monotonic clock: clocks of two machines are never compared. Who ends says so in its file and
leaves it there: numbers only grow, so that two who saw the same end reach for the same next one.

The lease saves work. That nothing is twice rests on the tables alone, whose commits fence a driver that lost its lease.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from operators.core.atomic import create
from operators.core.storage import UnfitFileError, file_system, files_below, read_whole
from pipeline.terminal.errors import RunFailed

TTL_S = 15.0
ALL = "all"
_BEATS = 3  # in one TTL: two may get lost


@dataclass(frozen=True)
class Holder:
    """Who holds a lease, or held it until it `ended`; who `retired` holds it, but writes no more rows.

    `beat` changes with every heartbeat.
    """

    run_id: str
    host: str
    machine: str
    pid: int
    started: float
    beat: int
    ended: bool = False
    retired: bool = False

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return self.machine == _machine()

    @property
    def gone(self) -> bool:
        """Whether it ended, or is a process of this machine that is not there any more."""
        if self.ended:
            return True
        if not self.is_here:
            return False
        try:
            return psutil.Process(self.pid).create_time() != self.started
        except psutil.NoSuchProcess:
            return True


class Lease:
    """A hold on one share of an output.

    Args:
        uri: the output.
        share: "all", or "i-of-n": those of one n go together, anything else excludes one another.
        run_id: who asks.
        say: called when there is something to wait for.
        ttl_s: how old a heartbeat may get.
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
        self._me = Holder(run_id, socket.gethostname(), _machine(), os.getpid(), psutil.Process().create_time(), 0)
        self._number = 0
        self._retired = False
        self._writing = threading.Lock()  # or a heartbeat under way could take back what was said after it
        self._end = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)
        self.lost = False

    @contextmanager
    def held(self) -> Iterator[Lease]:
        """Hold the lease inside the block.

        Raises:
            RunFailed: a run that is alive holds it, or one that excludes this share.
        """
        self._take()
        self._heart.start()
        try:
            yield self
        finally:
            self._end.set()
            self._heart.join()
            self.let_go()

    def retire(self) -> bool:
        """Say that this run writes no more; True if by now all who held another share have said so, too, or ended.

        It is said before it is asked of the others, so of several that end at the same moment one at least hears True.
        Who died without a word has not said so: its actors may still write.
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
        for old in range(max(1, number - 8), number):
            with suppress(OSError):
                self._files.rm_file(self._path(old))
        try:
            self._wait_for_the_excluded()  # again: one of them may have begun meanwhile, and sees us or is seen by us
        except RunFailed:
            self.let_go()
            raise

    def _wait_for_the_excluded(self) -> None:
        for share in self.shares():
            if _excludes(share, self._share):
                self._wait_for(share)

    def let_go(self) -> None:
        """Say that this run has ended, so that nobody waits for a sign of life."""
        self._end.set()
        with suppress(OSError), self._writing:
            if self.lost:
                self._files.rm_file(self._path(self._number))
            else:
                self._files.pipe_file(self._path(self._number), self._text(0, ended=True))

    def _wait_for(self, share: str) -> int:
        """The highest number there is, 0 for none, once nobody who is alive holds `share`."""
        number, holder = self.newest(share)
        if not number or (holder is not None and holder.gone):
            return number
        who = f"run {holder.run_id} on {holder.host}" if holder is not None else "a run"
        self._say(f"{who} may be at work on {self._uri}: waiting {self._ttl_s:g} s for a sign of life")
        until = time.monotonic() + self._ttl_s
        while time.monotonic() < until:
            time.sleep(min(1.0, self._ttl_s / 10))
            now = self.newest(share)
            if not now[0] or (now[1] is not None and now[1].gone):
                return now[0]
            if now != (number, holder) and now[1] is not None:
                raise RunFailed(self._taken(share, now[1], "is at work"))
        self._say(f"{who} gave none; going on from what it left")
        return number

    def _taken(self, share: str, holder: Holder | None, why: str) -> str:
        who = f"run {holder.run_id} (process {holder.pid} on {holder.host})" if holder is not None else "another run"
        what = self._uri if share == ALL else f"share {share.replace('-of-', '/')} of {self._uri}"
        return f"{who} {why} on {what}; wait for it or stop it, then run the same command again"

    def shares(self) -> list[str]:
        """All shares that were ever held."""
        return sorted({p.rsplit("/", 2)[-2] for p in files_below(f"{self._uri}/runs/lease") if p.endswith(".json")})

    def newest(self, share: str) -> tuple[int, Holder | None]:
        """The highest number that was made, 0 for none, and who made it: None while it is being written."""
        while True:
            names = [p.rsplit("/", 1)[-1].removesuffix(".json") for p in files_below(f"{self._uri}/runs/lease/{share}")]
            numbers = [int(name) for name in names if name.isdecimal()]
            if not numbers:
                return 0, None
            try:
                return max(numbers), Holder(**json.loads(read_whole(self._files, self._path(max(numbers), share))))
            except FileNotFoundError:
                continue  # a higher one was made since, and this one cleared away
            except (ValueError, TypeError, RecursionError, UnfitFileError):
                return max(numbers), None

    def _path(self, number: int, share: str | None = None) -> str:
        return f"{self._root}/{share or self._share}/{number:08d}.json"

    def _make(self, number: int) -> None:
        """Raises `FileExistsError` where it is there: of several that try, one makes it."""
        create(self._files, self._path(number), self._text(0))

    def _text(self, beat: int, *, ended: bool = False) -> bytes:
        said = replace(self._me, beat=beat, ended=ended, retired=self._retired)
        return json.dumps(asdict(said)).encode()

    def _beat(self) -> None:
        number = 0
        while not self._end.wait(self._ttl_s / _BEATS):
            number += 1
            with suppress(Exception):  # storage may be away; who takes over meanwhile fences what we commit
                if self.newest(self._share)[0] > self._number:
                    self.lost = True
                    return
                with self._writing:
                    self._files.pipe_file(self._path(self._number), self._text(number))


def _excludes(one: str, other: str) -> bool:
    """Whether runs on these two shares could meet at one video."""
    return one != other and (ALL in (one, other) or one.rsplit("-of-", 1)[-1] != other.rsplit("-of-", 1)[-1])


def _machine() -> str:
    """What tells process ids apart: the same number is another process on another machine, or in another container."""
    parts: list[Any] = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(Path("/proc/self/ns/pid").readlink())
    return "/".join(map(str, parts))
