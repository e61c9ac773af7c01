"""Compare the cost of a run on CPUs, `longcap run` with the recipe `measure`, with a short script of PyAV.

    python -m bench.job VIDEO [VIDEO …] [--rounds 2] [--set KEY=VALUE …]

The script does the minimum: it decodes every frame once in as many processes as there are cores, makes a
JPEG of one frame and thumbnails of eight frames per second, computes optical flow between thumbnails, and writes
Parquet. It has no retries, watchdog, resume, text or tables. Both run in turns in new processes. CPU seconds are those
of the whole process tree, so other load has little effect. A warm-up run of Longcap is not counted.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

_SEGMENT_S = 120.0
_JPEG_FPS, _THUMB_FPS = 1.0, 8.0
_SHORT_SIDE_PX, _THUMB_PX, _QUALITY = 336, 64, 90


def segments(path: str) -> Iterator[tuple[str, float, float]]:
    """Return spans of two minutes of a file, in seconds from its first frame."""
    import av

    with av.open(path) as container:
        length_s = (container.duration or 0) / 1e6
    starts = [k * _SEGMENT_S for k in range(max(1, round(length_s / _SEGMENT_S)))]
    yield from ((path, a, b) for a, b in pairwise([*starts, length_s]))


def decode(span: tuple[str, float, float]) -> list[tuple[str, float, int, float]]:
    """Return (file, time, bytes of the JPEG, movement) for every second of a span."""
    import av
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    path, start_s, end_s = span
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # type: ignore[attr-defined]
    found: list[tuple[str, float, int, float]] = []
    before: Any = None
    moved: list[float] = []
    next_jpeg = next_thumb = start_s
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # one process per core
        first_s = float((stream.start_time or 0) * (stream.time_base or 0))
        container.seek(int((start_s + first_s) * 1e6))
        for frame in container.decode(stream):
            time_s = frame.time - first_s
            if time_s >= end_s:
                break
            if time_s >= next_thumb - 1e-6:
                next_thumb += 1 / _THUMB_FPS
                scale = _THUMB_PX / min(frame.width, frame.height)
                size = {"width": round(frame.width * scale), "height": round(frame.height * scale)}
                luma: Any = frame.reformat(**size, format="gray", interpolation="AREA").to_ndarray()
                luma = cv2.resize(luma, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
                if before is not None:
                    moved.append(float(np.abs(flow.calc(before, luma, None)).mean()))
                before = luma
            if time_s >= next_jpeg - 1e-6:
                next_jpeg += 1 / _JPEG_FPS
                scale = min(1.0, _SHORT_SIDE_PX / min(frame.width, frame.height))
                size = {"width": round(frame.width * scale), "height": round(frame.height * scale)}
                image = frame.reformat(**size, format="rgb24", interpolation="AREA").to_image()  # type: ignore[no-untyped-call]
                data = io.BytesIO()
                image.save(data, "JPEG", quality=_QUALITY)
                found.append((path, time_s, len(data.getvalue()), statistics.fmean(moved) if moved else 0.0))
                moved.clear()
    return found


def floor(paths: list[str], out: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    work = [span for path in paths for span in segments(path)]
    with multiprocessing.Pool(os.cpu_count()) as pool:
        rows = [row for some in pool.map(decode, work, chunksize=1) for row in some]
    columns = zip(*rows, strict=True)
    pq.write_table(
        pa.table(dict(zip(("uri", "time_s", "bytes", "moved"), columns, strict=True))), f"{out}/floor.parquet"
    )


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("videos", nargs="+")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="key of Longcap's config")
    parser.add_argument("--floor", metavar="FOLDER", help="run the script, and write to this folder")
    given = parser.parse_args()
    if given.floor:
        floor(given.videos, given.floor)
        return
    seconds = sum(end_s - start_s for path in given.videos for _, start_s, end_s in segments(path))
    settings = [word for setting in given.set for word in ("--set", setting)]
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for k in range(given.rounds + 1):
            out = str(Path(folder) / str(k))
            command = [sys.executable, "-m", "longcap", "run", *given.videos, "-o", out, "-q", *settings]
            used = cpu_seconds(command)
            if k == 0:
                continue
            ours.append(used)
            theirs.append(cpu_seconds([sys.executable, "-m", "bench.job", *given.videos, "--floor", folder]))
    hours = seconds / 3600
    print(f"{len(given.videos)} videos, {seconds / 60:.1f} minutes, {os.cpu_count()} cores; CPU seconds")
    print(f"{'':12}{'of the job':>12}{'a video-hour':>14}")
    for name, some in (("longcap", ours), ("floor", theirs)):
        print(f"{name:12}{min(some):12.1f}{min(some) / hours:14.0f}")
    print(f"{'ratio':12}{min(ours) / min(theirs):12.2f}")


if __name__ == "__main__":
    main()
