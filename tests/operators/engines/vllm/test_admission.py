from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.engines.base import KINDS
from operators.engines.vllm.admission import PRIORITY, Admission, priority_of
from tests.support.virtual_time import run


@dataclass(frozen=True)
class Guest:
    """Comes, stays that long once inside, and may give up at a time of its own."""

    comes_s: int
    stays_s: int
    priority: int
    gives_up_s: int | None
    fails: bool


GUESTS = st.lists(
    st.builds(
        Guest,
        comes_s=st.integers(0, 12),
        stays_s=st.integers(0, 6),
        priority=st.integers(0, 2),
        gives_up_s=st.none() | st.integers(0, 14),
        fails=st.booleans(),
    ),
    max_size=24,
)


@given(room=st.integers(1, 5), guests=GUESTS)
def test_never_more_inside_than_room_and_everyone_who_stays_gets_in(room: int, guests: list[Guest]) -> None:
    async def main() -> None:
        admission = Admission(room)
        inside: set[int] = set()
        entered: set[int] = set()

        async def visit(number: int, guest: Guest) -> None:
            await asyncio.sleep(guest.comes_s)
            async with admission.enter(guest.priority):
                inside.add(number)
                entered.add(number)
                try:
                    assert len(inside) <= admission.inside <= room  # who was called in counts, too
                    await asyncio.sleep(guest.stays_s)
                    if guest.fails:
                        raise ConnectionError
                finally:
                    inside.remove(number)

        async def leave(task: asyncio.Task[None], at_s: int) -> None:
            await asyncio.sleep(at_s)
            task.cancel()

        tasks = [asyncio.create_task(visit(n, g)) for n, g in enumerate(guests)]
        leaving = [leave(t, g.gives_up_s) for t, g in zip(tasks, guests, strict=True) if g.gives_up_s is not None]
        outcomes = await asyncio.gather(*tasks, *leaving, return_exceptions=True)
        assert not [o for o in outcomes if isinstance(o, AssertionError)]
        patient = {n for n, g in enumerate(guests) if g.gives_up_s is None}
        assert patient <= entered
        assert (admission.inside, admission.waiting) == (0, 0)
        async with admission.enter(0):  # all of the room is there again
            assert admission.inside == 1

    run(main())


@given(room=st.integers(1, 4), priorities=st.lists(st.integers(0, 2), max_size=20), data=st.data())
def test_who_waits_enters_by_priority_then_by_arrival(room: int, priorities: list[int], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(range(len(priorities))))) if priorities else set()

    async def main() -> list[int]:
        admission = Admission(room)
        entered: list[int] = []
        opened = asyncio.Event()

        async def hold() -> None:
            async with admission.enter(0):
                await opened.wait()

        async def visit(number: int) -> None:
            async with admission.enter(priorities[number]):
                entered.append(number)
                await asyncio.sleep(1)

        holding = [asyncio.create_task(hold()) for _ in range(room)]
        await asyncio.sleep(0)
        tasks = [asyncio.create_task(visit(n)) for n in range(len(priorities))]
        await asyncio.sleep(1)
        assert (admission.inside, admission.waiting) == (room, len(tasks))
        for number in gone:
            tasks[number].cancel()
        opened.set()
        await asyncio.gather(*holding, *tasks, return_exceptions=True)
        return entered

    stay = [n for n in range(len(priorities)) if n not in gone]
    assert run(main()) == sorted(stay, key=lambda n: (priorities[n], n))


def test_one_who_is_let_in_and_gives_up_in_the_same_moment_hands_the_room_on() -> None:
    async def main() -> None:
        admission = Admission(1)
        entered: list[str] = []

        async def visit(name: str) -> None:
            async with admission.enter(0):
                entered.append(name)

        async with admission.enter(0):
            first, second = asyncio.create_task(visit("first")), asyncio.create_task(visit("second"))
            await asyncio.sleep(0)
        first.cancel()  # its place was handed over just now, and it has not run since
        await asyncio.gather(first, second, return_exceptions=True)
        assert entered == ["second"]
        assert admission.inside == 0

    run(main())


def test_a_newcomer_does_not_overtake_one_who_waits() -> None:
    async def main() -> list[str]:
        admission = Admission(1)
        entered: list[str] = []

        async def visit(name: str) -> None:
            async with admission.enter(1):
                entered.append(name)
                await asyncio.sleep(1)

        async with admission.enter(0):
            waiting = asyncio.create_task(visit("waits"))
            await asyncio.sleep(1)
        newcomer = asyncio.create_task(visit("comes"))
        await asyncio.gather(waiting, newcomer)
        return entered

    assert run(main()) == ["waits", "comes"]


def test_each_kind_of_request_has_a_priority_and_frames_come_last() -> None:
    assert set(PRIORITY) == set(KINDS)
    assert max(PRIORITY, key=lambda kind: PRIORITY[kind]) == "frame"
    assert PRIORITY["window"] < priority_of("transcript") < PRIORITY["frame"], "a kind of somebody else's"


def test_it_is_occupied_since_the_first_came_to_an_empty_engine() -> None:
    async def main() -> list[float]:
        admission, seen = Admission(2), []

        async def stay(seconds: float) -> None:
            async with admission.enter(0):
                seen.append(admission.occupied_since)
                await asyncio.sleep(seconds)

        await stay(0.0)
        await asyncio.gather(stay(0.02), stay(0.02))  # the second does not begin it anew
        await stay(0.0)
        return seen

    first, second, third, fourth = asyncio.run(main())
    assert first < second == third < fourth


def test_no_room_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Admission(0)
