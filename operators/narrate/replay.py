"""Reconstruction of the prompt of a section from stored rows.

An output stores the hash of a section's prompt, not its text. The rows contain the prompt's values except two: the
requested number of words, which depends on earlier answers, and how much of the preceding text fitted. Candidates are
therefore rendered one after another, and the hash identifies the one that the model got. If captions were condensed to
fit the model's context, none of them matches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

from operators.analysis.facts import Facts
from operators.audio.heard import Heard
from operators.core.base import ItemError, Row
from operators.core.grid import Grid
from operators.engines.base import EngineSpec, Generation, Request, RunningEngine
from operators.evidence.evidence import Evidence
from operators.language.sentences import split_sentences
from operators.narrate.asking import Asking
from operators.narrate.grounding.toolkit import Toolkit
from operators.narrate.length import FEWEST_ASKED, HIGHEST, LOWEST
from operators.narrate.narrate import Narrate
from operators.narrate.narrator import PLAN_WORDS, Narrator
from operators.narrate.rows import numbered
from operators.narrate.whole import Cells
from operators.prompts import Prompt

_MOST_CONTEXT = 40  # maximum number of sentences of preceding text in a prompt
_BLANK = 987654321  # a number of words that does not occur in prompts


@dataclass(frozen=True, kw_only=True)
class Replayed(EngineSpec):
    """A placeholder for the model that wrote the sections; it answers no requests."""

    version = 1

    @property
    def model_id(self) -> str:
        return "replayed"

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        yield _Silent()


class _Silent(RunningEngine):
    def submit(self, request: Request) -> Future[Generation]:  # noqa: ARG002  # it asks nobody
        future: Future[Generation] = Future()
        future.set_exception(ItemError("engine", "a replay asks no model"))
        return future


def section_prompts(
    prompt: Prompt,
    number: int,
    sections: Sequence[Row],
    windows: Sequence[Row],
    frames: Sequence[Row],
    *,
    cells: Cells,
    grid: Grid,
    facts: Facts,
    heard: Heard | None,
    toolkit: Toolkit,
    language: str,
) -> Iterator[str]:
    """The possible texts of the prompt of a section, the most likely first.

    Args:
        prompt: the template.
        number: index of the section in `sections`.
        sections: all of the caption, values of `structs.SECTION`.
        windows: valid windows of the section, values of `structs.WINDOW_CAPTION` as the narrator read them.
        frames: valid frame captions of these windows' segments.
        cells: of the windows.
        facts: of the video; heard: its speech, None where the narrator read none.
        toolkit: that the narrator compared captions with.
    """
    options = Narrate(engine=Replayed(), language=language)
    asking = Asking(
        narrate=options,
        engine=_Silent(),
        gates=(),
        prompts={"section": prompt},
        grid=grid,
        facts=facts,
        seed=0,
        evidence=Evidence(heard=heard) if heard is not None else None,
        embed=toolkit.embed,
    )
    part = Narrator(asking=asking, cells=cells, toolkit=toolkit).part(list(windows), frames)
    section = sections[number]
    planned = all(s["topic"] for s in sections)
    plan = [
        {"start_s": s["start_s"], "end_s": s["end_s"], "topic": " ".join(s["topic"].split()[:PLAN_WORDS])}
        for s in (sections if planned else ())
    ]
    wanted = section["wanted_words"]
    for told in _text_so_far(sections[max(0, number - 2) : number]):
        text = asking.render(
            "section",
            part.span,
            topic=section["topic"],
            plan=plan,
            number=number + 1,
            told=told,
            more="",
            words=_BLANK if wanted else None,
            notes=numbered(part.notes, part.details),
            details=[n.text for n in part.details],
        )
        if not wanted:
            yield text
            continue
        yield from (text.replace(str(_BLANK), str(words)) for words in _asked(wanted))


def _text_so_far(before: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """Ends of the text so far: all that two sections hold first, then less by whole sentences."""
    text = " ".join(str(sentence["text"]) for section in before for sentence in section["sentences"] or ())  # type: ignore[attr-defined]
    sentences = split_sentences(text)[-_MOST_CONTEXT:]
    for k in range(len(sentences) + 1):
        yield " ".join(sentences[k:])


def _asked(wanted: int) -> list[int]:
    """Possible requested numbers of words for this wanted number, the nearest first."""
    low, high = max(FEWEST_ASKED, int(wanted / HIGHEST)), max(FEWEST_ASKED, round(wanted / LOWEST))
    return sorted(range(low, high + 1), key=lambda words: abs(words - wanted))
