from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from operators.engines.ask import ask
from operators.engines.base import Generation, PromptTooLong, Request, RunningEngine
from operators.engines.gates import About, empty, malformed
from tests.support.engines import Scripted, asked, say

REQUEST = Request(kind="window", start_s=5.0, end_s=15.0, prompt="Tell.", seed=40)
WAIT_S = 120.0


@pytest.mark.parametrize(
    ("do", "failure_class", "problem"),
    [
        ("empty", "gate", "the answer is empty"),
        ("truncate", "gate", "the answer was cut at its token limit"),
        ("loop", "gate", "the answer repeats itself in a loop"),
        ("engine", "engine", "the script says so"),
        ("out_of_memory", "out_of_memory", "the script says so"),
        ("internal", "internal", "RuntimeError: the engine has a bug"),
        ("cancel", "internal", "CancelledError: "),
        ("raise", "internal", "RuntimeError: submit itself is broken"),
    ],
)
@pytest.mark.parametrize("threads", [0, 2])
def test_what_fails_is_asked_again_and_then_recorded(do: str, failure_class: str, problem: str, threads: int) -> None:
    if do == "cancel" and threads:
        pytest.skip("a pool's future that runs cannot be cancelled")
    log = f"gates-{do}-{threads}"
    with Scripted(script=f'[{{"do": "{do}"}}]', threads=threads, log=log).open() as engine:
        answer = ask(engine, REQUEST, tries=3).result(WAIT_S)
    assert (answer.text, answer.attempts, answer.failure_class, answer.problem) == ("", 3, failure_class, problem)
    assert not answer.valid
    # another draw after a gate's no, or greedy engines fail alike; the same again where the engine failed
    assert [(r.seed, r.attempt) for r in asked(log)] == (
        [(40, 1), (41, 2), (42, 3)] if failure_class == "gate" else [(40, 1)] * 3
    )


@pytest.mark.parametrize(("do", "seed"), [("empty", 42), ("engine", 40), ("raise", 40), ("internal", 40)])
@pytest.mark.parametrize("threads", [0, 2])
def test_a_later_try_may_be_good(do: str, seed: int, threads: int) -> None:
    with Scripted(script=f'[{{"do": "{do}", "times": 2}}]', threads=threads).open() as engine:
        answer = ask(engine, REQUEST, tries=3).result(WAIT_S)
    assert answer.valid
    assert answer.attempts == 3
    assert f"seed {seed}" in answer.text


def test_tokens_count_also_if_a_gate_raises() -> None:
    def broken(generation: Generation, about: About) -> str | None:
        raise TypeError("a bug")

    class Engine(RunningEngine):
        def submit(self, request: Request) -> Future[Generation]:
            done: Future[Generation] = Future()
            done.set_result(Generation(text="A dog.", prompt_tokens=7, output_tokens=3))
            return done

    answer = ask(Engine(), REQUEST, tries=2, gates=(broken,)).result(WAIT_S)
    assert (answer.failure_class, answer.problem) == ("internal", "TypeError: a bug")
    assert (answer.usage.prompt_tokens, answer.usage.output_tokens) == (14, 6)


def test_a_good_answer_is_asked_for_once_and_stripped() -> None:
    with Scripted(script='[{"do": "say", "text": "  A dog. \\n"}]', log="gates-once").open() as engine:
        answer = ask(engine, REQUEST, tries=5).result(WAIT_S)
    assert (answer.text, answer.attempts, answer.valid, answer.request) == ("A dog.", 1, True, REQUEST)
    assert len(asked("gates-once")) == 1


def test_an_answer_that_breaks_off_with_an_interrupt_is_still_an_answer() -> None:
    class Dying(RunningEngine):
        def submit(self, request: Request) -> Future[Generation]:
            future: Future[Generation] = Future()
            future.set_exception(SystemExit(3))
            return future

    answer = ask(Dying(), REQUEST, tries=2).result(WAIT_S)
    assert (answer.failure_class, answer.attempts) == ("internal", 2)


