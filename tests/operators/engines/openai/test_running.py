"""The engine against a server that answers over HTTP, and misbehaves as it is told."""

from __future__ import annotations

import base64
import json
import logging
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.core.base import ItemError
from operators.engines.ask import ask
from operators.engines.base import Generation, Picture, PromptTooLong, Request, RunningEngine
from operators.engines.gates import ALWAYS, GENERATIVE
from operators.engines.openai import OpenAIEngine
from operators.engines.openai.limiter import Clock
from operators.engines.openai.running import backoff_s, running
from operators.engines.shared import shared
from tests.operators.engines.openai.clock import Held, Virtual
from tests.support.chat import GOOD, ChatServer, Play, Script, dead_url, serve
from tests.support.engines import LOOP

KEY = "sk-very-secret-0123"
WAIT_S = 120.0
REQUEST = Request(kind="window", start_s=0.0, end_s=10.0, prompt="Tell what happens.", seed=40)
both = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@contextmanager
def engine(
    script: Script | None = None, *, clock: Clock | None = None, key: str | None = KEY, **options: Any
) -> Iterator[tuple[RunningEngine, ChatServer]]:
    with serve(script) as server:
        spec = OpenAIEngine(**{"model": "m", "base_url": server.url, "api_key_env": "MY_KEY", **options})
        with running(spec, key, clock or Virtual()) as made:
            yield made, server


def answer(script: Script | None = None, request: Request = REQUEST, **options: Any) -> Generation:
    with engine(script, **options) as (made, _):
        return made.submit(request).result(WAIT_S)


@both
def test_what_the_model_thinks_beside_its_answer_is_no_part_of_it(stream: bool) -> None:
    thoughts = "The user wants a caption. " * 50
    got = answer(lambda body, number: Play(thoughts=thoughts), stream=stream)
    assert (got.text, got.finish_reason) == (GOOD, "stop")


def failure(script: Script | None = None, request: Request = REQUEST, **options: Any) -> ItemError:
    with engine(script, **options) as (made, _):
        error = made.submit(request).exception(WAIT_S)
    assert isinstance(error, ItemError)
    assert KEY not in repr(error) + str(error)
    return error


def first(play: Play, times: int = 1) -> Script:
    """So often `play`, then good answers."""
    return lambda body, number: play if number < times else Play()


# -- what goes out and what comes back ---------------------------------------------------------------------------------


@both
def test_an_answer_with_all_that_is_known_of_it(stream: bool) -> None:
    made = answer(stream=stream, price_input_per_mtok=10.0, price_cached_per_mtok=5.0, price_output_per_mtok=20.0)
    assert (made.text, made.finish_reason) == (GOOD, "stop")
    assert (made.prompt_tokens, made.cached_tokens, made.output_tokens) == (100, 60, 20)
    assert made.cost_usd == pytest.approx((40 * 10 + 60 * 5 + 20 * 20) / 1e6)
    assert json.loads(made.sampling or "") == {"max_tokens": 2048, "seed": 40, "temperature": 0.2}


@both
def test_the_server_gets_key_model_prompt_pictures_and_schema(stream: bool) -> None:
    jpegs = [random.Random(k).randbytes(5000) for k in range(3)]
    request = Request(
        kind="window",
        start_s=0.0,
        end_s=3.0,
        prompt="What is seen?\nBetween 0 and 3 s.",
        pictures_at=13,
        pictures=tuple(Picture(time_s=float(k), pts_s=float(k), jpeg=j) for k, j in enumerate(jpegs)),
        schema='{"type": "object"}',
        seed=5,
        attempt=2,
    )
    with engine(stream=stream) as (made, server):
        made.submit(request).result(WAIT_S)
    asked = server.asked[0]
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert (asked.body["model"], asked.body["seed"], asked.body["temperature"]) == ("m", 5, 0.5)
    assert asked.body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert [part["type"] for part in asked.content] == ["text", *["image_url"] * 3, "text"]
    assert (asked.content[0]["text"], asked.content[-1]["text"]) == ("What is seen?", "\nBetween 0 and 3 s.")
    got = [base64.b64decode(p["image_url"]["url"].split(",")[1]) for p in asked.content[1:-1]]
    assert got == jpegs


