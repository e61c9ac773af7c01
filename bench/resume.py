"""Measure the time and memory of resuming: compare a half finished store of keys with its plan.

    python -m bench.resume --videos 1000000

For each size the store is created first (not timed): `videos`, and the keys of `segments` and `dataset`; their texts,
which resuming does not read, are empty. Half of the videos are done. Then a separate process does the work of
`longcap run` before its first graph: read the probed facts, plan, compare with the store, and make the rows
of the first pass, without listing the sources. Prints seconds and peak memory of that process.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import WriterProperties, write_deltalake

from operators.core import rows
from operators.core.keys import caption_keys, narrator_key, video_keys
from operators.store.store import Store
from pipeline.config.tables import segment_operators, video_operators
from pipeline.config.types import Config
from pipeline.planning.diff import compare
from pipeline.planning.plan import make_plan
from pipeline.sources.selection import Selection

_SEGMENTS = 60  # a video of two hours
_AT_ONCE = 20_000  # videos in one file of the store


def make(out: str, videos: int) -> int:
    """Create a store of `videos` two-hour videos, every other one done; return the number of done videos."""
    finished = 0
    config = Config()
    narrator = narrator_key(video_operators(config))
    for start in range(0, videos, _AT_ONCE):
        count = min(_AT_ONCE, videos - start)
        ids = [f"{n * 2654435761 % 2**64:016x}" for n in range(start, start + count)]
        uris = [f"s3://bucket/some/prefix/{i}.mp4" for i in ids]
        known = {
            "video_id": pa.array(ids),
            "uri": pa.array(uris),
            "source_version": pa.array([f'1000000-"{i}"' for i in ids]),
            "metadata": pa.repeat(pa.scalar("{}"), count),
            "container": pa.repeat(pa.scalar("mp4"), count),
            "codec": pa.repeat(pa.scalar("h264"), count),
            "duration_s": pa.array(np.full(count, _SEGMENTS * 120.0)),
            "first_pts_s": pa.array(np.zeros(count)),
            "run_id": pa.repeat(pa.scalar("20260101-000000-abcd"), count),
        }
        _append(f"{out}/videos", known, rows.VIDEO, count)
        sources = zip(ids, known["source_version"].to_pylist(), strict=True)
        keys = list(caption_keys(sources, config.plan.segment_s, segment_operators(config)))
        done = [k for k in range(count) if k % 2 == 0]
        captions = {
            "video_id": pa.array(np.repeat([ids[k] for k in done], _SEGMENTS)),
            "key": pa.array(np.repeat([keys[k] for k in done], _SEGMENTS)),
            "segment_index": pa.array(np.tile(np.arange(_SEGMENTS, dtype=np.int32), len(done))),
            "segment_count": pa.array(np.full(len(done) * _SEGMENTS, _SEGMENTS, np.int32)),
        }
        _append(f"{out}/segments", captions, rows.CAPTIONED_SEGMENT, len(done) * _SEGMENTS)
        narrated = {
            "video_id": pa.array([ids[k] for k in done]),
            "key": pa.array(list(video_keys((keys[k], _SEGMENTS, narrator) for k in done))),
        }
        _append(f"{out}/dataset", narrated, rows.LONG_CAPTION, len(done))
        finished += len(done)
    return finished


def _append(uri: str, known: dict[str, pa.Array], schema: pa.Schema, count: int) -> None:
    table = pa.table([known.get(f.name, pa.nulls(count, f.type)) for f in schema], schema=schema)
    properties = WriterProperties(compression="ZSTD", max_row_group_size=2**18)
    write_deltalake(uri, table, mode="append", writer_properties=properties)


def resume(out: str, config: Config | None = None) -> dict[str, float]:
    """Do the work of a driver before its first graph."""
    began = time.perf_counter()
    store = Store(out)
    plan = make_plan(config or Config(), store.videos.read(), Selection(), {})
    planned = time.perf_counter()
    left = compare(plan, store)
    compared = time.perf_counter()
    first = left.segments.table(0, 2**18)
    return {
        "videos": len(plan.videos),
        "segments": plan.segments,
        "left": len(left.segments),
        "first_pass": first.num_rows,
        "plan_s": planned - began,
        "compare_s": compared - planned,
        "all_s": time.perf_counter() - began,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time resuming at several sizes.")
    parser.add_argument("--videos", type=int, default=1_000_000, help="the largest size, at least 1")
    parser.add_argument("--of", help="resume from this store only (used for the timed process)")
    asked = parser.parse_args()
    if asked.videos < 1:
        parser.error(f"--videos is {asked.videos}; it must be at least 1")
    if asked.of:
        print(json.dumps(resume(asked.of)))
        return
    print("   videos     segments         left   plan s  compare s   all s   µs a segment   peak GiB")
    for videos in sorted({max(1, asked.videos // 16), max(1, asked.videos // 4), asked.videos}):
        folder = Path(tempfile.mkdtemp(prefix="longcap-resume-"))
        try:
            finished = make(str(folder), videos)
            done = subprocess.run(
                [sys.executable, "-m", "bench.resume", "--of", str(folder)], capture_output=True, text=True, check=True
            )
            found = json.loads(done.stdout)
        finally:
            shutil.rmtree(folder)
        planned = (videos * _SEGMENTS, (videos - finished) * _SEGMENTS)
        assert (found["segments"], found["left"]) == planned, f"{found}: {planned} were to be planned and left"
        print(
            f"{found['videos']:9,} {found['segments']:12,} {found['left']:12,} {found['plan_s']:8.1f} "
            f"{found['compare_s']:10.1f} {found['all_s']:7.1f} {found['all_s'] / found['segments'] * 1e6:14.2f} "
            f"{found['peak_bytes'] / 2**30:10.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
