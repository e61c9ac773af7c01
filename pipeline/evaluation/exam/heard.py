"""Stories in which a voice says what cannot be seen, captioned and narrated with the spoken lines in the prompts.

One of `PLANTED` events is missing from the captions, and a spoken line at its time describes it. The lines have the
times of the script, since recognising speech is not part of this test. A scripted narrator repeats what it finds in its
prompt; the real chain writes the prompt, cleans and grounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

from operators.audio.lines import SpeechLine
from operators.core.base import Row
from operators.core.grid import Grid
from operators.engines.base import EngineSpec, Generation, Request, RunningEngine
from operators.narrate.narrate import Narrate
from pipeline.evaluation.exam.events import Event
from pipeline.evaluation.exam.language import NOTHING, read_caption, sentence
from pipeline.evaluation.exam.perfect import narration
from pipeline.evaluation.exam.story import Story

PLANTED = 4
Spoken = Callable[[Sequence[SpeechLine]], list[SpeechLine]]

_NOTE = re.compile(r"^\[(\d+)\] \S+ to (\S+): (.*)$", re.MULTILINE)
_LINE = re.compile(r'^- (\S+) to (\S+), heard: "(.*)"$', re.MULTILINE)


def said(story: Story) -> list[Event]:
    """Return the events that cannot be seen."""
    return story.events[2::PLANTED]


def lines_of(story: Story) -> list[SpeechLine]:
    """Return the spoken lines."""
    return [
        SpeechLine(
            start_s=e.start_s, end_s=max(e.end_s, e.start_s + 1), text=sentence(e), language="en", origin="script"
        )
        for e in said(story)
    ]


def left_out(_: Sequence[SpeechLine]) -> list[SpeechLine]:
    """Nobody listens."""
    return []


def shuffled(lines: Sequence[SpeechLine]) -> list[SpeechLine]:
    """Return the same sentences, each at the time of the one half of all lines away."""
    half = len(lines) // 2
    return [replace(line, text=lines[k - half].text) for k, line in enumerate(lines)]


def predicted(
    stories: Mapping[str, Story], grids: Callable[[Story], Grid], spoken: Spoken = list
) -> Iterator[tuple[str, Row]]:
    """Yield the name and long caption of each story.

    Args:
        spoken: changes the lines before they are used.
    """
    with Narrate(engine=Listener(), section_prompt="section_speech", section_s=30.0).open() as narrate:
        for name, story in stories.items():
            seen = [e for k, e in enumerate(story.events) if k % PLANTED != 2]
            row = narration(replace(story, events=seen), grids(story))
            yield name, narrate({**row, "speech": [line.row() for line in spoken(lines_of(story))]})


@dataclass(frozen=True, kw_only=True)
class Listener(EngineSpec):
    """A narrator that repeats the captions and spoken lines of its prompt, each line with the captions of its time."""

    version: ClassVar[int] = 1

    @property
    def model_id(self) -> str:
        return "exam-listener"

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        yield _Listening()


class _Listening(RunningEngine):
    def submit(self, request: Request) -> Future[Generation]:
        future: Future[Generation] = Future()
        future.set_result(Generation(text=" ".join(_answer(request.prompt)) or NOTHING))
        return future


def _answer(prompt: str) -> Iterator[str]:
    notes = [(int(n), _seconds(b), text) for n, b, text in _NOTE.findall(prompt)]
    heard = [((_seconds(a) + _seconds(b)) / 2, text) for a, b, text in _LINE.findall(prompt)]
    before: set[object] = set()
    for number, end_s, text in notes:
        events = list(read_caption(text))
        for said in [sentence(e) for e in events if e.what not in before]:
            yield f"{said.removesuffix('.')} [{number}]."
        before = {e.what for e in events}
        until_s = float("inf") if number == notes[-1][0] else end_s
        for line in (line for at_s, line in heard if at_s < until_s):
            yield f"{line.removesuffix('.')} [{number}]."
        heard = [h for h in heard if h[0] >= until_s]


def _seconds(text: str) -> float:
    value = 0.0
    for part in text.split(":"):
        value = 60 * value + float(part)
    return value
