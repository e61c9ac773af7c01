"""Requests to an engine with a bounded number of retries, and their outcome."""

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

_SETTLERS = 2  # gates are Python code, so more threads would only compete for the interpreter lock
_MOST_CHARACTERS = 2000  # of an error message

Smaller = Callable[[int], Request | None]
"""n -> the request after n reductions, or None if it cannot be reduced that often."""


@dataclass(frozen=True)
class Usage:
    """The cost of a request, summed over all its attempts.

    Attributes:
        prompt_tokens, cached_tokens, output_tokens: token counts.
        engine_s: seconds from submission to answer.
        cost_usd: the vendor's price in US dollars.
        rejected: names of the gates that rejected an answer, in order.
        cleaned: names of the rules of `operators.cleaning` that removed text from an answer, in order.
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
        """Create from a value of `operators.core.structs.USAGE`; None gives zero usage."""
        if not row:
            return Usage()
        # a row of an earlier version has no `cleaned`
        return Usage(**{**row, "rejected": tuple(row["rejected"] or ()), "cleaned": tuple(row.get("cleaned") or ())})

    def row(self) -> dict[str, Any]:
        """Return a value of `operators.core.structs.USAGE`."""
        return {**vars(self), "rejected": list(self.rejected), "cleaned": list(self.cleaned)}


@dataclass(frozen=True)
class Answer:
    """The outcome of one request.

    Attributes:
        text: the caption; empty if there is none.
        attempts: number of attempts.
        failure_class, problem: None if the answer is valid.
        request: the request of the last attempt, which may have been reduced.
        sampling: JSON of the sampling settings of the answer; None if nothing was sampled.
    """

    text: str
    attempts: int
    failure_class: FailureClass | None = None
    problem: str | None = None
    request: Request | None = None
    sampling: str | None = None
    usage: Usage = Usage()
    too_long: bool = False  # the request does not fit the model's context, and retries would not help

    @property
    def valid(self) -> bool:
        return self.problem is None

    def given(self, what: str) -> Answer:
        """Return the answer unless the engine failed to give one; answers that gates rejected are returned.

        A failure of the engine says nothing about the answer, so nothing may be concluded from it: the item fails, and
        a retry may succeed.

        Args:
            what: the beginning of the error message.

        Raises:
            ItemError: the engine failed, with its failure class.
        """
        if self.failure_class is None or self.failure_class == "gate":
            return self
        raise ItemError(self.failure_class, f"{what}: {self.problem}", attempts=self.attempts)


def ask(
    engine: RunningEngine,
    request: Request,
    *,
    tries: int,
    answers: int | None = None,
    gates: tuple[Gate, ...] = ALWAYS,
    about: About = ANYTHING,
    clean: bool = False,
    smaller: Smaller | None = None,
) -> Future[Answer]:
    """Submit a request until an answer passes all gates, at most `tries` times.

    The future never carries an exception of the item; failures are part of the `Answer`. After a gate rejects an
    answer, the next attempt samples with another seed. After a failure of the engine, the same request is repeated, so
    that captions do not depend on engine failures. A request that is too long is reduced, which does not count as an
    attempt.

    Args:
        tries: maximum number of attempts, at least 1.
        answers: maximum number of answers that gates may reject; None for `tries`.
        clean: whether to remove what models write around a caption before the gates check the answer.
        smaller: reduces the request; with None, a request that is too long fails.
    """
    return _Asking(
        engine, request, tries=tries, answers=answers or tries, gates=gates, about=about, clean=clean, smaller=smaller
    ).begin()


@cache
def _settlers() -> ThreadPoolExecutor:
    """Threads that run the gates. Engines complete futures on their event loop, where gates would block all other
    requests."""
    return ThreadPoolExecutor(_SETTLERS, thread_name_prefix="gates")


class _Asking:
    def __init__(
        self,
        engine: RunningEngine,
        request: Request,
        *,
        tries: int,
        answers: int,
        gates: tuple[Gate, ...],
        about: About,
        clean: bool,
        smaller: Smaller | None,
    ) -> None:
        self._engine, self._tries, self._answers, self._gates = engine, tries, answers, gates
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
        if asked.done():  # the engine answers in the thread of its caller
            self._settle(asked, again, attempt)
        else:
            asked.add_done_callback(lambda done: self._settle_elsewhere(done, again, attempt))

    def _reduced(self) -> Request | None:
        """Return the next smaller request; None if there is none. A reduction that changes nothing is skipped."""
        less: Request | None = self._request
        while self._smaller is not None and less == self._request:
            self._shrunk += 1
            less = self._smaller(self._shrunk)
        return less if less != self._request else None

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
            self._usage += Usage(
                generation.prompt_tokens,
                generation.cached_tokens,
                generation.output_tokens,
                generation.seconds,
                generation.cost_usd,
            )
            # an answer that loops is rejected anyway, so it is not cleaned
            clean = self._clean and looping(generation) is None
            cleaned = cleaning.clean(generation.text, self._about) if clean else cleaning.Cleaned(generation.text)
            generation = replace(generation, text=cleaned.text)
            text, sampling = generation.text.strip(), generation.sampling
            no = first_failed(self._gates, generation, self._about)
            self._usage += Usage(rejected=(no[0],) if no else (), cleaned=cleaned.rules)
            if no is not None:
                failure = ("gate", no[1])
                self._sent_back += 1
        except PromptTooLong as error:
            less = self._reduced()
            if less is not None:
                self._request = less
                self._submit(attempt)
                return
            failure, too_long = (error.failure_class, error.message), True
        except ItemError as error:
            failure = (error.failure_class, error.message)
        except BaseException as error:  # an exception in a callback is lost, and the caller would wait forever
            failure = ("internal", repaired(f"{type(error).__name__}: {error}")[:_MOST_CHARACTERS])
        if failure is None:
            self._outcome.set_result(Answer(text, attempt, request=request, sampling=sampling, usage=self._usage))
        elif attempt >= self._tries or self._sent_back >= self._answers or too_long:
            self._outcome.set_result(Answer("", attempt, *failure, request, sampling, self._usage, too_long))
        else:
            self._submit(attempt + 1)
