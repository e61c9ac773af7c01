"""Compare decoding on the GPU (torchcodec, NVDEC) with PyAV on the CPU: equality of frames, and cost.

    python -m bench.gpu_decode FOLDER [--short-side 336]

Decodes one frame per second of each video of a folder, as for a captioner. Prints how many frames have another time
stamp, the mean and the largest difference of frames in grey levels, and wall and CPU seconds of each. Without a GPU,
torchcodec also decodes on the CPU.
"""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from operators.core.base import ItemError
from operators.video.backends import open_decoder
from operators.video.images import to_rgb
from operators.video.probe import Probe
from operators.video.protocol import Backend
from operators.video.size import Size
from operators.video.source import Source

_FOLLOWS = 1e-3  # s


def frames(
    backend: Backend, uri: str, first_pts_s: float, times_s: list[float], size: Size
) -> tuple[dict[float, Any], float, float]:
    """Return time -> (time stamp, RGB), and wall and CPU seconds."""
    began, spent = time.perf_counter(), time.process_time()
    found = {}
    with Source(uri) as source, closing(open_decoder(backend, source, first_pts_s=first_pts_s)) as decoder:
        for time_s, pts_s, _, frame in decoder.sample(times_s, step_s=1.0):
            found[time_s] = (pts_s, to_rgb(frame, aspect=decoder.aspect, size=size))
    return found, time.perf_counter() - began, time.process_time() - spent


def compare(uri: str, size: Size) -> str:
    """Return a line of the table."""
    with Probe().open() as probe:
        facts = probe({"uri": uri, "access_uri": None, "source_version": None, "video_id": "v", "subtitles_uri": None})
    times = [float(t) for t in range(max(1, int(facts["duration_s"])))]
    at = facts["first_pts_s"]
    frames("torchcodec", uri, at, times[:1], size)  # warm-up: imports and the GPU context
    ours, wall, cpu = frames("pyav", uri, at, times, size)
    other, other_wall, other_cpu = frames("torchcodec", uri, at, times, size)
    both = sorted(ours.keys() & other.keys())
    moved = sum(abs(ours[t][0] - other[t][0]) > _FOLLOWS for t in both) + len(ours.keys() ^ other.keys())
    steps = [float(np.abs(ours[t][1].astype(np.int16) - other[t][1]).mean()) for t in both]
    return (
        f"{Path(uri).name[:28]:28}{len(ours):7d}{moved:7d}{np.mean(steps):8.2f}{np.max(steps):8.2f}"
        f"{wall:9.2f}{other_wall:9.2f}{cpu:9.2f}{other_cpu:9.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--short-side", type=int, default=336)
    given = parser.parse_args()
    size = Size(short_side_px=given.short_side, max_pixels=None, multiple_px=1)
    print(
        f"{'video':28}{'frames':>7}{'moved':>7}{'mean':>8}{'worst':>8}"
        f"{'CPU: s':>9}{'GPU: s':>9}{'CPU s':>9}{'CPU s':>9}"
    )
    for path in sorted(p for p in given.folder.rglob("*") if p.suffix in (".mp4", ".mkv", ".webm", ".mov", ".avi")):
        try:
            print(compare(str(path.absolute()), size), flush=True)
        except ItemError as error:
            print(f"{path.name[:28]:28} {error.message}", flush=True)


if __name__ == "__main__":
    main()
