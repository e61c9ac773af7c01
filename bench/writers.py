"""Many writers of one table: what they pay for each other, and whether every row is there once.

    python -m bench.writers [--writers 1,8,64] [--commits 4] [--rows 20] [--every 30] [--store s3]

Each writer is a gather actor's committer with a name of its own, in threads of a few processes. Each commits its own
rows every `--every` seconds (as gather actors do: `run.flush_s`; 0: without a pause) and, every fourth time, rows that
its neighbour has committed as well, as after a lost acknowledgement. The store is a real S3 server (SeaweedFS) on this
machine, or a folder. Prints for each number of writers: seconds, commits a second, the longest commit, CPU seconds, and
the rows that are missing or twice (0, or exit code 1).
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import tempfile
import time
import uuid
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from operators.core.base import Row
from operators.store.commit import CommitSegments
from operators.store.store import Store
from tests.support import rows, s3

_THREADS = 8
_REPEATED = 4  # every so many commits hold rows of a neighbour


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", default="1,8,64", help="how many at once, by comma")
    parser.add_argument("--commits", type=int, default=4, help="of each writer")
    parser.add_argument("--rows", type=int, default=20, help="segments in a commit")
    parser.add_argument("--every", type=float, default=30.0, help="seconds from one commit of a writer to its next")
    parser.add_argument("--store", choices=["s3", "local"], default="s3")
    asked = parser.parse_args()
    wrong = 0
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="writers-"))
        if asked.store == "s3":
            server = stack.enter_context(s3.serve(Path(place)))
            os.environ.update(server.environment)
            place = server.uri
        print("| writers | commits | s | commits/s | longest, s | CPU s | missing | twice |")
        print("|---|---|---|---|---|---|---|---|")
        for writers in map(int, asked.writers.split(",")):
            wrong += measure(f"{place}/{uuid.uuid4().hex}", writers, asked)
    return int(wrong > 0)


def measure(out: str, writers: int, asked: argparse.Namespace) -> int:
    """Print the line of one number of writers; how many rows are wrong."""
    Store(out).open_for("run")
    commits, count, processes = asked.commits, asked.rows, -(-writers // _THREADS)
    start = time.time() + 3.0 + writers / 4  # all have taken their name over by then
    work = partial(_process, out, writers, asked, start)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        answers = list(pool.map(work, range(processes)))
    wall, longest = max(a[0] for a in answers) - start, max(a[1] for a in answers)
    found = Counter(
        (r["video_id"], r["segment_index"]) for r in Store(out).segments.read(["video_id", "segment_index"]).to_pylist()
    )
    wanted = {(f"w{w}c{c}", i) for w in range(writers) for c in range(commits) for i in range(count)}
    missing, twice = len(wanted - set(found)), sum(n > 1 for n in found.values())
    made = writers * commits
    cpu_s = sum(a[2] for a in answers)
    print(
        f"| {writers} | {made} | {wall:.1f} | {made / wall:.1f} | {longest:.1f} | {cpu_s:.1f} | {missing} | {twice} |",
        flush=True,
    )
    return missing + twice + len(set(found) - wanted)


def _process(
    out: str, writers: int, asked: argparse.Namespace, start: float, number: int
) -> tuple[float, float, float]:
    """Time at which its writers were done, seconds of their longest commit, CPU seconds of the process."""
    mine = range(number * _THREADS, min(writers, (number + 1) * _THREADS))
    with ThreadPoolExecutor(len(mine)) as pool:
        longest = max(pool.map(partial(_writer, out, writers, asked, start), mine))
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.time(), longest, used.ru_utime + used.ru_stime


def _writer(out: str, writers: int, asked: argparse.Namespace, start: float, number: int) -> float:
    gather = CommitSegments(out, "run", "here", writer=f"gather-{number}")
    first = start + random.Random(number).uniform(0.0, asked.every)
    longest = 0.0
    for commit in range(asked.commits):
        batch = _batch(number, commit, asked.rows)
        if commit % _REPEATED == _REPEATED - 1:
            batch += _batch((number + 1) % writers, commit - 1, asked.rows)
        time.sleep(max(0.0, first + commit * asked.every - time.time()))
        began = time.monotonic()
        gather.commit(batch)
        longest = max(longest, time.monotonic() - began)
    return longest


def _batch(writer: int, commit: int, count: int) -> list[Row]:
    return [rows.captioned(f"w{writer}c{commit}", i, duration_s=count * rows.SEGMENT_S) for i in range(count)]


if __name__ == "__main__":
    raise SystemExit(main())
