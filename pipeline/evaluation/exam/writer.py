"""A scripted model that captions and narrates as models do: varied wording, defects around answers, falsehoods.

Everything is drawn from the request's seed, so equal requests get equal answers. Defects and falsehoods have fixed
shares; `marked` finds texts that still have a defect, and the exam's marks count the remaining falsehoods.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

from operators.core.fingerprint import digest
from operators.engines.base import EngineSpec, Generation, Request, RunningEngine
from pipeline.evaluation.exam.events import COLOURS, SHAPES, SIDES, WORDS, Event
from pipeline.evaluation.exam.language import read_caption
from pipeline.evaluation.exam.wording import read, worded

DEFECTS: tuple[str, ...] = (
    "<think>The user wants a description. I look at the shapes.</think>\n\n{}",
    "Let me go through the captions one by one.\n</think>\n{}",
    "Sure! Here is the description:\n\n{}",
    "**Caption:** {}",
    "```\n{}\n```",
    "In this video, {}",
    "{} Overall, the video captures a calm and engaging atmosphere.",
    "{}\n\n(Word count: 41)",
    "{}\n\nLet me know if you would like more details!",
    "{}<|im_end|>",
    "[INST] Describe the video. [/INST] {}",
    "{}\u200b\n\nNote: this description is based on the provided frames.",
)
_MARKS = re.compile(
    r"think>|the user|let me|sure!|here is|\*\*|caption:|```|in this video|overall|word count|<\||\[/?inst|\u200b"
    r"|note:",
    re.IGNORECASE,
)
DEFECTIVE, FALSE = 0.25, 0.1
"""Shares of answers with a defect, and of narrated events that are false or invented."""

_DONE_BY_SOMEBODY = ("leave", "move", "grow", "shrink", "meet")
_TURNED = {"left": "right", "right": "left", "top": "bottom", "bottom": "top", "up": "down", "down": "up",
           "in": "out", "out": "in"}  # fmt: skip


def marked(text: str) -> bool:
    """Whether a text still contains a defect."""
    return bool(_MARKS.search(text))


@dataclass(frozen=True, kw_only=True)
class Writer(EngineSpec):
    """The engine's spec. `request.texts` are events in the small language, or the captions of a section."""

    version: ClassVar[int] = 1

    @property
    def model_id(self) -> str:
        return "exam-writer"

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        yield _Writing()


class _Writing(RunningEngine):
    def submit(self, request: Request) -> Future[Generation]:
        future: Future[Generation] = Future()
        future.set_result(Generation(text=answer(request)))
        return future


def answer(request: Request) -> str:
    """Return what the model writes, with defects and falsehoods."""
    rng = random.Random(digest([request.kind, request.start_s, request.seed, request.attempt, *request.texts]))
    if request.kind == "window":
        text = " ".join(worded([e for t in request.texts for e in read_caption(t)], rng)) or "The picture stays still."
    elif request.kind == "video":
        events = [e for t in request.texts for e in _resolved(read(t))]
        text = " ".join(worded(rng.sample(events, min(3, len(events))), rng))
    else:
        text = " ".join(_section(request.texts, rng, false=0.0 if request.kind == "repair" else FALSE))
    return rng.choice(DEFECTS).format(text) if rng.random() < DEFECTIVE else text


def _section(captions: Sequence[str], rng: random.Random, *, false: float) -> Iterator[str]:
    """Yield the captions in other words, without repeating events, each sentence with its mark."""
    before: set[tuple[str | None, ...]] = set()
    for number, caption in enumerate(captions, 1):
        events = list(_resolved(read(caption)))
        new = [e for e in events if e.what not in before]
        before = {e.what for e in events}
        for sentence in worded([x for e in new for x in _perhaps_false(e, rng, false)], rng):
            yield f"{sentence} [{number}]"


def _resolved(events: Iterable[Event]) -> Iterator[Event]:
    """Yield the events with "it" resolved to the actor of the previous event."""
    last = None
    for event in events:
        last = event.who or last
        yield replace(event, who=last) if event.who is None and event.kind in _DONE_BY_SOMEBODY else event


def _perhaps_false(event: Event, rng: random.Random, share: float) -> list[Event]:
    """Return the event; or one with another colour or direction; or the event followed by an invented one."""
    if rng.random() >= share:
        return [event]
    kind = rng.choice(("colour", "direction", "invented"))
    if kind == "colour" and event.who:
        colour, shape = event.who.split()
        return [replace(event, who=f"{rng.choice([c for c in COLOURS if c != colour])} {shape}")]
    if kind == "direction" and event.where in _TURNED:
        return [replace(event, where=_TURNED[event.where])]
    name = f"{rng.choice(list(COLOURS))} {rng.choice(SHAPES)}"
    made = rng.choice(
        (
            Event(kind="word", start_s=0.0, end_s=0.0, where=rng.choice(WORDS)),
            Event(kind="enter", start_s=0.0, end_s=0.0, who=name, where=rng.choice(SIDES), size="large"),
            Event(kind="grow", start_s=0.0, end_s=0.0, who=name),
        )
    )
    return [event, made]
