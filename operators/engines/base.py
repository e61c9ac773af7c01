"""What an engine is: it turns a prompt, pictures and measured facts into text.

An engine *spec* is a frozen dataclass (its fields are its config); `open()` boots it once per actor and yields
something with `submit(request) -> Future[Generation]`. Futures, because requests of many segments must meet inside one
engine.
"""

from __future__ import annotations

import abc
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from operators.measure.facts import Facts

Kind = Literal["frame", "window", "section", "video"]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One frame as a model gets it.

    Attributes:
        time_s: seconds from the first presented picture at which it is seen.
        pts_s: the container's presentation time in seconds.
        jpeg: JPEG bytes at the size that was asked for.
        until_s: up to when it stands for what is on screen; None where it stands for its grid cell.
    """

    time_s: float
    pts_s: float
    jpeg: bytes
    until_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """One thing to be told.

    Attributes:
        kind: frame (one picture), window (a few seconds), section (a paragraph), video (the whole).
        start_s, end_s: the span to describe; for a frame its time and the end of its grid cell.
        prompt: the rendered prompt.
        pictures: frames in order of time; empty where texts alone are aggregated.
        facts: what was measured in the span; None where nothing was.
        texts: the captions that a section or a video is told from, in order of time.
        words: about how many words are wanted; None leaves it to the engine.
        seed: seeds whatever draws numbers, so that equal input gives equal text.
    """

    kind: Kind
    start_s: float
    end_s: float
    prompt: str
    pictures: tuple[Picture, ...] = ()
    facts: Facts | None = None
    texts: tuple[str, ...] = ()
    words: int | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Generation:
    """What came back. `finish_reason` is "stop" for a whole answer and "length" for a cut one."""

    text: str
    finish_reason: Literal["stop", "length"] = "stop"
    prompt_tokens: int = 0
    output_tokens: int = 0


class RunningEngine(Protocol):
    """A booted engine. Thread-safe: many segments submit at once."""

    def submit(self, request: Request) -> Future[Generation]:
        """Never raises; the future carries `operators.base.ItemError` of class `engine` when the request failed."""
        ...


@dataclass(frozen=True, kw_only=True)
class EngineSpec(abc.ABC):
    """Base of engine specs. `model` and `revision` stand in every caption's provenance."""

    version: ClassVar[int]

    def identity_extra(self) -> dict[str, Any]:
        """Which engine it is and its version: two engines with equal fields are not the same captioner."""
        return {"engine": f"{type(self).__module__}:{type(self).__qualname__}", "version": self.version}

    @property
    @abc.abstractmethod
    def model(self) -> str: ...

    @property
    def revision(self) -> str:
        return str(self.version)

    @abc.abstractmethod
    def open(self) -> AbstractContextManager[RunningEngine]:
        """Boot once; on exit leave no process and no memory behind."""
