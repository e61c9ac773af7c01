"""Quality gates: small named functions that say why an answer is no caption, and the bounded retry around them.

A gate returns None for a good answer or one plain reason. What fails is asked again with another seed, up to
`tries` times; then it is recorded. Nothing that failed is merged into a caption.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace

from operators.base import FailureClass, ItemError
from operators.engines.base import Generation, Request, RunningEngine

_LOOP_TIMES = 4  # the same words four times without a break are a loop, in any language with spaces
_LOOP_WORDS = 32  # so many together at least: "no, no, no, no" is none
_LOOP_PERIOD = 200  # words at most; longer answers of a model end at their token limit first


def empty(generation: Generation) -> str | None:
    return None if generation.text.strip() else "the answer is empty"


def truncated(generation: Generation) -> str | None:
    return "the answer was cut at its token limit" if generation.finish_reason == "length" else None


def looping(generation: Generation) -> str | None:
    """Only what repeats word for word, back to back: an interview does show the same two pictures many times."""
    words = generation.text.split()
    for period in range(1, min(_LOOP_PERIOD, len(words) // _LOOP_TIMES) + 1):
        enough, run = max(period * _LOOP_TIMES, _LOOP_WORDS) - period, 0
        for word, later in zip(words, words[period:], strict=False):
            run = run + 1 if word == later else 0
            if run >= enough:
                return "the answer repeats itself in a loop"
    return None


GATES: tuple[Callable[[Generation], str | None], ...] = (empty, truncated, looping)


@dataclass(frozen=True)
class Answer:
    """What became of one request.

    Attributes:
        text: the caption; empty when there is none.
        attempts: times it was asked.
        failure_class, problem: None when the answer is good.
    """

    text: str
    attempts: int
    failure_class: FailureClass | None = None
    problem: str | None = None

    @property
    def valid(self) -> bool:
        return self.problem is None


def ask(engine: RunningEngine, request: Request, *, tries: int) -> Future[Answer]:
    """Ask until an answer passes all gates, at most `tries` times. The future never carries an exception of the item.

    Args:
        tries: at least 1.
    """
    outcome: Future[Answer] = Future()

    def settle(done: Future[Generation], attempt: int) -> None:
        try:
            generation = done.result()
            reason = next((r for gate in GATES if (r := gate(generation))), None)
            answer = Answer(generation.text.strip(), attempt)
            if reason is not None:
                answer = Answer("", attempt, "gate", reason)
        except ItemError as error:
            answer = Answer("", attempt, error.failure_class, error.message)
        except BaseException as error:  # raised in a callback it would vanish, and whoever waits would wait for ever
            answer = Answer("", attempt, "internal", f"{type(error).__name__}: {error}")
        if answer.valid or attempt >= tries:
            outcome.set_result(answer)
        else:
            submit(attempt + 1)

    def submit(attempt: int) -> None:
        again = replace(request, seed=request.seed + attempt - 1)
        try:
            asked = engine.submit(again)
        except Exception as error:  # breaks the contract; an answer that never comes would be worse
            asked = Future()
            asked.set_exception(error)
        asked.add_done_callback(lambda done: settle(done, attempt))

    submit(1)
    return outcome
