"""Evaluate the model per attribute, with the whole pipeline and the real vLLM engine.

    python -m tests.support.seeing.evaluate [--model FOLDER] [--minutes 20] [--split heldout]

Stories are rendered to H.264, decoded, and shown to the model in windows of 10 s; each event is searched for in the
window in whose middle it happens. In `heldout` stories most actions of shapes are a combination of colour, shape and
motion that no training story has, and only those count.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from operators.core.base import Row
from operators.core.grid import Grid
from pipeline.evaluation.exam import CHECKPOINT
from pipeline.evaluation.exam.events import Event, held_out
from pipeline.evaluation.exam.exam import Exam
from pipeline.evaluation.exam.frames import write_video
from pipeline.evaluation.exam.language import read_caption
from pipeline.evaluation.exam.story import Story, write_story
from pipeline.execution.api import run

STORY_S = 300


def attributes(event: Event) -> dict[str, Any]:
    """Return the attributes of an event by name; motion is action and direction."""
    colour, shape = event.who.split() if event.who else (None, None)
    seen = {"colour": colour, "shape": shape, "size": event.size}
    if event.kind in ("cut", "fade"):
        seen |= {"change": event.kind, "background": event.where}
    elif event.kind == "word":
        seen["word"] = event.where
    elif event.kind in ("pan", "zoom"):
        seen["camera"] = (event.kind, event.where)
    elif event.kind in ("night", "day"):
        seen["light"] = event.kind
    else:
        seen["motion"] = (event.kind, event.where)
    if event.whom:
        seen["met"] = event.whom
    return {k: v for k, v in seen.items() if v is not None}


def compare(true: Sequence[Event], told: Sequence[Event]) -> list[dict[str, bool]]:
    """Return for each true event which of its attributes the most similar described event has."""
    left = list(told)
    marks = []
    for event in sorted(true, key=lambda e: -max((_alike(e, t) for t in left), default=0)):
        best = max(left, key=lambda t: _alike(event, t), default=None)
        if best is not None and _alike(event, best):
            left.remove(best)
            seen = attributes(best)
        else:
            seen = {}
        marks.append({k: seen.get(k) == v for k, v in attributes(event).items()})
    return marks


def _alike(a: Event, b: Event) -> int:
    one, other = attributes(a), attributes(b)
    return sum(other.get(k) == v for k, v in one.items()) + 10 * (a.what == b.what)


def middle_window(event: Event, grid: Grid) -> int:
    """Return the window in whose middle the event is."""
    return max(0, min(grid.window_count - 1, round((event.middle_s - 4.5) / grid.stride_s)))


def score(stories: dict[str, Story], windows: dict[str, list[Row]], counts: Any) -> dict[str, tuple[float, int]]:
    """Return attribute -> (share right, count); `all` means an event with every attribute right."""
    right: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for name, story in stories.items():
        grid = Grid(story.seconds)
        told = {w["window_index"]: list(read_caption(w["text"])) for w in windows[name]}
        by_window: dict[int, list[Event]] = {}
        for event in story.events:
            by_window.setdefault(middle_window(event, grid), []).append(event)
        for k, events in by_window.items():
            counted = [e for e in events if counts(e)]
            others = [e for e in events if not counts(e)]
            free = [t for t in told.get(k, []) if t.what not in {e.what for e in others}]
            for marks in compare(counted, free):
                for what, good in (*marks.items(), ("all", all(marks.values()))):
                    number[what] += 1
                    right[what] += good
    return {k: (round(right[k] / number[k], 4), number[k]) for k in sorted(number)}


def evaluate(model: Path, minutes: int, split: Any, folder: Path) -> dict[str, Any]:
    stories = {f"s{k}": write_story(STORY_S, 700_000 + k, split) for k in range(-(-minutes * 60 // STORY_S))}
    for name, story in stories.items():
        write_video(story, folder / f"{name}.mp4")
    config = Exam(folder=folder, buckets={}, model=model).seeing("none", "measure")
    files = [str(folder / f"{name}.mp4") for name in stories]
    result = run(files, str(folder / "out"), config, quiet=True)
    uris = {Path(r["uri"]).stem: r["video_id"] for r in result.to_arrow().select(["uri", "video_id"]).to_pylist()}
    windows = {name: [w for s in result.captioned(uris[name]) for w in s["windows"]] for name in stories}
    seen = score(stories, windows, _held if split == "heldout" else lambda _: True)
    return {"split": split, "windows": sum(map(len, windows.values())), **seen}


def _held(event: Event) -> bool:
    return event.who is not None and held_out(event.who, event.kind, event.where)


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure what the exam's model sees.")
    parser.add_argument("--model", type=Path, default=CHECKPOINT)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--split", choices=["any", "heldout"], default="heldout")
    args = parser.parse_args(None if arguments is None else list(arguments))
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(evaluate(args.model.absolute(), args.minutes, args.split, Path(folder)), indent=1))


if __name__ == "__main__":
    main()
