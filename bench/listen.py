"""Measure the cost of `listen` without a recogniser: CPU seconds per hour for decoding, voice and music detection.

    python -m bench.listen --minutes 120

The sound is speech of espeak-ng over varying chords, 48 kHz stereo AAC; the start of the process is measured on
a clip of two seconds and subtracted.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path

from operators.core.registry import make
from operators.video.facts import probe
from tests.support.speech import mixed, spoken, write_clip

_TEXTS = (
    "The quick brown fox jumps over the lazy dog near the river.",
    "Yesterday evening we walked along the old harbour and watched the ships.",
    "Hello everybody and welcome to this talk.",
)
_EVERY_S = 7.5


def clip(path: Path, seconds: float) -> Path:
    """Write sound with speech in half of the time."""
    said = [(k * _EVERY_S + 1, spoken(_TEXTS[k % len(_TEXTS)])) for k in range(int(seconds // _EVERY_S))]
    sound = mixed(seconds, said, 0.02)
    return write_clip(path, [sound], length_s=seconds, fps=1, rate_hz=48_000, channels="stereo")


def listened(path: Path) -> tuple[float, dict[str, float]]:
    """Return the CPU seconds of this process and its children, and the shares in the row."""
    row = {"uri": str(path), "source_version": None, "subtitles_uri": None, **probe(str(path))}
    before = _cpu_s()
    with make("listen", {}).open() as apply:
        found = apply(row)
    shares = {name: found[name] for name in ("speech_share", "silence_share", "music_share")}
    return _cpu_s() - before, shares


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start, _ = listened(clip(Path(folder, "short.mp4"), 2.0))
        whole, shares = listened(clip(Path(folder, "long.mp4"), 60 * options.minutes))
    an_hour = (whole - start) * 60 / options.minutes
    print(f"{options.minutes:g} min: {whole - start:.1f} CPU s, {an_hour:.1f} an hour; {start:.1f} to start")
    print(", ".join(f"{name} {value:.2f}" for name, value in shares.items()))


if __name__ == "__main__":
    main()
