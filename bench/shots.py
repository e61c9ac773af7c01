"""Measure hard cuts: recall and precision.

    python -m bench.shots                      # on rendered film: cuts, fades, dissolves, flashes, fast pans, slides
    python -m bench.shots --media FOLDER       # on real clips with their cuts in a manifest.json, clip by clip
    python -m bench.shots --weights FILE …     # either by TransNet V2 with these weights
    python -m bench.shots --references …       # either by thumbnails of reference frames

Thresholds (`operators.analysis.cuts`) are set only on the rendered film; the real clips are the test.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from operators.analysis.facts import Facts
from operators.analysis.measure import Measure
from operators.core.base import ItemError
from operators.video.decode import Decode
from operators.video.facts import probe
from tests.support.scenes import HEIGHT, RGB, WIDTH, Scene, Thing, Words, plain, render, texture

COLOURS = [c for c in RGB if c != "black"]


@dataclass
class Score:
    """Hits, missed cuts and false cuts; times in seconds."""

    hits: int = 0
    missed: list[float] = field(default_factory=list)
    extra: list[float] = field(default_factory=list)

    def add(self, other: Score) -> None:
        self.hits += other.hits
        self.missed += other.missed
        self.extra += other.extra

    @property
    def precision(self) -> float:
        return self.hits / max(1, self.hits + len(self.extra))

    @property
    def recall(self) -> float:
        return self.hits / max(1, self.hits + len(self.missed))


def match(found: Sequence[float], truth: Sequence[float], tolerance_s: float) -> Score:
    """Match found and true cuts one to one, nearest first."""
    score, left = Score(), sorted(found)
    for cut in truth:
        near = min(left, key=lambda f: abs(f - cut), default=None)
        if near is not None and abs(near - cut) <= tolerance_s + 1e-3:
            left.remove(near)
            score.hits += 1
        else:
            score.missed.append(cut)
    score.extra = left
    return score


def decoder(weights: Path | None, *, references: bool) -> Decode:
    """Return the detector: TransNet V2 if weights are given."""
    if weights is not None:
        return Decode(fps=0.5, shots="transnetv2", shots_weights=str(weights.resolve()))
    return Decode(fps=0.5, signals_from="references" if references else "frames")


def measured(path: Path, decoding: Decode) -> tuple[Facts, float]:
    """Return the facts of a file, and the duration of one frame in seconds."""
    facts = probe(str(path))
    span = {"start_s": 0.0, "end_s": facts["duration_s"]}
    row: dict[str, Any] = {"uri": str(path), "subtitles_uri": None, "subtitle_lines": None, **facts, **span}
    row |= {"decode_start_s": 0.0, "decode_end_s": facts["duration_s"]}
    with decoding.open() as decode, Measure().open() as measure:
        return Facts.parse(measure(decode(row))["facts"]), 1 / (facts["fps"] or 25.0)


def cuts_of(facts: Facts) -> list[float]:
    return [t.start_s for t in facts.transitions or () if t.kind == "cut"]


# -- rendered film ---------------------------------------------------------------------------------------------------


def slide(draw: random.Random, template: np.ndarray[Any, Any]) -> Scene:
    """Return a slide with the template of its deck; its lines appear one by one, which is not a cut."""
    seconds = draw.choice([1.6, 2.4, 3.2])
    words = [Words(text=_text(draw, 12), at=(0.08, 0.1), size=0.8, colour="black")]
    for k in range(draw.randint(1, 5)):
        words.append(
            Words(
                text=_text(draw, 22),
                at=(0.08, 0.2 + 0.07 * k),
                size=0.5,
                colour="black",
                from_s=draw.choice([0.0, 0.0, seconds / 2]),
            )
        )
    if draw.random() < 0.5:
        at = (draw.uniform(0.5, 0.9), draw.uniform(0.2, 0.45))
        return Scene(
            seconds=seconds,
            canvas=template,
            words=tuple(words),
            things=(
                Thing(
                    colour=draw.choice(COLOURS), shape=draw.choice(["disc", "box"]), size=draw.uniform(0.1, 0.3), at=at
                ),
            ),
            note="slide",
        )
    return Scene(seconds=seconds, canvas=template, words=tuple(words), note="slide")


def scene(draw: random.Random, seed: int) -> Scene:
    """Return another shot: still, moving, shaking, with a crossing object, flashing, dark, plain."""
    colours = draw.sample(COLOURS, draw.randint(2, 3))
    kind = draw.choice(
        [
            "still",
            "pan",
            "fast pan",
            "zoom",
            "shake",
            "thing",
            "big",
            "flash",
            "dark",
            "plain",
            "light",
            "lamp",
            "chaos",
            "chaos",
            "bump",
            "title",
            "title",
        ]
    )
    canvas = texture(*colours, seed=seed, width=5 * WIDTH, grain=draw.uniform(0.2, 0.6))
    enter = draw.choices(["cut", "fade", "dissolve"], [7, 1, 2])[0]
    seconds = draw.choice([1.2, 1.6, 2.0, 2.8]) + (1.0 if enter != "cut" else 0.0)
    how: dict[str, Any] = {"seconds": seconds, "canvas": canvas, "enter": enter, "note": kind}
    how |= {"dark": {"light": (0.25, 0.25)}}.get(kind, {})
    how["change_s"] = draw.choice([0.5, 0.75, 1.0])
    how["leave"] = draw.choices(["cut", "fade"], [9, 1])[0]
    if kind == "pan":
        how["pan"] = draw.uniform(-0.15, 0.15)
    elif kind == "fast pan":
        how["pan"] = draw.choice([-1, 1]) * draw.uniform(0.3, 1.0)
    elif kind == "zoom":
        how["zoom"] = draw.choice([-1, 1]) * draw.uniform(0.05, 0.4)
    elif kind == "shake":
        how["shake"] = draw.uniform(0.005, 0.02)
    elif kind in ("thing", "big"):
        size = draw.uniform(0.08, 0.2) if kind == "thing" else draw.uniform(0.4, 0.7)
        how["things"] = (
            Thing(
                colour=draw.choice(COLOURS),
                shape=draw.choice(["disc", "box"]),
                size=size,
                at=(draw.uniform(-0.2, 0.2), 0.28),
                speed=(draw.uniform(0.1, 1.2), 0.0),
            ),
        )
    elif kind == "title":  # words that appear and vanish over an almost still frame
        from_s = draw.uniform(0.3, seconds / 2)
        how["words"] = (
            Words(
                text=_text(draw, 14),
                at=(draw.uniform(0.03, 0.3), draw.uniform(0.1, 0.52)),
                size=draw.uniform(0.6, 1.1),
                panel=draw.choice([None, "black", *COLOURS]),
                from_s=from_s,
                to_s=draw.choice([from_s + 0.6, 1e9]),
            ),
        )
        how["pan"] = draw.choice([0.0, 0.0, 0.02])
    elif kind == "flash":
        how["flashes_s"] = tuple(sorted(draw.uniform(0.3, seconds - 0.4) for _ in range(draw.randint(1, 2))))
    elif kind == "plain":
        how["canvas"] = plain(draw.choice(COLOURS))
    elif kind == "lamp":
        how["lamps"] = ((draw.uniform(0.3, seconds - 0.4), draw.choice([0.45, 0.6, 1.5])),)
    elif kind == "chaos":  # nothing stays in place for two frames, as in a fight
        how["shake"] = draw.uniform(0.06, 0.15)
        how["things"] = tuple(
            Thing(
                colour=draw.choice(COLOURS),
                shape=draw.choice(["disc", "box"]),
                size=draw.uniform(0.2, 0.5),
                at=(draw.uniform(-0.3, 1.0), draw.uniform(0.1, 0.5)),
                speed=(draw.uniform(-2, 2), draw.uniform(-1, 1)),
            )
            for _ in range(3)
        )
    elif kind == "bump":  # an object passes close to the lens
        how["things"] = (
            Thing(
                colour=draw.choice(COLOURS),
                shape="box",
                size=draw.uniform(0.8, 1.3),
                at=(-1.5, 0.28),
                speed=(draw.uniform(2.0, 5.0), 0.0),
            ),
        )
    elif kind == "light":
        how["light"] = (draw.uniform(0.4, 1.0), draw.uniform(0.6, 1.2))
    return Scene(**how)


def reel(seed: int, count: int) -> list[Scene]:
    """Return `count` shots; every third reel is a talk with slides."""
    draw = random.Random(seed)
    if seed % 3 == 2:
        template = np.full((3 * HEIGHT, 3 * WIDTH, 3), draw.choice([255, 245, 235]), np.uint8)
        cv2.rectangle(template, (WIDTH, HEIGHT), (2 * WIDTH, HEIGHT + 8), RGB[draw.choice(COLOURS)], -1)
        return [slide(draw, template) for _ in range(count)]
    return [scene(draw, 1000 * seed + k) for k in range(count)]


def _text(draw: random.Random, length: int) -> str:
    return "".join(draw.choice("abcdefghiklmnoprstuvw  ") for _ in range(draw.randint(length // 2, length))).strip()


def rendered(reels: int, shots: int, decoding: Decode) -> Iterator[tuple[str, Score, int, Facts, Any]]:
    """Return the score of each reel, its number of changes of any kind, the found cuts, and the true cuts."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(reels):
            path = Path(folder) / "reel.mp4"
            truth = render(
                path, reel(seed, shots), fps=(24, 30, 25)[seed % 3], size=(640, 360) if seed % 2 else (WIDTH, HEIGHT)
            )
            facts, frame_s = measured(path, decoding)
            events = len(truth.cuts_s) + len(truth.fades_s) + len(truth.dissolves_s) + len(truth.flashes_s)
            yield f"reel {seed}", match(cuts_of(facts), truth.cuts_s, frame_s), events, facts, truth


