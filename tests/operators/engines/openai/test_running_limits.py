"""How many requests the engine has in flight, its rate limits, and how it closes."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Any

import psutil
import pytest

from operators.core.base import ItemError
from operators.engines.ask import ask
from operators.engines.base import FrameImage, Generation, Request
from operators.engines.openai import OpenAIEngine
from operators.engines.shared import shared
from tests.operators.engines.openai.against import REQUEST, WAIT_S, engine
from tests.operators.engines.openai.clock import Virtual
from tests.support.chat import GOOD, Play, serve
from tests.support.engines import LOOP


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


def test_what_a_frame_takes_is_learned_from_the_server() -> None:
    images = tuple(FrameImage(time_s=float(k), pts_s=float(k), jpeg=b"x") for k in range(4))
    shown = Request(kind="window", start_s=0.0, end_s=4.0, prompt="x" * 35, images=images)
    endless = Play(text=LOOP + " ", endless=True)  # stopped by the engine, so that the server's count never comes
    counted = Play(usage={"prompt_tokens": 210, "completion_tokens": 5})
    with engine(lambda body, number: counted if number == 1 else endless, frame_tokens=700) as (made, _):
        guessed = [made.submit(shown).result(WAIT_S).prompt_tokens for _ in range(3)]
    assert guessed == [2810, 210, 210]
