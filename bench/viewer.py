"""Measure the viewer with many videos, and with one long one: seconds of each page, and the memory of the server.

    python -m bench.viewer --videos 100000 --words 200
    python -m bench.viewer --videos 1 --hours 2

The output is synthetic; the server is a separate process, and each figure is the best of three requests.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa

from operators.core import rows as schemas
from operators.core.grid import Grid
from operators.store.store import Store
from tests.support import rows

_WORDS = ("the", "red", "blue", "car", "dog", "river", "gate", "bridge", "street", "walks", "drives", "waits", "slowly")
_AT_ONCE = 10_000


def make(uri: str, videos: int, words: int, hours: float) -> None:
    """Write an output of `videos` videos of `hours` each, long captions of about `words` words."""
    store, draw = Store(uri), random.Random(0)
    for table in (store.videos, store.dataset, store.segments):
        table.fence()
    duration_s = hours * 3600
    for start in range(0, videos, _AT_ONCE):
        found: dict[str, list[Any]] = {"videos": [], "dataset": [], "segments": []}
        for k in range(start, min(videos, start + _AT_ONCE)):
            video_id = f"{k * 2654435761 % 2**32:08x}{k:08x}"
            uri_of = f"/data/shard-{k % 100:02d}/video-{k:07d}.mp4"
            facts: dict[str, Any] = {
                "uri": uri_of,
                "duration_s": duration_s or 60.0 + k % 600,
                "metadata": f'{{"topic": "t{k % 7}"}}',
            }
            found["videos"].append(rows.video(video_id, **facts))
            sections, segments = _captioned(video_id, facts["duration_s"], words, draw)
            text = "\n\n".join(["An opening.", *(s["text"] for s in sections)])
            long_caption = {
                **rows.narrated(video_id),
                **facts,
                "caption": text,
                "words": len(text.split()),
                "sections": sections,
            }
            long_caption["coverage"] = 0.5 + draw.random() / 2
            found["dataset"].append({**long_caption, "content_hash": f"{k:032x}", "run_id": "r"})
            found["segments"] += segments
        for name, made in found.items():
            schema = {"videos": schemas.VIDEO, "dataset": schemas.LONG_CAPTION, "segments": schemas.CAPTIONED_SEGMENT}[
                name
            ]
            getattr(store, name).append(pa.Table.from_pylist(made, schema=schema))
    for table in store.tables:
        table.compact()
    store.write_file("longcap.json", b'{"longcap": "output", "contract": 1}\n')


def _captioned(video_id: str, duration_s: float, words: int, draw: random.Random) -> tuple[list[Any], list[Any]]:
    grid = Grid(duration_s, rows.WINDOW_S, rows.STRIDE_S)
    count = max(1, round(duration_s / 60)) if words > 1000 else 1
    sections = []
    for number in range(count):
        windows = [k for k in range(grid.window_count) if k * count // grid.window_count == number]
        said: list[dict[str, Any]] = [
            {
                "text": " ".join(draw.choices(_WORDS, k=12)).capitalize() + ".",
                "windows": draw.sample(windows, min(2, len(windows))),
            }
            for _ in range(max(1, words // count // 12))
        ]
        span = {"start_s": duration_s * number / count, "end_s": duration_s * (number + 1) / count}
        text = " ".join(s["text"] for s in said)
        sections.append({**rows.section(section_index=number, text=text, sentences=said, windows=windows), **span})
    if words <= 1000:  # with many videos only the list is requested
        return sections, []
    segments = [
        {**rows.captioned(video_id, k, key="key", duration_s=duration_s), "run_id": "r", "content_hash": f"{k:032x}"}
        for k in range(len(grid.segments(rows.SEGMENT_S)))
    ]
    return sections, segments


def measure(uri: str, paths: list[str]) -> None:
    """Start a viewer and request `paths`."""
    command = [sys.executable, "-m", "longcap", "view", uri, "--port", "0", "--no-token"]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen([*command, "--cache", folder], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            base = server.stdout.readline().strip().rstrip("/")
            for path in paths:
                held = psutil.Process(server.pid).memory_info().rss / 2**20
                print(f"{path:60} {_first_and_best(base, path)}, {held:.0f} MiB before")
            print(f"memory of the server: {psutil.Process(server.pid).memory_info().rss / 2**20:.0f} MiB")
        finally:
            server.terminate()
            server.wait()


def _first_and_best(base: str, path: str) -> str:
    taken, size = [], 0
    for _ in range(3):
        began = time.perf_counter()
        with urllib.request.urlopen(base + path) as answer:
            size = len(answer.read())
        taken.append(time.perf_counter() - began)
    return f"first {taken[0]:.3f} s, best {min(taken):.3f} s, {size / 1024:.0f} KiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=200, help="words of a long caption; from 1000, with its windows")
    parser.add_argument("--hours", type=float, default=0.0, help="length of a video; 0: one to eleven minutes")
    parser.add_argument("--out", help="folder to keep the output in; an existing output is reused")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        uri = options.out or f"{folder}/captions"
        if not Path(uri, "longcap.json").exists():
            make(uri, options.videos, options.words, options.hours)
        ids = Store(uri).videos.fragments()[0].head(1, columns=["video_id"])["video_id"][0].as_py()
        paths = [
            "/",
            "/?q=video-0012345",
            "/?q=bridge+%22red+car%22",
            "/?sort=-words",
            "/?sort=coverage&where=words%3E%3D60",
        ]
        paths += ["/?page=900", "/?where=metadata.topic%3Dt3&columns=metadata.topic", "/state"]
        paths += [f"/video?id={ids}", f"/timeline.json?id={ids}", f"/part/evidence?id={ids}&section=0&sentence=0"]
        measure(uri, [p for p in paths if options.videos > 1 or not re.search(r"page=|where=", p)])


if __name__ == "__main__":
    main()