def test_without_a_key_none_is_sent() -> None:
    with engine(key=None, api_key_env=None) as (made, server):
        made.submit(REQUEST).result(WAIT_S)
    assert "authorization" not in server.asked[0].headers


@both
@pytest.mark.parametrize(
    ("play", "finish", "text"),
    [
        (Play(finish="length"), "length", GOOD),
        (Play(finish="content_filter", text=""), "refusal", "withheld by the server's content filter"),
        (Play(finish="content_filter", text="A dog"), "refusal", "A dog"),
        (Play(text="", refusal="That I will not do."), "refusal", "That I will not do."),
        (Play(text=""), "stop", ""),
        (Play(finish="tool_calls"), "stop", GOOD),
    ],
)
def test_how_an_answer_ended(play: Play, finish: str, text: str, stream: bool) -> None:
    made = answer(lambda body, number: play, stream=stream)
    assert (made.finish_reason, made.text) == (finish, text)


@both
def test_a_refusal_never_becomes_a_caption(stream: bool) -> None:
    refused = Play(text="", refusal="A man walks in the park with a small dog.")  # words that no pattern would catch
    with engine(lambda body, number: refused, stream=stream) as (made, server):
        got = ask(made, REQUEST, tries=2, gates=(*ALWAYS, *GENERATIVE)).result(WAIT_S)
    assert (got.valid, got.failure_class, got.usage.rejected) == (False, "gate", ("refusal", "refusal"))
    assert [a.body["seed"] for a in server.asked] == [40, 41]
    assert got.usage.output_tokens == 40


def test_a_loop_is_stopped_while_it_is_written_and_the_server_is_left() -> None:
    with engine(lambda body, number: Play(text=LOOP + " ", endless=True)) as (made, server):
        got = made.submit(REQUEST).result(WAIT_S)
        assert server.asked[0].left.wait(WAIT_S), "the server still writes"
    assert got.finish_reason == "loop"
    assert 0 < got.output_tokens < 1000


