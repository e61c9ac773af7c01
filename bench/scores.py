"""Measure the cost of `longcap eval` without a judge: CPU seconds of all processes, and seconds, for many captions.

    python -m bench.scores --captions 100000
    python -m bench.scores --captions 3000 --bare          # without references
    python -m bench.scores --captions 1000 --profile       # one process under cProfile

Captions are the scripts of the exam's stories with events removed and things of ImageNet's classes added; references
are the scripts. They are written to `--folder` first, which is not measured.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

import operators.analysis
from operators.core import rows as schemas
from operators.store.store import Store
from pipeline.evaluation.command import score_captions
from pipeline.evaluation.exam.language import sentence
from pipeline.evaluation.exam.story import write_story
from pipeline.evaluation.scores.evaluate import evaluate
from pipeline.evaluation.scores.references import read_references
from pipeline.evaluation.scores.sources import open_captions
from tests.support import rows

_STORIES = 200  # number of scripts; each caption is a rewording of one of them
_AT_ONCE = 2000
_SECTION_S = 60.0


def make(folder: Path, captions: int, minutes: float) -> float:
    """Write an output and `references.jsonl`; return the mean number of words of a caption."""
    draw, seconds = random.Random(0), 60 * minutes
    lines = (Path(operators.analysis.__file__).parent / "imagenet_classes.txt").read_text().splitlines()
    things = [line.split(",")[0].strip() for line in lines]
    stories = [
        [(e.start_s, max(e.end_s, e.start_s + 1), sentence(e)) for e in write_story(seconds, seed).events]
        for seed in range(min(_STORIES, captions))
    ]
    store, words = Store(str(folder / "captions")), 0
    for table in store.tables:
        table.fence()
    with (folder / "references.jsonl").open("w") as references:
        for start in range(0, captions, _AT_ONCE):
            videos, dataset = [], []
            for k in range(start, min(captions, start + _AT_ONCE)):
                true = [
                    (s, e, f"{text[:-1]} beside the {draw.choice(things)}.") for s, e, text in stories[k % len(stories)]
                ]
                events = [{"start": s, "end": e, "text": text} for s, e, text in true]
                references.write(json.dumps({"video_id": f"v{k}", "duration": seconds, "events": events}) + "\n")
                row = _captioned(f"v{k}", [one for one in true if draw.random() < 0.9], seconds, things, draw)
                words += row["words"]
                videos.append(rows.video(f"v{k}", duration_s=seconds))
                dataset.append(row)
            store.videos.append(pa.Table.from_pylist(videos, schema=schemas.VIDEO))
            store.dataset.append(pa.Table.from_pylist(dataset, schema=schemas.LONG_CAPTION))
    store.write_file("longcap.json", b'{"longcap": "output", "contract": 1}\n')
    return words / captions


def _captioned(
    video_id: str, events: list[Any], seconds: float, things: list[str], draw: random.Random
) -> dict[str, Any]:
    sections = []
    for number in range(max(1, round(seconds / _SECTION_S))):
        begin, end = number * _SECTION_S, min(seconds, (number + 1) * _SECTION_S)
        sentences: list[dict[str, Any]] = [
            {"text": f"{text[:-1]}, and a {draw.choice(things)} waits.", "windows": [int(s // 5), int(s // 5) + 1]}
            for s, _, text in events
            if begin <= s < end
        ]
        text = " ".join(s["text"] for s in sentences)
        sections.append(
            rows.section(section_index=number, start_s=begin, end_s=end, text=text, sentences=sentences, windows=[])
        )
    text = "\n\n".join(s["text"] for s in sections)
    long_caption = rows.narrated(video_id, duration_s=seconds, caption=text, words=len(text.split()), sections=sections)
    return {**long_caption, "content_hash": video_id, "run_id": "r"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=5.0, help="length of a video; a minute has about 140 words")
    parser.add_argument("--bare", action="store_true", help="without references")
    parser.add_argument("--profile", action="store_true", help="profile one process")
    parser.add_argument("--folder", help="folder to keep the captions in; existing captions are reused")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(options.folder or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "captions" / "longcap.json").exists():
            words = make(folder, options.captions, options.minutes)
            print(f"{options.captions} captions of {words:.0f} words")
        out, against = str(folder / "captions"), [] if options.bare else [str(folder / "references.jsonl")]
        if options.profile:
            profile = cProfile.Profile(time.process_time)
            profile.enable()
            evaluate(
                open_captions(out), read_references(against) if against else None, f"{scratch}/profiled", workers=1
            )
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(45)
            return
        began, before = time.perf_counter(), os.times()
        data, _ = score_captions(out, against=against, folder=f"{scratch}/scored")
        after = os.times()
        cpu = sum(after[:4]) - sum(before[:4])
        count = data["counts"]["captions"]
        taken = time.perf_counter() - began
        print(f"{count} captions: {taken:.1f} s, {cpu:.1f} CPU s, {1000 * cpu / count:.2f} CPU ms each")


if __name__ == "__main__":
    main()
