"""An engine without a model: it repeats the first words of the text that it is given, in capitals."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from operators.engines.base import EngineSpec, Generation, Request, RunningEngine


@dataclass(frozen=True, kw_only=True)
class Shout(EngineSpec):
    """Answers with the first words below a prompt's first line."""

    version: ClassVar[int] = 1
    generative: ClassVar[bool] = False

    words: Annotated[int, Field(ge=1, description="words of an answer")] = 6

    @property
    def model_id(self) -> str:
        return "shout"

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        yield _Running(self)


class _Running(RunningEngine):
    def __init__(self, spec: Shout) -> None:
        self._spec = spec

    def submit(self, request: Request) -> Future[Generation]:
        words = request.prompt.partition("\n")[2].split()[: self._spec.words]
        answer: Future[Generation] = Future()
        answer.set_result(Generation(text=" ".join(words).upper()))
        return answer
