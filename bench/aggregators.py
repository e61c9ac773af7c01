"""Measure the memory of an aggregator over long videos: resident bytes while it commits films of ten hours.

    python -m bench.aggregators [--films 2] [--hours 10] [--rows 8]

The aggregator is that of a run, with the committer of `segments`, in this process, on a folder. Each segment of a
minute has 60 frame captions of 20 words and 12 window captions of 60 words. Rows are built before each commit and freed
after it. Prints a line for each tenth of each film: rows committed, resident MB, and CPU milliseconds per row.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence

import psutil

from operators.core.base import Row
from operators.store.commit import CommitSegments
from operators.store.store import Store
from pipeline.execution.aggregators import Aggregator, AggregatorSpec
from tests.support import rows

_WORDS = ("the", "red", "blue", "car", "dog", "river", "gate", "bridge", "street", "walks", "drives", "waits", "slowly")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=2)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--rows", type=int, default=8, help="segments in a commit")
    given = parser.parse_args()
    count = round(given.hours * 3600 / rows.SEGMENT_S)
    process, draw = psutil.Process(), random.Random(0)
    with tempfile.TemporaryDirectory(prefix="longcap-aggregators-") as out:
        Store(out).open_for("run")
        aggregator = Aggregator(AggregatorSpec(committer=CommitSegments, arguments={"store_uri": out, "run_id": "run"}))
        print("film  segments  resident MB  CPU ms a row")
        for film in range(given.films):
            for tenth in range(10):
                indices = range(tenth * count // 10, (tenth + 1) * count // 10)
                used = 0.0
                for start in range(indices.start, indices.stop, given.rows):
                    batch = _segments(f"film{film}", indices[start - indices.start :][: given.rows], count, draw)
                    began = time.process_time()
                    aggregator.commit(batch)
                    used += time.process_time() - began
                resident = process.memory_info().rss / 2**20
                print(
                    f"{film:>4}  {indices.stop:>8}  {resident:>11.0f}  {1000 * used / len(indices):>12.1f}", flush=True
                )


def _segments(video_id: str, indices: Sequence[int], count: int, draw: random.Random) -> list[Row]:
    def words(number: int) -> str:
        return " ".join(draw.choices(_WORDS, k=number))

    made = [rows.captioned(video_id, index, duration_s=count * rows.SEGMENT_S) for index in indices]
    for row in made:
        for frame in row["frames"]:
            frame["text"] = words(20)
        for window in row["windows"]:
            window["text"] = words(60)
    return made


if __name__ == "__main__":
    main()
