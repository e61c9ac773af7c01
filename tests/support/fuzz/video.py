"""Decode randomly damaged files and count the results.

    python -m tests.support.fuzz --kind video --count 2000 --seed 7

Every file must end with frames or with a failure, in time, without remaining processes.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from operators.core.base import ItemError
from operators.video.decode import Decode
from operators.video.probe import Probe
from tests.support.fuzz.outcome import Outcome
from tests.support.video import render

_SOURCES: dict[str, dict[str, Any]] = {
    "h264.mp4": {"gop": 10, "sound_s": 1.0},
    "fragmented.mp4": {"options": {"movflags": "frag_keyframe+empty_moov"}},
    "hevc.mp4": {"codec": "libx265", "gop": 10},
    "h264.mkv": {"gop": 10},
    "vp8.webm": {"codec": "libvpx"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "mpeg4.avi": {"codec": "mpeg4"},
    "h264.ts": {"gop": 10},
    "av1.mp4": {"codec": "libsvtav1"},
    "raw.h264": {"gop": 10},
    "mpeg2.mpg": {"codec": "mpeg2video", "fps": 25.0},
    "mjpeg.mov": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
}
_IMAGES = 30
_LIMIT_S = 20.0  # limit without progress; far above the time that a busy machine needs
_OVER_S = 2.0


def mutate(data: bytes, other: bytes, draw: random.Random) -> tuple[str, bytes]:
    """Damage a file in one way and return it; `other` is a container to splice from."""
    how = draw.choice(["flip", "flip", "few", "cut", "zero", "splice", "insert", "shuffle"])
    broken = bytearray(data)
    if how in ("flip", "few"):
        for _ in range(draw.randint(1, 8) if how == "few" else draw.randint(20, 2000)):
            broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)
    elif how == "cut":
        del broken[draw.randrange(1, len(broken)) :]
    elif how == "zero":
        start, length = draw.randrange(len(broken)), draw.randint(16, max(17, len(broken) // 3))
        broken[start : start + length] = bytes(len(broken[start : start + length]))
    elif how == "splice":
        broken = bytearray(data[: draw.randrange(1, len(data))] + other[draw.randrange(len(other)) :])
    elif how == "insert":
        at = draw.randrange(len(broken))
        broken[at:at] = draw.randbytes(draw.randint(1, 4000))
    else:
        a, b = sorted(draw.sample(range(len(broken)), 2))
        broken = broken[:a] + broken[b:] + broken[a:b]
    return how, bytes(broken)


def fuzz(count: int, *, seed: int = 0) -> Outcome:
    """Probe and decode `count` damaged files with the operators of a run."""
    draw = random.Random(seed)
    outcome = Outcome()
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with tempfile.TemporaryDirectory(prefix="longcap-fuzz-") as name:
        folder = Path(name)
        sources = {}
        for file, how in _SOURCES.items():
            render(folder / file, count=_IMAGES, **how)
            sources[file] = (folder / file).read_bytes()
        limits: dict[str, Any] = {"no_progress_s": _LIMIT_S, "cpu_limit_s": _LIMIT_S}
        with Probe(**limits).open() as probe, Decode(**limits, fps=2.0).open() as decode:
            for number in range(count):
                file = draw.choice(list(sources))
                how_broken, broken = mutate(sources[file], sources[draw.choice(list(sources))], draw)
                path = folder / f"{number}-{file}"
                path.write_bytes(broken)
                _one(f"{number} {file} {how_broken}", path, probe, decode, outcome)
                path.unlink()
    outcome.left = len({child.pid for child in psutil.Process().children(recursive=True)} - before)
    return outcome


def _one(label: str, path: Path, probe: Any, decode: Any, outcome: Outcome) -> None:
    began_s, attempts = time.monotonic(), 1
    try:
        row = probe({"uri": str(path)})
        end_s = min(row["duration_s"], 600.0)  # a damaged header may claim years; a segment is two minutes
        span = {"start_s": 0.0, "end_s": end_s, "decode_start_s": 0.0, "decode_end_s": end_s}
        row = decode({**row, **span})
        facts = row["decode"]
        attempts = facts["attempts"]
        whole = not facts["missing"] and not facts["damaged_packets"]
        outcome.counts["whole" if whole else "in part"] += 1
        if not row["images"] or not 0 < facts["decoded_s"] <= end_s + 1e-6:
            outcome.odd.append(f"{label}: {len(row['images'])} frames, {facts['decoded_s']} of {end_s} s")
    except ItemError as error:
        attempts = error.attempts
        outcome.counts[error.failure_class] += 1
        if error.failure_class in ("internal", "storage"):
            outcome.odd.append(f"{label}: {error}")
    except Exception as error:
        outcome.odd.append(f"{label}: {type(error).__name__}: {error}")
    took_s = time.monotonic() - began_s
    outcome.slowest_s = max(outcome.slowest_s, took_s)
    if took_s > attempts * (_LIMIT_S + _OVER_S) + _LIMIT_S + _OVER_S:
        outcome.late.append(f"{label}: {took_s:.1f} s, {attempts} attempts")