def test_gates_do_not_run_in_the_thread_that_completes_the_answer() -> None:
    """It is an engine's event loop, on which every other request waits."""
    seen: list[str] = []

    def gate(generation: Generation, about: About) -> str | None:
        seen.append(threading.current_thread().name)
        return None

    with ThreadPoolExecutor(1, thread_name_prefix="loop") as loop:

        class Elsewhere(RunningEngine):
            def submit(self, request: Request) -> Future[Generation]:
                return loop.submit(answered)

        def answered() -> Generation:
            time.sleep(0.05)
            return Generation(text="A dog.", finish_reason="stop")

        assert ask(Elsewhere(), REQUEST, tries=1, gates=(gate,)).result(WAIT_S).text == "A dog."
    assert len(seen) == 1 and seen[0].startswith("gates")


def test_many_requests_at_once_each_get_their_own_answer() -> None:
    script = '[{"kind": "window", "do": "empty", "times": 1, "sleep_s": 0.002}]'
    requests = [Request(kind="window", start_s=5.0 * k, end_s=5.0 * k + 10, prompt="Tell.", seed=k) for k in range(60)]
    with Scripted(script=script, threads=8, seeded=False).open() as engine:
        answers = [f.result(WAIT_S) for f in [ask(engine, r, tries=2) for r in requests]]
    assert [a.text for a in answers] == [say(r, seeded=False) for r in requests]
    assert {a.attempts for a in answers} == {2}


class _Small(RunningEngine):
    """Has room for so many images, and answers with how many it got."""

    context_tokens = 100

    def __init__(self, room: int) -> None:
        self.room, self.met = room, 0

    def submit(self, request: Request) -> Future[Generation]:
        self.met += 1
        future: Future[Generation] = Future()
        if len(request.prompt) > self.room:
            future.set_exception(PromptTooLong(len(request.prompt), self.room))
        else:
            future.set_result(
                Generation(text=request.prompt, prompt_tokens=7, output_tokens=2, seconds=0.5, cost_usd=0.25)
            )
        return future


def _prompt(n: int) -> Request | None:
    return Request(kind="window", start_s=0.0, end_s=1.0, prompt="x" * 2 ** (6 - n)) if n < 6 else None


def test_what_is_too_long_is_made_smaller_until_it_fits() -> None:
    engine = _Small(9)
    first = _prompt(0)
    assert first is not None
    answer = ask(engine, first, tries=1, smaller=_prompt).result(WAIT_S)
    assert (answer.text, answer.attempts, answer.valid) == ("x" * 8, 1, True)
    assert answer.request is not None and len(answer.request.prompt) == 8
    assert engine.met == 4


def test_a_reduction_that_changes_nothing_is_not_submitted() -> None:
    engine, first = _Small(9), _prompt(0)
    assert first is not None
    answer = ask(engine, first, tries=1, smaller=lambda n: _prompt(n // 2)).result(WAIT_S)
    assert (answer.text, engine.met) == ("x" * 8, 4)
    assert ask(engine, first, tries=1, smaller=lambda n: first if n < 3 else None).result(WAIT_S).too_long
    assert engine.met == 5


def test_what_cannot_be_made_smaller_fails_at_once_and_says_so() -> None:
    for smaller, met in ((_prompt, 6), (None, 1)):
        engine = _Small(1)
        first = _prompt(0)
        assert first is not None
        answer = ask(engine, first, tries=3, smaller=smaller).result(WAIT_S)
        assert (answer.too_long, answer.failure_class, engine.met) == (True, "gate", met)
        assert "and the model has room for 1" in (answer.problem or "")


def test_usage_counts_every_attempt_and_who_sent_it_back() -> None:
    def parse(text: str) -> None:
        raise ValueError("no JSON\nat all")

    answer = ask(_Small(99), REQUEST, tries=3, gates=(empty, malformed), about=About(parse=parse)).result(WAIT_S)
    assert answer.problem == "the answer does not parse: no JSON at all"
    assert answer.usage.row() == {
        "prompt_tokens": 21,
        "cached_tokens": 0,
        "output_tokens": 6,
        "engine_s": 1.5,
        "cost_usd": 0.75,
        "rejected": ["malformed"] * 3,
        "cleaned": [],
    }
