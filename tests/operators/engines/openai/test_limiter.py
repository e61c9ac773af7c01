from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.engines.openai.limiter import WINDOW_S, Admission, Limiter
from tests.operators.engines.openai.clock import Virtual


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


steps = st.lists(
    st.tuples(
        st.floats(0, 40, allow_subnormal=False),  # time that passes before it asks
        st.integers(0, 150),  # tokens that it is guessed to take
        st.none() | st.integers(0, 150),  # what it took, known before the next asks
    ),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)
@given(st.none() | st.integers(1, 6), st.none() | st.integers(1, 120), steps)
def test_no_minute_holds_more_than_the_limits_and_nothing_waits_without_need(
    requests: int | None, tokens: int | None, plan: list[tuple[float, int, int | None]]
) -> None:
    async def work() -> None:
        clock = Virtual()
        limiter = Limiter(requests=requests, tokens=tokens, clock=clock)
        let_through: list[Admission] = []

        def too_much(counted: list[Admission], guess: int) -> bool:
            many = requests is not None and len(counted) + 1 > requests
            taken = sum(a.tokens for a in counted)
            much = tokens is not None and taken > 0 and taken + guess > tokens
            return many or much

        for gap, guess, took in plan:
            clock.time_s += gap
            asked_s = clock.now()
            admission = await limiter.enter(guess)
            now = clock.now()
            assert admission.until_s == now + WINDOW_S
            counted = [a for a in let_through if a.until_s > now]
            assert not too_much(counted, guess)
            if now > asked_s:
                just_before = [a for a in let_through if a.until_s >= now]
                assert too_much(just_before, guess), "it could have started earlier"
            let_through.append(admission)
            if took is not None:
                limiter.settle(admission, took)

    run(work())


def test_without_limits_nothing_waits() -> None:
    async def work() -> None:
        clock = Virtual()
        limiter = Limiter(requests=None, tokens=None, clock=clock)
        for _ in range(100):
            await limiter.enter(10**6)
        assert clock.slept == []

    run(work())


def test_requests_start_in_the_order_in_which_they_ask() -> None:
    async def work() -> None:
        clock = Virtual()
        limiter = Limiter(requests=3, tokens=100, clock=clock)
        started: list[int] = []

        async def one(number: int, tokens: int) -> None:
            await limiter.enter(tokens)
            started.append(number)

        # a small one must not overtake a large one for ever
        await asyncio.gather(*(one(n, 90 if n % 2 else 1) for n in range(20)))
        assert started == list(range(20))
        assert clock.now() - 1000.0 >= 6 * WINDOW_S  # 20 requests, 3 a minute

    run(work())


def test_a_request_over_the_whole_limit_starts_when_nothing_else_counts() -> None:
    async def work() -> None:
        clock = Virtual()
        limiter = Limiter(requests=None, tokens=100, clock=clock)
        await limiter.enter(5)
        await limiter.enter(5000)
        assert clock.now() == 1000.0 + WINDOW_S

    run(work())


@pytest.mark.parametrize(("took", "waits"), [(10, 0.0), (95, WINDOW_S)])
def test_what_an_answer_really_took_is_what_counts(took: int, waits: float) -> None:
    async def work() -> None:
        clock = Virtual()
        limiter = Limiter(requests=None, tokens=100, clock=clock)
        limiter.settle(await limiter.enter(100), took)
        await limiter.enter(50)
        assert clock.now() == 1000.0 + waits

    run(work())


def test_an_answer_that_no_longer_counts_changes_nothing() -> None:
    async def work() -> None:
        clock = Virtual()
        limiter = Limiter(requests=None, tokens=100, clock=clock)
        late = await limiter.enter(100)
        await limiter.enter(100)
        limiter.settle(late, 1)
        assert limiter.wait_s(100) == WINDOW_S

    run(work())


def test_an_answer_that_makes_room_is_seen_by_who_waits() -> None:
    async def work() -> None:
        clock = Virtual()
        limiter = Limiter(requests=None, tokens=100, clock=clock)
        first = await limiter.enter(100)
        waiting = asyncio.create_task(limiter.enter(50))
        while clock.now() < 1003.0:
            await asyncio.sleep(0)
        limiter.settle(first, 20)
        await waiting
        assert clock.now() < 1010.0

    run(work())


def test_a_server_that_asks_to_wait_stops_all() -> None:
    async def work() -> None:
        clock = Virtual()
        limiter = Limiter(requests=None, tokens=None, clock=clock)
        limiter.close_for(7.0)
        limiter.close_for(3.0)  # the longer one counts
        await limiter.enter(1)
        assert clock.now() == 1007.0

    run(work())
