"""Asking an engine: the bounded retry around a request, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from operators.cleaning import clean as cleaning
from operators.core.base import FailureClass, ItemError
from operators.core.text import repaired
from operators.engines.base import Generation, PromptTooLong, Request, RunningEngine
from operators.engines.gates import ALWAYS, ANYTHING, About, Gate, first_failed, looping

_SETTLERS = 2  # gates are Python: more threads would only share the interpreter
_MOST_CHARACTERS = 2000  # of what an error says

Smaller = Callable[[int], Request | None]
"""n -> the request made smaller n times, or None where it cannot be made smaller."""


@dataclass(frozen=True)
class Usage:
    """What a request cost, all its attempts together.

    Attributes:
        prompt_tokens, cached_tokens, output_tokens: sums.
        engine_s: seconds from submission to answer, summed.
        cost_usd: what a vendor charges, in US dollars, summed.
        rejected: names of the gates that sent an answer back, in order.
        cleaned: names of the rules of `operators.cleaning` that removed something from an answer, in order.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    engine_s: float = 0.0
    cost_usd: float = 0.0
    rejected: tuple[str, ...] = ()
    cleaned: tuple[str, ...] = ()

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            round(self.engine_s + other.engine_s, 4),
            round(self.cost_usd + other.cost_usd, 9),
            (*self.rejected, *other.rejected),
            (*self.cleaned, *other.cleaned),
        )

    @staticmethod
    def of(row: dict[str, Any] | None) -> Usage:
        """From a value of `operators.core.structs.USAGE`; None is nothing."""
        if not row:
            return Usage()
        # a row of an earlier version has no `cleaned`
        return Usage(**{**row, "rejected": tuple(row["rejected"] or ()), "cleaned": tuple(row.get("cleaned") or ())})

    def row(self) -> dict[str, Any]:
        """As `operators.core.structs.USAGE`."""
        return {**vars(self), "rejected": list(self.rejected), "cleaned": list(self.cleaned)}


@dataclass(frozen=True)
class Answer:
    """What became of one request.

    Attributes:
        text: the caption; empty when there is none.
        attempts: times it was asked.
        failure_class, problem: None when the answer is good.
        request: as it was answered, or asked last: it may have been made smaller.
        sampling: JSON of the settings that made the answer; None where nothing was drawn.
    """

    text: str
    attempts: int
    failure_class: FailureClass | None = None
    problem: str | None = None
    request: Request | None = None
    sampling: str | None = None
    usage: Usage = Usage()
    too_long: bool = False  # the model has no room for it, however often it is asked

    @property
    def valid(self) -> bool:
        return self.problem is None


def ask(
    engine: RunningEngine,
    request: Request,
    *,
    tries: int,
    gates: tuple[Gate, ...] = ALWAYS,
    about: About = ANYTHING,
    clean: bool = False,
    smaller: Smaller | None = None,
) -> Future[Answer]:
    """Ask until an answer passes all gates, at most `tries` times. The future never carries an exception of the item.

    After a gate's no the next attempt draws with another seed. After a failure of the engine it is the same request
    again: what an engine's death cost must not show in the captions. A request that is too long is made smaller, which
    counts as no attempt.

    Args:
        tries: at least 1.
        clean: a model answers, so that what models write around a caption is removed before the gates look at it.
        smaller: how to make the request smaller; None: a request that is too long fails.
    """
    return _Asking(engine, request, tries=tries, gates=gates, about=about, clean=clean, smaller=smaller).begin()


@cache
def _settlers() -> ThreadPoolExecutor:
    """Threads that look at answers. An engine completes its futures on its event loop; gates there would hold up every
    other request."""
    return ThreadPoolExecutor(_SETTLERS, thread_name_prefix="gates")


class _Asking:
    def __init__(
        self,
        engine: RunningEngine,
        request: Request,
        *,
        tries: int,
        gates: tuple[Gate, ...],
        about: About,
        clean: bool,
        smaller: Smaller | None,
    ) -> None:
        self._engine, self._tries, self._gates = engine, tries, gates
        self._about = replace(about, instructions=about.instructions or request.instructions)
        self._clean = clean
        self._request, self._smaller = request, smaller
        self._shrunk = 0
        self._sent_back = 0
        self._usage = Usage()
        self._outcome: Future[Answer] = Future()

    def begin(self) -> Future[Answer]:
        self._submit(1)
        return self._outcome

    def _submit(self, attempt: int) -> None:
        again = replace(self._request, seed=self._request.seed + self._sent_back, attempt=self._sent_back + 1)
        try:
            asked = self._engine.submit(again)
        except Exception as error:  # breaks the contract; an answer that never comes would be worse
            asked = Future()
            asked.set_exception(error)
        if asked.done():  # by an engine that answers in its caller's thread
            self._settle(asked, again, attempt)
        else:
            asked.add_done_callback(lambda done: self._settle_elsewhere(done, again, attempt))

    def _settle_elsewhere(self, done: Future[Generation], request: Request, attempt: int) -> None:
        try:
            _settlers().submit(self._settle, done, request, attempt)
        except RuntimeError:  # the interpreter is ending; a caller that waits must still be answered
            self._settle(done, request, attempt)

    def _settle(self, done: Future[Generation], request: Request, attempt: int) -> None:
        failure: tuple[FailureClass, str] | None = None
        text, sampling, too_long = "", None, False
        try:
            generation = done.result()
            # a loop is sent back as it is, and costs no cleaning
            clean = self._clean and looping(generation) is None
            cleaned = cleaning.clean(generation.text, self._about) if clean else cleaning.Cleaned(generation.text)
            generation = replace(generation, text=cleaned.text)
            text, sampling = generation.text.strip(), generation.sampling
            no = first_failed(self._gates, generation, self._about)
            self._usage += Usage(
                generation.prompt_tokens,
                generation.cached_tokens,
                generation.output_tokens,
                generation.seconds,
                generation.cost_usd,
                (no[0],) if no else (),
                cleaned.rules,
            )
            if no is not None:
                failure = ("gate", no[1])
                self._sent_back += 1
        except PromptTooLong as error:
            less = self._smaller(self._shrunk + 1) if self._smaller else None
            if less is not None:
                self._shrunk += 1
                self._request = less
                self._submit(attempt)
                return
            failure, too_long = (error.failure_class, error.message), True
        except ItemError as error:
            failure = (error.failure_class, error.message)
        except BaseException as error:  # raised in a callback it would vanish, and whoever waits would wait for ever
            failure = ("internal", repaired(f"{type(error).__name__}: {error}")[:_MOST_CHARACTERS])
        if failure is None:
            self._outcome.set_result(Answer(text, attempt, request=request, sampling=sampling, usage=self._usage))
        elif attempt >= self._tries or too_long:
            self._outcome.set_result(Answer("", attempt, *failure, request, sampling, self._usage, too_long))
        else:
            self._submit(attempt + 1)
