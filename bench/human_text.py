"""Timed descriptions of the same videos by two people, as window captions and as sentences about the same spans."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from operators.core.grid import Grid, Span
from operators.narrate.sections import plan_sections

WINDOW_S, STRIDE_S, SECTION_S = 10.0, 5.0, 60.0


@dataclass(frozen=True)
class Said:
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Video:
    video: str
    duration_s: float
    first: tuple[Said, ...]
    second: tuple[Said, ...]


@dataclass(frozen=True)
class Section:
    """A section of a video: captions by one person, sentences about it by both.

    Attributes:
        captions: window_index -> its captions.
        spans: window_index -> its span.
        own: sentences that are captions there; other: sentences of the other person.
    """

    video: str
    captions: dict[int, list[str]]
    spans: dict[int, Span]
    own: tuple[Said, ...]
    other: tuple[Said, ...]

    @property
    def words(self) -> int:
        """Return the captions as in a prompt: captions in two windows count twice."""
        return sum(len(t.split()) for texts in self.captions.values() for t in texts)


def read(folder: Path) -> list[Video]:
    """Return all videos in the .jsonl files of a folder, or in one file."""
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else [folder]
    rows = [json.loads(line) for f in files for line in f.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [
        Video(
            r["video"],
            float(r["duration_s"]),
            *(
                tuple(Said(float(s["start_s"]), float(s["end_s"]), " ".join(s["text"].split())) for s in r[who])
                for who in ("first", "second")
            ),
        )
        for r in rows
    ]


def halves(videos: Sequence[Video]) -> tuple[list[Video], list[Video]]:
    """Split the videos into two halves, for fitting and for reporting."""
    return list(videos[::2]), list(videos[1::2])


def sections(video: Video) -> Iterator[Section]:
    """Return the sections of a video as a narrator gets them: windows of 10 s every 5 s, sections of about a minute."""
    grid = Grid(video.duration_s, WINDOW_S, STRIDE_S)
    for span in plan_sections(grid, [], SECTION_S):
        owned = [k for k in range(grid.window_count) if span.start_s <= grid.owned(k).start_s < span.end_s]
        spans = {k: grid.window(k) for k in owned}
        captions = {k: [s.text for s in video.first if _overlap(s, w) > 0] for k, w in spans.items()}
        captions = {k: texts for k, texts in captions.items() if texts}
        if captions:
            yield Section(
                video.video,
                captions,
                {k: spans[k] for k in captions},
                tuple(s for s in video.first if any(s.text in texts for texts in captions.values()) and _mid(s, span)),
                tuple(s for s in video.second if _mid(s, span)),
            )


def lengthened(section: Section, others: Sequence[Video], words: int, rng: random.Random) -> tuple[Section, set[str]]:
    """Add sentences of other videos to the windows of a section until it has `words` different words.

    Returns:
        The section, and the videos of its captions.
    """
    captions = {k: list(texts) for k, texts in section.captions.items()}
    used = {section.video}
    unique = {t for texts in captions.values() for t in texts}
    places = sorted(captions)
    while sum(len(t.split()) for t in unique) < words:
        video = rng.choice(others)
        if video.video in used:
            continue
        used.add(video.video)
        for k, said in enumerate(video.first):
            unique.add(said.text)
            captions[places[k * len(places) // len(video.first)]].append(said.text)
    return Section(section.video, captions, section.spans, section.own, section.other), used


def _overlap(said: Said, span: Span) -> float:
    return min(said.end_s, span.end_s) - max(said.start_s, span.start_s)


def _mid(said: Said, span: Span) -> bool:
    return span.start_s <= (said.start_s + said.end_s) / 2 < span.end_s