@both
def test_tokens_that_the_server_does_not_count_are_estimated_and_that_is_said_once(
    stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    picture = Picture(time_s=0.0, pts_s=0.0, jpeg=b"x")
    request = Request(kind="frame", start_s=0.0, end_s=1.0, prompt="a" * 35, pictures=(picture, picture))
    with (
        caplog.at_level(logging.WARNING),
        engine(lambda body, number: Play(usage=None), stream=stream, picture_tokens=500, price_output_per_mtok=1.0) as (
            made,
            _,
        ),
    ):
        got = [made.submit(request).result(WAIT_S) for _ in range(2)]
    assert got[0].prompt_tokens == 1010
    assert 14 <= got[0].output_tokens <= 30
    assert got[0].cost_usd == pytest.approx(got[0].output_tokens / 1e6)
    assert len([r for r in caplog.records if "are estimated" in r.message]) == 1


# -- what goes wrong ---------------------------------------------------------------------------------------------------

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
        with engine(first(Play(wait=never)), timeout_s=0.5) as (made, server):
            assert made.submit(REQUEST).result(WAIT_S).text == GOOD
            assert len(server.asked) == 2
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


# -- how hard it is asked, and how it ends -----------------------------------------------------------------------------


def test_no_more_requests_are_on_their_way_than_allowed() -> None:
    gate = threading.Event()
    many = threading.Barrier(4, timeout=WAIT_S)  # three requests and this test

    def script(body: dict[str, Any], number: int) -> Play:
        if number < 3:
            many.wait()
        return Play(wait=gate)

    with engine(script, max_concurrency=3) as (made, server):
        futures = [made.submit(REQUEST) for _ in range(12)]
        many.wait()
        time.sleep(0.5)  # for a fourth, which must not come
        assert len(server.asked) == 3
        gate.set()
        assert all(f.result(WAIT_S).text == GOOD for f in futures)
    assert (server.most, len(server.asked)) == (3, 12)


@pytest.mark.parametrize(
    ("options", "minutes"),
    [({"requests_per_minute": 4}, 2), ({"tokens_per_minute": 420, "max_tokens": 10}, 2), ({}, 0)],
)
def test_rate_limits_are_kept(options: dict[str, Any], minutes: int) -> None:
    clock = Virtual()
    with engine(clock=clock, **options) as (made, _):  # each answer takes 120 tokens as the server counts
        for _ in range(10):
            made.submit(REQUEST).result(WAIT_S)
    assert sum(clock.slept) // 60 >= minutes
    assert sum(clock.slept) < 60 * minutes * 2 + 1


def test_nothing_is_left_behind_and_who_waits_is_told() -> None:
    never = threading.Event()
    names = {t.name for t in threading.enumerate()}
    assert "openai-engine" not in names
    both_there = threading.Semaphore(0)

    def script(body: dict[str, Any], number: int) -> Play:
        both_there.release()
        return Play(wait=never)

    with serve(script) as server:
        spec = OpenAIEngine(model="m", base_url=server.url, api_key_env=None, max_concurrency=2)
        with spec.open() as made:
            waiting = [made.submit(REQUEST) for _ in range(5)]
            assert both_there.acquire(timeout=WAIT_S) and both_there.acquire(timeout=WAIT_S)
        assert all(isinstance(f.exception(0), ItemError) for f in waiting)
        assert all("the engine is closed" in str(f.exception(0)) for f in waiting)
        assert isinstance(made.submit(REQUEST).exception(0), ItemError)
        assert "openai-engine" not in {t.name for t in threading.enumerate()}
        port = server.http.server_address[1]
        ours = [c for c in psutil.Process().net_connections() if c.raddr and c.raddr.port == port]
        assert [c.status for c in ours if c.status == psutil.CONN_ESTABLISHED] == []
        never.set()


def test_a_connection_that_waits_for_the_next_request_is_closed() -> None:
    with serve() as server:
        spec = OpenAIEngine(model="m", base_url=server.url, api_key_env=None)
        with spec.open() as made:
            assert [made.submit(REQUEST).result(WAIT_S).text for _ in range(2)] == [GOOD, GOOD]
            assert server.connections == 1
        assert server.idle.wait(WAIT_S)


def test_answers_that_come_while_it_closes_do_not_hang_who_asks_again() -> None:
    def script(body: dict[str, Any], number: int) -> Play:
        return Play(text="")

    with engine(script) as (made, _):
        asking = [ask(made, REQUEST, tries=50) for _ in range(20)]
    assert all(not a.result(WAIT_S).valid for a in asking)


def test_a_future_that_was_cancelled_harms_nobody() -> None:
    with engine() as (made, _):
        futures: list[Future[Generation]] = [made.submit(REQUEST) for _ in range(4)]
        futures[0].cancel()
        assert all(f.result(WAIT_S).text == GOOD for f in futures[1:])


def test_operators_of_one_actor_share_it() -> None:
    with serve() as server:
        spec = OpenAIEngine(model="m", base_url=server.url, api_key_env=None)
        with shared(spec) as one, shared(spec) as two:
            assert one is two


def test_what_a_picture_takes_is_learned_from_the_server() -> None:
    pictures = tuple(Picture(time_s=float(k), pts_s=float(k), jpeg=b"x") for k in range(4))
    shown = Request(kind="window", start_s=0.0, end_s=4.0, prompt="x" * 35, pictures=pictures)
    endless = Play(text=LOOP + " ", endless=True)  # stopped by the engine, so that the server's count never comes
    counted = Play(usage={"prompt_tokens": 210, "completion_tokens": 5})
    with engine(lambda body, number: counted if number == 1 else endless, picture_tokens=700) as (made, _):
        guessed = [made.submit(shown).result(WAIT_S).prompt_tokens for _ in range(3)]
    assert guessed == [2810, 210, 210]
