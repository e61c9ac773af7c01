from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.engines.base import Generation, Request, RunningEngine
from operators.engines.gates import Answer, ask, empty, looping, truncated
from operators.engines.measure import MeasureEngine
from operators.measure.facts import Camera, Colour, Facts, Light, Piece, Transition
from tests.support.engines import LOOP, Scripted, asked, say

REQUEST = Request(kind="window", start_s=5.0, end_s=15.0, prompt="Tell.", seed=40)
WAIT_S = 10.0

ORDINARY = """
A man in a red jacket walks along a narrow street. Houses with white walls stand on both sides of the street, and
between them hang lamps. He stops in front of a door, looks up, and knocks. The door is opened by a woman in a green
dress, who lets him in. The camera follows him through a dark corridor into a bright kitchen, where three children sit
at a table. One of the children pours water into a glass; another draws on a sheet of paper; the third looks out of
the window. The man sits down, takes off his jacket and hangs it over the chair. The woman puts a pot on the stove.
The camera pans to the left over the table. The camera pans to the left over the stove. The man in the red jacket
walks to the window and opens it. Outside a tram passes. The camera pans to the left over the street.
"""


@settings(deadline=None)
@given(st.text(alphabet=" \t\n\u00a0\u3000"))
def test_nothing_but_white_space_is_empty(text: str) -> None:
    assert empty(Generation(text=text)) == "the answer is empty"


def test_a_good_answer_passes_every_gate() -> None:
    generation = Generation(text=ORDINARY)
    assert (empty(generation), truncated(generation), looping(generation)) == (None, None, None)


def test_an_answer_at_its_token_limit_is_truncated() -> None:
    assert truncated(Generation(text=ORDINARY, finish_reason="length")) == "the answer was cut at its token limit"


@pytest.mark.parametrize("text", [LOOP, ORDINARY + LOOP, "no " * 40, ("left right " * 30)])
def test_a_text_that_goes_round_in_circles_is_looping(text: str) -> None:
    assert looping(Generation(text=text)) == "the answer repeats itself in a loop"


@pytest.mark.parametrize("period", [1, 7, 8, 60, 200])
def test_a_loop_may_be_of_any_length_and_begin_anywhere(period: int) -> None:
    once = " ".join(f"w{k}" for k in range(period)) + " "
    times = max(4, -(-32 // period))
    assert looping(Generation(text=ORDINARY + once * times)) is not None
    assert looping(Generation(text=ORDINARY + once * 3 + "and so on")) is None


def test_a_refrain_and_a_short_text_are_no_loop() -> None:
    refrain = "The camera pans slowly to the left over the hills."
    told = " ".join(f"At {k} o'clock: {refrain}" for k in range(12))
    assert looping(Generation(text=told)) is None
    assert looping(Generation(text="no no no no no no no no")) is None


def test_an_interview_of_two_pictures_in_turn_can_be_told_by_measurements() -> None:
    looks = (
        {"light": Light(level="bright", mean=0.7, contrast=0.1), "colours": (Colour(name="grey", share=0.8),)},
        {"light": Light(level="dark", mean=0.3, contrast=0.1), "colours": (Colour(name="blue", share=0.6),)},
    )
    pieces = tuple(
        Piece(start_s=5.0 * k, end_s=5.0 * k + 5, camera=Camera(state="still"), **looks[k % 2]) for k in range(24)
    )
    cuts = tuple(Transition(kind="cut", start_s=5.0 * k, end_s=5.0 * k) for k in range(1, 24))
    facts = Facts(start_s=0.0, end_s=120.0, pieces=pieces, transitions=cuts)
    with MeasureEngine().open() as engine:
        for kind in ("section", "video"):
            request = Request(kind=kind, start_s=0.0, end_s=120.0, prompt="", facts=facts, texts=("A talk.",))
            answers = [ask(engine, replace(request, seed=seed), tries=1).result(WAIT_S) for seed in range(20)]
            assert [a.problem for a in answers] == [None] * 20


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=50, max_size=400, unique=True))
def test_a_long_text_without_repeats_is_no_loop(words: list[int]) -> None:
    assert looping(Generation(text=" ".join(map(str, words)))) is None


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
    assert answer == Answer("", 3, failure_class, problem)  # type: ignore[arg-type]  # the table holds plain strings
    assert not answer.valid
    assert [r.seed for r in asked(log)] == [40, 41, 42]  # another seed each time, or greedy engines fail alike


@pytest.mark.parametrize("do", ["empty", "engine", "raise", "internal"])
@pytest.mark.parametrize("threads", [0, 2])
def test_a_later_try_may_be_good(do: str, threads: int) -> None:
    with Scripted(script=f'[{{"do": "{do}", "times": 2}}]', threads=threads).open() as engine:
        answer = ask(engine, REQUEST, tries=3).result(WAIT_S)
    assert answer.valid
    assert answer.attempts == 3
    assert "seed 42" in answer.text


def test_a_good_answer_is_asked_for_once_and_stripped() -> None:
    with Scripted(script='[{"do": "say", "text": "  A dog. \\n"}]', log="gates-once").open() as engine:
        assert ask(engine, REQUEST, tries=5).result(WAIT_S) == Answer("A dog.", 1)
    assert len(asked("gates-once")) == 1


def test_an_answer_that_breaks_off_with_an_interrupt_is_still_an_answer() -> None:
    class Dying(RunningEngine):
        def submit(self, request: Request) -> Future[Generation]:
            future: Future[Generation] = Future()
            future.set_exception(SystemExit(3))
            return future

    answer = ask(Dying(), REQUEST, tries=2).result(WAIT_S)
    assert (answer.failure_class, answer.attempts) == ("internal", 2)


def test_many_requests_at_once_each_get_their_own_answer() -> None:
    script = '[{"kind": "window", "do": "empty", "times": 1, "sleep_s": 0.002}]'
    requests = [Request(kind="window", start_s=5.0 * k, end_s=5.0 * k + 10, prompt="Tell.", seed=k) for k in range(60)]
    with Scripted(script=script, threads=8, seeded=False).open() as engine:
        answers = [f.result(WAIT_S) for f in [ask(engine, r, tries=2) for r in requests]]
    assert [a.text for a in answers] == [say(r, seeded=False) for r in requests]
    assert {a.attempts for a in answers} == {2}
