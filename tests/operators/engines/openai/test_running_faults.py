"""The engine against a server that misbehaves as it is told."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.core.base import ItemError
from operators.engines.base import PromptTooLong, Request
from operators.engines.openai.running import backoff_s
from tests.operators.engines.openai.against import KEY, REQUEST, WAIT_S, answer, both, engine
from tests.operators.engines.openai.clock import Held, Virtual
from tests.support.chat import GOOD, Play, Script, dead_url


def failure(script: Script | None = None, request: Request = REQUEST, **options: Any) -> ItemError:
    with engine(script, **options) as (made, _):
        error = made.submit(request).exception(WAIT_S)
    assert isinstance(error, ItemError)
    assert KEY not in repr(error) + str(error)
    return error


def first(play: Play, times: int = 1) -> Script:
    """So often `play`, then good answers."""
    return lambda body, number: play if number < times else Play()


passing = pytest.mark.parametrize(
    "play",
    [
        Play(status=429),
        Play(status=500),
        Play(status=503, whole=b"<html>busy</html>", headers={"Content-Type": "text/html"}),
        Play(cut_after=0),
        Play(cut_after=5),
        Play(broken=True),
        Play(finish=None),
        Play(finish="error"),
        Play(whole=b"{not json"),
        Play(whole=b"", headers={"Content-Type": "text/plain"}),
        Play(whole={"error": {"message": "upstream is down"}}),
    ],
    ids=lambda play: f"{play.status}-{play.cut_after}-{play.finish}-{play.whole!r:.12}",
)


@passing
def test_what_may_pass_is_asked_again(play: Play) -> None:
    with engine(first(play, 2)) as (made, server):
        assert made.submit(REQUEST).result(WAIT_S).text == GOOD
    assert len(server.asked) == 3
    assert server.asked[0].body == server.asked[2].body  # the very same request


@passing
def test_what_does_not_pass_is_given_up_in_the_end(play: Play) -> None:
    with engine(lambda body, number: play, retries=3) as (made, server):
        error = made.submit(REQUEST).exception(WAIT_S)
    assert isinstance(error, ItemError) and not isinstance(error, PromptTooLong)
    assert (error.failure_class, error.attempts, len(server.asked)) == ("engine", 4, 4)
    assert "127.0.0.1" in error.message and "4 times" in error.message and "\n" not in error.message


@pytest.mark.parametrize("play", [Play(whole=b"{not json"), Play(whole={"choices": []}), Play(whole=b"[]")])
def test_a_whole_answer_that_is_none_is_asked_for_again(play: Play) -> None:
    assert answer(first(play), stream=False).text == GOOD


def test_waits_grow_and_what_the_server_asks_for_is_kept() -> None:
    clock = Virtual()
    with engine(first(Play(status=500), 4), clock=clock) as (made, _):
        made.submit(REQUEST).result(WAIT_S)
    assert len(clock.slept) == 4
    for n, slept in enumerate(clock.slept):
        assert 2.0**n / 2 <= slept <= 2.0**n

    for status in (429, 503):
        clock = Virtual()
        with engine(first(Play(status=status, headers={"Retry-After": "33"})), clock=clock) as (made, _):
            got = made.submit(REQUEST).result(WAIT_S)
        assert 33.0 <= got.seconds < 36.0
        assert clock.slept[0] == 33.0


@pytest.mark.parametrize(("status", "left_alone"), [(429, True), (503, False)])
def test_a_busy_server_is_left_alone_by_all_requests(status: int, left_alone: bool) -> None:
    clock = Held()
    with engine(first(Play(status=status, headers={"Retry-After": "50"})), clock=clock) as (made, server):
        refused = made.submit(REQUEST)
        assert clock.asleep.acquire(timeout=WAIT_S)
        other = made.submit(REQUEST)
        if left_alone:
            assert clock.asleep.acquire(timeout=WAIT_S)
            assert len(server.asked) == 1
        else:
            assert other.result(WAIT_S).text == GOOD
        clock.go.set()
        assert refused.result(WAIT_S).text == other.result(WAIT_S).text == GOOD


def test_who_asks_to_wait_too_long_is_not_waited_for() -> None:
    clock = Virtual()
    error = failure(lambda body, number: Play(status=429, headers={"Retry-After": "86400"}), clock=clock)
    assert "asks to wait 86400 s" in error.message
    assert clock.slept == []


@given(st.integers(1, 60), st.randoms(use_true_random=False))
def test_a_wait_is_never_long_and_never_nothing(failed: int, draw: random.Random) -> None:
    most = min(60.0, 2.0 ** (failed - 1))
    assert most / 2 <= backoff_s(failed, draw) <= most


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_cannot_pass_is_asked_once(status: int) -> None:
    echo = {"error": {"message": f"your header was Bearer {KEY}"}}
    with engine(lambda body, number: Play(status=status, whole=echo)) as (made, server):
        error = made.submit(REQUEST).exception(WAIT_S)
    assert isinstance(error, ItemError)
    assert (error.failure_class, len(server.asked)) == ("engine", 1)
    assert f"HTTP {status}" in error.message
    assert KEY not in error.message


def test_a_server_that_is_not_there_is_tried_for_a_while() -> None:
    clock = Virtual()
    error = failure(base_url=dead_url(), retries=2, clock=clock)
    assert "cannot be reached" in error.message and "3 times" in error.message
    assert len(clock.slept) == 2


def test_a_server_that_does_not_answer_is_asked_again() -> None:
    never = threading.Event()
    try:
        with engine(first(Play(wait=never)), timeout_s=2.0) as (made, server):
            assert made.submit(REQUEST).result(WAIT_S).text == GOOD
            assert len(server.asked) >= 2  # more if a busy machine takes two seconds for an answer
            never.set()
    finally:
        never.set()


@both
@pytest.mark.parametrize(
    "play",
    [
        Play(
            status=400,
            whole={
                "error": {
                    "message": "This model's maximum context length is 4097 tokens. However, you requested 5360 tokens "
                    "(4360 in the messages, 1000 in the completion).",
                    "code": "context_length_exceeded",
                }
            },
        ),
        Play(
            status=400,
            whole={
                "error": {
                    "message": "You passed 4360 input tokens and requested 1000 output tokens. However, the model's "
                    "context length is only 4097 tokens.",
                    "type": "BadRequestError",
                    "code": 400,
                }
            },
        ),
    ],
    ids=["openai", "vllm"],
)
def test_a_prompt_that_does_not_fit_is_not_asked_again(play: Play, stream: bool) -> None:
    with engine(lambda body, number: play, stream=stream, max_tokens=1000) as (made, server):
        error = made.submit(REQUEST).exception(WAIT_S)
    assert isinstance(error, PromptTooLong)
    assert (error.tokens, error.limit, len(server.asked)) == (4360, 3097, 1)


def test_what_surely_does_not_fit_is_not_sent() -> None:
    with engine(context_tokens=300, max_tokens=100) as (made, server):
        long = Request(kind="video", start_s=0.0, end_s=1.0, prompt="x" * 3500)
        error = made.submit(long).exception(WAIT_S)
        assert made.submit(REQUEST).result(WAIT_S).text == GOOD
        assert (made.context_tokens, made.answer_tokens(REQUEST)) == (300, 100)
    assert isinstance(error, PromptTooLong)
    assert (error.tokens, error.limit, len(server.asked)) == (1000, 200, 1)


def test_one_request_that_fails_leaves_the_others_alone() -> None:
    def script(body: dict[str, Any], number: int) -> Play:
        return Play(status=400) if body["seed"] % 5 == 0 else Play(text=f"Answer {body['seed']}.")

    with engine(script) as (made, _):
        futures = [made.submit(Request(kind="frame", start_s=0, end_s=1, prompt="x", seed=k)) for k in range(40)]
        for k, future in enumerate(futures):
            if k % 5:
                assert future.result(WAIT_S).text == f"Answer {k}."
            else:
                assert isinstance(future.exception(WAIT_S), ItemError)
