"""Measure the accuracy of the lines of `listen`: errors of starts and ends, for files with various time stamps.

    python -m bench.lines --clips 4

Each clip has six sentences of espeak-ng at random times, by random voices (a woman or a man, five languages, four
speeds). Sentences without a line and lines without a sentence are counted; needs espeak-ng.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import imageio_ffmpeg
import numpy as np

from operators.core.registry import make
from operators.video.facts import probe
from tests.support.speech import Sound, ends, mixed, spoken, write_clip

_SENTENCES = {
    "en-us": [
        "The quick brown fox jumps over the lazy dog.",
        "Hello everybody, and welcome to this talk.",
        "Thank you.",
    ],
    "de": ["Gestern Abend gingen wir am alten Hafen entlang.", "Guten Morgen, wie geht es Ihnen heute?"],
    "fr-fr": ["Hier soir nous avons marché le long du vieux port.", "Bonjour à tous et merci d'être venus."],
    "es": ["Ayer por la tarde caminamos junto al puerto viejo.", "Muchas gracias por su atención."],
    "ru": ["Вчера вечером мы гуляли вдоль старой гавани.", "Доброе утро, как у вас дела?"],
}
_VARIANTS = ("", "+f3", "+m2", "+f2")
_CUT_S = 1.3  # span that the edit list skips
_KINDS: dict[str, tuple[str, float, dict[str, Any]]] = {  # name -> file, share of music, writing options
    "silence": ("a.mp4", 0.0, {}),
    "soft music": ("a.mp4", 0.02, {}),
    "music": ("a.mp4", 0.05, {}),
    "loud music": ("a.mp4", 0.1, {}),
    "5.1, 48 kHz": ("a.mp4", 0.02, {"rate_hz": 48000, "channels": "5.1"}),
    "late track": ("a.mp4", 0.0, {"delays_s": [1.5]}),
    "late clock and track": ("a.mkv", 0.0, {"first_pts_s": 4.0, "delays_s": [1.5]}),
    "TS, 44.1 kHz": ("a.ts", 0.0, {"first_pts_s": 3.0, "rate_hz": 44100, "channels": "stereo"}),
    "edit list, 44.1 kHz": ("a.mp4", 0.0, {"rate_hz": 44100, "channels": "stereo", "fps": 25}),
}


def script(draw: Random) -> tuple[list[tuple[float, Sound]], float]:
    """Return six sentences with their times, and the length of the clip in s."""
    at_s, said = 2.0 + draw.random(), []
    for _ in range(6):
        language = draw.choice(list(_SENTENCES))
        text, voice = draw.choice(_SENTENCES[language]), language + draw.choice(_VARIANTS)
        one = spoken(text, voice=voice, speed=draw.choice((110, 130, 160, 190)), pitch=draw.choice((30, 50, 70)))
        said.append((at_s, one))
        at_s += len(one) / 16_000 + draw.uniform(0.8, 4.0)
    return said, at_s + 1.0


def listened(kind: str, said: list[tuple[float, Sound]], length_s: float, folder: Path) -> list[tuple[float, float]]:
    """Return the spans of the lines of a clip."""
    name, noise, options = _KINDS[kind]
    path = write_clip(folder / name, [mixed(length_s, said, noise)], length_s=length_s, **options)
    if kind.startswith("edit list"):
        cut = folder / "cut.mp4"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-ss", str(_CUT_S), "-i", str(path)]
        subprocess.run([*command, "-c", "copy", str(cut)], check=True)
        path = cut
    row = {"uri": str(path), "source_version": None, "subtitles_uri": None, **probe(str(path))}
    with make("listen", {}).open() as apply:
        return [(x["start_s"], x["end_s"]) for x in apply(row)["voice"]]


def compared(
    found: Sequence[tuple[float, float]], truth: Sequence[tuple[float, float]]
) -> tuple[list[tuple[float, float]], int, int]:
    """Return errors of start and end per sentence; sentences without a line, and lines without a sentence."""
    errors, used = [], set()
    for low, high in truth:
        near = [k for k, (a, b) in enumerate(found) if min(b, high) > max(a, low) and k not in used]
        if near:
            k = max(near, key=lambda k: min(found[k][1], high) - max(found[k][0], low))
            used.add(k)
            errors.append((found[k][0] - low, found[k][1] - high))
    return errors, len(truth) - len(errors), len(found) - len(used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=4, help="number of clips of each kind")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    print(f"{'':22} sentences  without line  more lines  start, worst  end, worst  median  within 0.3 s")
    for kind in _KINDS:
        errors, lost, more, count = [], 0, 0, 0
        for clip in range(options.clips):
            said, length_s = script(Random(options.seed * 1000 + clip))
            moved_s = _CUT_S if kind.startswith("edit list") else 0.0
            truth = [(a - moved_s, b - moved_s) for a, b in ends(said)]
            with tempfile.TemporaryDirectory() as folder:
                some, no_line, no_sentence = compared(listened(kind, said, length_s, Path(folder)), truth)
            errors += some
            lost, more, count = lost + no_line, more + no_sentence, count + len(truth)
        off = np.array(errors).reshape(-1, 2)
        worst = off[np.abs(off).argmax(0), [0, 1]] if len(off) else (np.nan, np.nan)
        within = float((np.abs(off).max(1) <= 0.3).mean()) if len(off) else 0.0
        print(
            f"{kind:22} {count:9d} {lost:13d} {more:11d} {worst[0]:+13.2f} {worst[1]:+11.2f} "
            f"{np.median(np.abs(off)) if len(off) else np.nan:7.2f} {within:13.0%}"
        )


if __name__ == "__main__":
    main()