# -- real clips ------------------------------------------------------------------------------------------------------


def real(media: Path, decoding: Decode) -> Iterator[tuple[str, Score, Facts, list[Any]]]:
    """Return the score of each decodable clip of a manifest, the found cuts, and the true gradual changes."""
    for clip in json.loads((media / "manifest.json").read_text())["clips"]:
        try:
            facts, frame_s = measured(media / clip["file"], decoding)
        except ItemError:
            continue
        yield clip["file"], match(cuts_of(facts), clip["cuts_s"], frame_s), facts, clip["gradual_s"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, help="folder of clips with their cuts in a manifest.json")
    parser.add_argument("--reels", type=int, default=15, help="rendered reels")
    parser.add_argument("--shots", type=int, default=45, help="shots per reel")
    parser.add_argument("--weights", type=Path, help="TransNet V2's state dict for PyTorch; without it the thumbnails")
    parser.add_argument("--references", action="store_true", help="thumbnails of reference frames only")
    options = parser.parse_args()
    decoding = decoder(options.weights, references=options.references)
    total, events = Score(), 0
    if options.media is None:
        for name, score, count, _, _ in rendered(options.reels, options.shots, decoding):
            total.add(score)
            events += count
            print(f"{name:10} {_line(score)}", flush=True)
        print(f"{events} cuts, fades, dissolves and flashes in all")
    else:
        for name, score, facts, gradual in real(options.media, decoding):
            total.add(score)
            slow = [
                (t.kind, round(t.start_s, 2), round(t.end_s, 2)) for t in facts.transitions or () if t.kind != "cut"
            ]
            if score.hits or score.missed or score.extra or gradual or slow:
                print(
                    f"{name:34} {_line(score)}" + (f"  gradual {slow} of {gradual}" if gradual or slow else ""),
                    flush=True,
                )
    print(f"hard cuts at one frame: precision {total.precision:.3f}, recall {total.recall:.3f} ({_line(total, False)})")


def _line(score: Score, times: bool = True) -> str:
    summary = f"{score.hits} found, {len(score.missed)} missed, {len(score.extra)} not there"
    if times and score.missed:
        summary += f"; missed {[round(t, 2) for t in score.missed]}"
    if times and score.extra:
        summary += f"; not there {[round(t, 2) for t in score.extra]}"
    return summary


if __name__ == "__main__":
    main()
