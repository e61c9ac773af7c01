"""Measure many writers of one table: their mutual cost, and whether every row is there exactly once.

    python -m bench.writers [--writers 1,8,64] [--commits 4] [--rows 20] [--every 30] [--store s3]

Each writer is a gather actor's committer with its own name, in threads of a few processes. Each commits its own
rows every `--every` seconds (as gather actors do: `run.flush_s`; 0: without a pause) and, every fourth time, rows that
its neighbour has committed as well, as after a lost acknowledgement. The store is a real S3 server (SeaweedFS) on this
machine, or a folder. Prints for each number of writers: seconds until all have taken over their names, simultaneously,
then seconds, commits per second, the longest commit, CPU seconds of the writers, and the number of rows that are
missing or duplicated (0, or exit code 1).
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
import uuid
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from operators.core.base import Row
from operators.store.commit import CommitSegments
from operators.store.store import Store
from tests.support import rows, s3

_THREADS = 8
_REPEATED = 4  # every fourth commit has rows of a neighbour


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", default="1,8,64", help="numbers of simultaneous writers, separated by commas")
    parser.add_argument("--commits", type=int, default=4, help="commits of each writer")
    parser.add_argument("--rows", type=int, default=20, help="segments in a commit")
    parser.add_argument("--every", type=float, default=30.0, help="seconds between commits of a writer")
    parser.add_argument("--store", choices=["s3", "local"], default="s3")
    asked = parser.parse_args()
    wrong = 0
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="writers-"))
        if asked.store == "s3":
            server = stack.enter_context(s3.serve(Path(place)))
            os.environ.update(server.environment)
            place = server.uri
        print("| writers | open, s | commits | s | commits/s | longest, s | CPU s | missing | twice |")
        print("|---|---|---|---|---|---|---|---|---|")
        for writers in map(int, asked.writers.split(",")):
            wrong += measure(f"{place}/{uuid.uuid4().hex}", writers, asked)
    return int(wrong > 0)


def measure(out: str, writers: int, asked: argparse.Namespace) -> int:
    """Print the line for one number of writers; return the number of wrong rows."""
    Store(out).open_for("run")
    commits, count, processes = asked.commits, asked.rows, -(-writers // _THREADS)
    context = get_context("spawn")
    begun, all_open = context.Barrier(processes), context.Barrier(processes)
    work = partial(_process, out, writers, asked)
    with ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(begun, all_open)) as pool:
        answers = list(pool.map(work, range(processes)))
    opened, wall, longest, cpu_s = (
        max(a[0] for a in answers),
        max(a[1] for a in answers),
        max(a[2] for a in answers),
        sum(a[3] for a in answers),
    )
    found = Counter(
        (r["video_id"], r["segment_index"]) for r in Store(out).segments.read(["video_id", "segment_index"]).to_pylist()
    )
    wanted = {(f"w{w}c{c}", i) for w in range(writers) for c in range(commits) for i in range(count)}
    missing, twice = len(wanted - set(found)), sum(n > 1 for n in found.values())
    made = writers * commits
    print(
        f"| {writers} | {opened:.1f} | {made} | {wall:.1f} | {made / wall:.1f} | {longest:.1f} | {cpu_s:.1f} "
        f"| {missing} | {twice} |",
        flush=True,
    )
    return missing + twice + len(set(found) - wanted)


_BARRIERS: list[Any] = []


def _begin(*barriers: Any) -> None:
    _BARRIERS[:] = barriers


def _process(out: str, writers: int, asked: argparse.Namespace, number: int) -> tuple[float, float, float, float]:
    """Return the seconds that the writers took to open and to commit, the longest commit, and CPU seconds."""
    mine = range(number * _THREADS, min(writers, (number + 1) * _THREADS))
    begun, all_open = _BARRIERS
    with ThreadPoolExecutor(len(mine)) as pool:
        begun.wait()
        since = time.monotonic()
        gathers = list(pool.map(lambda k: CommitSegments(out, "run", "here", writer=f"gather-{k}"), mine))
        opened = time.monotonic() - since
        all_open.wait()
        start, used = time.monotonic(), time.process_time()
        work = partial(_writer, writers, asked, start)
        longest = max(pool.map(work, mine, gathers))
    return opened, time.monotonic() - start, longest, time.process_time() - used


def _writer(writers: int, asked: argparse.Namespace, start: float, number: int, gather: CommitSegments) -> float:
    first = start + random.Random(number).uniform(0.0, asked.every)
    longest = 0.0
    for commit in range(asked.commits):
        batch = _batch(number, commit, asked.rows)
        if commit % _REPEATED == _REPEATED - 1:
            batch += _batch((number + 1) % writers, commit - 1, asked.rows)
        time.sleep(max(0.0, first + commit * asked.every - time.monotonic()))
        began = time.monotonic()
        gather.commit(batch)
        longest = max(longest, time.monotonic() - began)
    return longest


def _batch(writer: int, commit: int, count: int) -> list[Row]:
    return [rows.captioned(f"w{writer}c{commit}", i, duration_s=count * rows.SEGMENT_S) for i in range(count)]


if __name__ == "__main__":
    raise SystemExit(main())
