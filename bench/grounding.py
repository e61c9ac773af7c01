"""Measure grounding on real human text: the share of true sentences that is kept, and of false ones that pass.

    python -m bench.grounding [FOLDER]                  # figures on the held-out half
    python -m bench.grounding [FOLDER] --all            # on all videos, for a folder that was not used for fitting
    python -m bench.grounding [FOLDER] --fit            # fit weights and thresholds on the other half, write them
    python -m bench.grounding [FOLDER] --curve          # and the operating curve, as a table for docs/grounding.md

FOLDER has .jsonl files with one video per line: video, duration_s, first, second (two people's sentences, each with
start_s, end_s, text). One person's sentences are window captions; the other's are independent true sentences about the
same spans.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.human_text import Section, Video, halves, lengthened, read, sections
from bench.rewordings import WRONG, reworded, spliced
from operators.language.sentences import split_sentences
from operators.narrate.grounding.alike import Alike
from operators.narrate.grounding.ground import Ground, Sentence
from operators.narrate.grounding.toolkit import Toolkit
from operators.narrate.notes import Note, once, quoted

DEFAULT = Path("../shared/human-text")
LONG_WORDS = 250
GOALS: dict[str, tuple[str, float]] = {
    "true, reworded": ("≥", 97), "true, reworded, whole": ("≥", 97), "true, independent": ("≥", 55),
    "another video's": ("≤", 3),
    "spliced addition": ("≤", 5), "negation": ("≤", 5), "colour": ("≤", 5), "count": ("≤", 5),
    "subject and object": ("≤", 25), "right window first": ("≥", 75),
}  # fmt: skip
LONG_GOALS: dict[str, tuple[str, float]] = {
    "true, reworded": ("≥", 90),
    "true, independent": ("≥", 90),
    "another video's": ("≤", 10),
}
OVERLAP_GOALS: dict[str, tuple[str, float]] = {
    "same event narrated twice": ("≤", 10), "different events merged": ("≤", 0.5),
    **{f"opposite merged: {name}": ("≤", 0.5) for name in WRONG},
}  # fmt: skip


@dataclass
class Share:
    hits: int = 0
    of: int = 0

    def add(self, hit: bool) -> None:
        self.hits += hit
        self.of += 1

    @property
    def percent(self) -> float:
        return 100 * self.hits / self.of if self.of else float("nan")


@dataclass
class Figures:
    shares: dict[str, Share] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, what: str, hit: bool, example: str = "") -> None:
        self.shares.setdefault(what, Share()).add(hit)
        wrong = hit != what.startswith(("true", "right"))
        if wrong and example:
            self.examples.setdefault(what, []).append(example)


@dataclass(frozen=True)
class Place:
    """A section with its ground, and the videos of its captions."""

    section: Section
    ground: Ground
    videos: frozenset[str]


def places(videos: Sequence[Video], toolkit: Toolkit, layout: str, seed: int = 5) -> Iterator[Place]:
    """short: all sections; long: those with 250 words in windows; mixed: all, with captions of other videos added."""
    rng = random.Random(seed)
    for video in videos:
        for section in sections(video):
            used = {video.video}
            made = section
            if layout == "long" and section.words < LONG_WORDS:
                continue
            if layout == "mixed":
                made, used = lengthened(section, videos, LONG_WORDS, rng)
            yield Place(made, Ground(made.captions, made.spans, toolkit), frozenset(used))


def kept(made: Sequence[Sentence], text: str) -> bool:
    """Return whether at least half of the words of `text` are kept."""
    return 2 * sum(len(s.text.split()) for s in made if s.windows) >= len(text.split())


def standing(made: Sequence[Sentence]) -> str:
    return " ".join(s.text for s in made if s.windows)


def measure(videos: Sequence[Video], toolkit: Toolkit, layout: str, seed: int = 7) -> Figures:
    figures, rng = Figures(), random.Random(seed)
    everything = [s.text for v in videos for s in (*v.first, *v.second)]
    of_video = {v.video: {s.text for s in (*v.first, *v.second)} for v in videos}
    for place in places(videos, toolkit, layout):
        ground, section = place.ground, place.section
        known = set().union(*(of_video[v] for v in place.videos))
        strange = _drawing(everything, known, rng)
        for said in section.own:
            text = reworded(said.text, rng)
            made = ground.sentences(text)
            figures.add("true, reworded", kept(made, text), f"{said.text} -> {text} | {standing(made)}")
            figures.add("true, reworded, whole", all(s.windows and not s.cut for s in made))
            right = {k for k, texts in section.captions.items() if said.text in texts}
            figures.add("right window first", ground.ranked(text)[0] in right, text)
            for name, wrong in WRONG.items():
                false = wrong(said.text, rng)
                if false is not None and false != said.text:
                    left = standing(ground.sentences(false))
                    figures.add(name, _still_wrong(said.text, false, left), f"{said.text} -> {left}")
            added = strange()
            left = standing(ground.sentences(spliced(said.text, added, rng)))
            figures.add("spliced addition", _words(added)[-3:] == _words(left)[-3:], left)
        for said in section.other:
            made = ground.sentences(said.text)
            figures.add("true, independent", kept(made, said.text), said.text)
            right = {k for k, w in section.spans.items() if w.start_s < said.end_s and w.end_s > said.start_s}
            if right:
                figures.add("right window first, independent", ground.ranked(said.text)[0] in right, said.text)
        for _ in range(2 * (len(section.own) + len(section.other))):
            false = strange()
            made = ground.sentences(false)
            figures.add("another video's", kept(made, false), false)
            figures.add("another video's, any clause", any(s.windows for s in made))
    return figures


def _drawing(everything: Sequence[str], known: set[str], rng: random.Random) -> Callable[[], str]:
    def draw() -> str:
        while (text := rng.choice(everything)) in known:
            pass
        return text

    return draw


def _words(text: str) -> list[str]:
    return [w.strip(".,!?;:'\"").lower() for w in text.split() if w.strip(".,!?;:'\"")]


def _still_wrong(text: str, false: str, left: str) -> bool:
    """Return whether the error in `false` is still in the remaining text."""
    changed = set(_words(false)) - set(_words(text))
    if changed:
        return bool(changed & set(_words(left)))
    return bool(left) and len(_words(left)) > 0.5 * len(_words(false))


def overlap(videos: Sequence[Video], toolkit: Toolkit, seed: int = 9) -> Figures:
    """Return two overlapping windows with the same event in other words, different events, or opposite ones."""
    figures, rng, alike = Figures(), random.Random(seed), Alike(toolkit)

    def count_kept(one: str, other: str) -> int:
        notes = [
            Note(text=one, start_s=0.0, end_s=10.0, windows=(0,)),
            Note(text=other, start_s=5.0, end_s=15.0, windows=(1,)),
        ]
        return len(quoted(once(notes, alike), alike))

    for video in videos:
        texts = list(dict.fromkeys(s.text for s in video.first if len(split_sentences(s.text)) == 1))
        for k, text in enumerate(texts):
            other = reworded(text, rng)
            if len(split_sentences(other)) == 1:
                figures.add("same event narrated twice", count_kept(text, other) > 1, f"{text} | {other}")
            for before in texts[:k]:
                figures.add("different events merged", count_kept(before, text) < 2, f"{before} | {text}")
            for name, wrong in WRONG.items():
                false = wrong(text, rng)
                if false is not None and false != text and len(split_sentences(false)) == 1:
                    figures.add(f"opposite merged: {name}", count_kept(text, false) < 2, f"{text} | {false}")
    return figures


def show(title: str, figures: Figures, goals: dict[str, tuple[str, float]], examples: int) -> None:
    print(f"\n{title}")
    for what, share in figures.shares.items():
        sign, goal = goals.get(what, ("", 0))
        met = (
            ""
            if not sign
            else ("met" if (share.percent >= goal if sign == "≥" else share.percent <= goal) else "MISSED")
        )
        aim = f"goal {sign} {goal} %  {met}" if sign else ""
        print(f"  {what:34} {share.percent:6.1f} %  of {share.of:5}   {aim}")
        for example in figures.examples.get(what, [])[:examples]:
            print(f"      {example}")


def cost(videos: Sequence[Video], toolkit: Toolkit) -> float:
    """Return CPU seconds per minute of video: sections of about a minute in 120 words, without caches."""
    rng = random.Random(3)
    if toolkit.embed is not None:
        from operators.embedding.sentences import Embedder, model_files
        from operators.narrate.grounding.fitted import centre
        from operators.narrate.grounding.scorers import centred

        toolkit = replace(toolkit, embed=centred(Embedder(*model_files(None)), centre()))  # without caches
    chosen = [s for v in videos for s in sections(v) if len(s.captions) >= 11][:25]
    began = time.process_time()
    minutes = 0.0
    for section in chosen:
        made, _ = lengthened(section, videos, LONG_WORDS, rng)
        ground = Ground(made.captions, made.spans, toolkit)
        texts = [t for some in made.captions.values() for t in some]
        ground.sentences(" ".join(reworded(t, rng) for t in texts[:9]))
        minutes += 1.0
    return (time.process_time() - began) / max(1.0, minutes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--all", action="store_true", help="report on all videos, not only on the held-out half")
    parser.add_argument("--fit", action="store_true", help="fit on the first half and write fitted.json")
    parser.add_argument("--curve", action="store_true", help="print the operating curve")
    parser.add_argument("--scorers", choices=("lexical", "embedding", "both"), default="both")
    parser.add_argument("--rate", type=float, default=0.03, help="narrate.false_pass_rate (default: 0.03)")
    parser.add_argument("--layouts", default="short,long,mixed,overlap,cost", help="which figures, with commas between")
    parser.add_argument("--entailment", help="folder of a natural-language-inference model in ONNX")
    parser.add_argument("--examples", type=int, default=0, help="number of examples of each mistake to print")
    args = parser.parse_args()
    if not args.folder.exists():
        raise SystemExit(f"{args.folder} is not there; name a folder with .jsonl files of two people's sentences")
    videos = read(args.folder)
    first, second = halves(videos)
    for name in ("lexical", "embedding") if args.scorers == "both" else (args.scorers,):
        if args.fit:
            from bench.grounding_fit import fit

            fit(first, name)
        toolkit = chosen_toolkit(name, args.entailment, args.rate)
        chosen = args.layouts.split(",")
        report = videos if args.all else second
        for layout, title, goals in (
            ("short", "captions of one person", GOALS),
            ("long", f"sections whose captions have {LONG_WORDS} words or more, of one video", LONG_GOALS),
            (
                "mixed",
                f"the same with {LONG_WORDS} different words a section, filled up with other videos' captions",
                LONG_GOALS,
            ),
        ):
            if layout in chosen:
                show(f"{name}: {title}", measure(report, toolkit, layout), goals, args.examples)
        if "overlap" in chosen:
            show(f"{name}: two windows that overlap", overlap(report, toolkit), OVERLAP_GOALS, args.examples)
        if "cost" in chosen:
            print(f"\n{name}: {cost(report, toolkit):.2f} CPU s a minute of video")
        if args.curve:
            from bench.grounding_fit import curve

            curve(report, name)


def chosen_toolkit(name: str, entailment: str | None = None, false_pass_rate: float = 0.03) -> Toolkit:
    from operators.narrate.narrate import Narrate

    made = Narrate(grounding=name, entailment=entailment, false_pass_rate=false_pass_rate)  # type: ignore[arg-type]
    return made.toolkit()


if __name__ == "__main__":
    main()
