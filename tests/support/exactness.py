"""Generate the table in docs/decode.md: which back end returns the right frame in which format.

    python -m tests.support.exactness docs/decode.md

Each format is a rendered clip whose frames carry their index. Twelve times, out of order, are requested from each back
end; the results are compared with a full sequential decode.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from operators.core.base import ItemError
from operators.video.backends import open_decoder
from operators.video.facts import probe
from operators.video.protocol import Backend
from operators.video.source import Source
from tests.support.video import decode_all, expected_frames, read_index, render, with_edit_list

BACKENDS: tuple[Backend, ...] = ("pyav", "pyav-sequential", "ffmpeg", "torchcodec", "decord")
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "h264 MP4, closed GOP": ("closed.mp4", {"gop": 12, "b_frames": 2}),
    "h264 MP4, open GOP": ("open.mp4", {"gop": 12, "b_frames": 3, "open_gop": True}),
    "hevc MP4, open GOP": ("hevc.mp4", {"codec": "libx265", "gop": 10, "b_frames": 3, "open_gop": True}),
    "h264 MP4, variable rate": ("vfr.mp4", {"times_s": [k / 10 + (k // 7) * 0.73 for k in range(60)]}),
    "h264 MP4, edit list": ("editlist.mp4", {"gop": 12, "b_frames": 2}),
    "h264 MP4, turned by 90°": ("turned.mp4", {"turn_deg": 90}),
    "h264 MP4, fragmented": ("fragmented.mp4", {"options": {"movflags": "frag_keyframe+empty_moov"}}),
    "h264 MP4, 10 bit": ("ten_bit.mp4", {"pix_fmt": "yuv420p10le"}),
    "h264 MKV, first pts 5 s": ("late.mkv", {"first_pts_s": 5.0}),
    "h264 MPEG-TS": ("stream.ts", {"gop": 12, "b_frames": 2}),
    "MPEG-4 AVI, B-frames": ("mpeg4.avi", {"codec": "mpeg4", "gop": 12, "b_frames": 2}),
    "VP8 WebM": ("vp8.webm", {"codec": "libvpx", "gop": 15}),
    "VP9 WebM, no duration": ("vp9.webm", {"codec": "libvpx-vp9", "options": {"live": "1"}}),
    "AV1 MP4": ("av1.mp4", {"codec": "libsvtav1", "gop": 10}),
    "GIF": ("pictures.gif", {"codec": "gif", "pix_fmt": "rgb8"}),
}
_STEP_S = 0.1
_BEGIN, _END = "<!-- exactness: made by tests/support/exactness.py -->", "<!-- end of exactness -->"


def make(folder: Path, name: str) -> Path:
    """Render the clip of a format."""
    file, how = FORMATS[name]
    path = folder / file
    if "edit list" in name:
        render(folder / "whole.mp4", count=60, **how)
        with_edit_list(folder / "whole.mp4", path, 0.8)
    else:
        render(path, **{"count": 60, **how})
    return path


def verdict(path: Path, backend: Backend) -> str:
    """Return `exact`, `wrong` (another frame, another time, or none), `refuses` or `not installed`."""
    import av

    facts = probe(str(path))
    with av.open(str(path)) as container:
        stream: Any = container.streams.best("video")
        base, interval = stream.time_base, round(1 / stream.average_rate / stream.time_base)
    draw = random.Random(path.name)
    times_s = [draw.uniform(0, facts["duration_s"] - 0.01) for _ in range(12)]
    expected = expected_frames(decode_all(path), base, interval, facts["first_pts_s"], times_s, _STEP_S)
    try:
        with Source(str(path)) as source:
            decoder = open_decoder(backend, source, first_pts_s=facts["first_pts_s"])
            found = {t: (pts_s, _index(frame)) for t, pts_s, _, frame in decoder.sample(times_s, step_s=_STEP_S)}
            decoder.close()
    except ItemError as error:
        return "refuses" if error.failure_class == "undecodable" else "not installed"
    same = set(found) == set(expected) and all(
        found[t][1] == expected[t][1] and abs(found[t][0] - expected[t][0]) < 1e-3 for t in found
    )
    return "exact" if same else "wrong"


def _index(frame: Any) -> int:
    return read_index(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)))


def table(rows: dict[str, list[str]], backends: tuple[str, ...]) -> str:
    """Return the table as Markdown."""
    lines = ["| format | " + " | ".join(backends) + " |", "|---" * (len(backends) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(_cell(v) for v in verdicts) + " |" for name, verdicts in rows.items()]
    return "\n".join(lines)


def read_table(page: Path) -> dict[str, dict[str, str]]:
    """Parse format -> back end -> verdict from a page."""
    text = page.read_text("utf-8").split(_BEGIN)[1].split(_END)[0]
    head, _, *rows = [[c.strip() for c in line.strip("|").split("|")] for line in text.strip().splitlines()]
    return {row[0]: {b: v.strip("*") for b, v in zip(head[1:], row[1:], strict=True)} for row in rows}


def _cell(value: str) -> str:
    return value if value == "exact" else f"**{value}**"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    page = parser.parse_args().page
    with tempfile.TemporaryDirectory() as folder:
        rows = {name: [verdict(make(Path(folder), name), b) for b in BACKENDS] for name in FORMATS}
    head, rest = page.read_text("utf-8").split(_BEGIN)
    page.write_text(f"{head}{_BEGIN}\n{table(rows, BACKENDS)}\n{_END}{rest.split(_END)[1]}", "utf-8")


if __name__ == "__main__":
    main()
