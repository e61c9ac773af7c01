"""Measure how the commands on an output scale with its size: CPU seconds and peak memory of each, at several sizes.

    python -m bench.growth [--videos 10000] [--only verify]

Each size (1 %, 10 % and 100 % of `--videos`) is an output as a run leaves it: videos of 100 s in two segments,
with frames and windows, long captions of 200 words, valid content hashes and keys, and the records of
the run. Creating it is not timed; a tenth of the videos is left to do. Each command runs in its own process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa

from bench.resume import resume
from operators.core import rows as schemas
from operators.core.keys import narrator_key, video_key
from operators.store.content import content_hash
from operators.store.store import Store
from pipeline.config.tables import video_operators
from pipeline.config.types import Config
from pipeline.config.values import dump_config
from pipeline.output import known
from pipeline.planning.plan import make_plan
from pipeline.sources.selection import Selection
from tests.support import rows

_RUN = "20260101-000000-abcd"
_LEFT = 10  # one video in ten is left to do
_AT_ONCE = 2_000
_WORDS = ("the", "red", "blue", "car", "dog", "river", "gate", "bridge", "street", "walks", "drives", "waits", "slowly")


def config() -> Config:
    """Return segments with the row format of the tests."""
    whole = Config()
    return replace(whole, plan=replace(whole.plan, segment_s=rows.SEGMENT_S))


def make(out: str, videos: int) -> str:
    """Write an output; return the name of one of its videos."""
    store, draw = Store(out), random.Random(0)
    for table in store.tables:
        table.fence()
    store.write_file("longcap.json", b'{"longcap": "output", "contract": 1}\n')
    asked = {"run_id": _RUN, "inputs": ["/videos"], "signed": False, "share": "all"}
    store.write_file(f"runs/{_RUN}/config.yaml", dump_config(config()).encode())
    store.write_file(f"runs/{_RUN}/asked.json", json.dumps(asked).encode())
    ids = [f"{k * 2654435761 % 2**32:08x}{k:08x}" for k in range(videos)]
    for start in range(0, videos, _AT_ONCE):
        found = [rows.video(one, run_id=_RUN) for one in ids[start : start + _AT_ONCE]]
        store.videos.append(pa.Table.from_pylist(found, schema=schemas.VIDEO))
    plan = make_plan(config(), store.videos.read(), Selection(), {})
    known.write(store, _RUN, plan)
    keys = dict(zip(plan.videos.ids, plan.videos.keys, strict=True))
    narrator = narrator_key(video_operators(config()))
    for start in range(0, videos, _AT_ONCE):
        captions, long_captions = [], []
        for one in (v for k, v in enumerate(ids[start : start + _AT_ONCE]) if k % _LEFT):
            for index in (0, 1):
                row = {**rows.captioned(one, index, key=keys[one]), "run_id": _RUN}
                row["content_hash"] = content_hash(row, schemas.CAPTIONED_SEGMENT)
                captions.append(row)
            words = " ".join(draw.choices(_WORDS, k=200)) + "."
            row = {**rows.narrated(one), "caption": words, "run_id": _RUN, "filtered": None}
            row["key"] = video_key(keys[one], {0, 1}, narrator)
            row["content_hash"] = content_hash(row, schemas.LONG_CAPTION)
            long_captions.append(row)
        store.segments.append(pa.Table.from_pylist(captions, schema=schemas.CAPTIONED_SEGMENT))
        store.dataset.append(pa.Table.from_pylist(long_captions, schema=schemas.LONG_CAPTION))
    return ids[1]


def spent(command: list[str]) -> tuple[float, float, float]:
    """Return CPU seconds, wall seconds and peak MiB of a process."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - began, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=10_000, help="number of videos of the largest size")
    parser.add_argument("--only", action="append", help="command to measure; may be repeated")
    parser.add_argument("--resume", metavar="OUT", help="do the work before the first graph (the timed process)")
    given = parser.parse_args()
    if given.resume:
        print(json.dumps(resume(given.resume, config())))
        return
    print(f"{'videos':>9} {'command':20}{'CPU s':>9}{'wall s':>9}{'peak MiB':>10}{'CPU ms a video':>16}")
    for videos in (given.videos // 100, given.videos // 10, given.videos):
        with tempfile.TemporaryDirectory(prefix="longcap-growth-") as folder:
            out = str(Path(folder) / "out")
            # in a process of its own: the peak of a child starts with the memory of its parent
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                video = pool.submit(make, out, videos).result()
            longcap = [sys.executable, "-m", "longcap"]
            commands = {
                "plan and compare": [sys.executable, "-m", "bench.growth", "--resume", out],
                "status": [*longcap, "status", out],
                "show VIDEO": [*longcap, "show", out, video],
                "failures": [*longcap, "failures", out],
                "report": [*longcap, "report", out, "--no-frames"],
                "verify": [*longcap, "verify", out],
                "compact": [*longcap, "compact", out],
            }
            for name, command in commands.items():
                if given.only and name not in given.only:
                    continue
                cpu_s, wall_s, mib = spent(command)
                each = cpu_s / videos * 1000
                print(f"{videos:9,} {name:20}{cpu_s:9.1f}{wall_s:9.1f}{mib:10.0f}{each:16.2f}", flush=True)


if __name__ == "__main__":
    main()
