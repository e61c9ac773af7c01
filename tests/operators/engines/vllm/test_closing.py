"""Requests that come while an engine closes: each is answered, and nobody waits for ever. No model is booted."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from types import SimpleNamespace
from typing import Any

import pytest

from operators.core.base import ItemError
from operators.engines.base import Generation, Request
from operators.engines.vllm import VllmEngine
from operators.engines.vllm.engine import Engine

REQUEST = Request(kind="section", start_s=0.0, end_s=1.0, prompt="Tell it.")


def _engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine as after its boot, whose requests wait until it closes."""
    engine = Engine(VllmEngine(model="Org/Model"))

    async def never(self: Engine, request: Request) -> Generation:
        import asyncio

        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ItemError("engine", "the engine was closed before it answered") from None
        raise AssertionError

    monkeypatch.setattr(Engine, "_answer", never)
    return engine


def test_every_request_is_answered_whenever_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = _engine(monkeypatch)
    asked: list[Future[Generation]] = [engine.submit(REQUEST) for _ in range(4)]
    ends = engine._processes.close

    def while_it_closes() -> None:
        asked.append(engine.submit(REQUEST))  # its requests have been cancelled, and its loop still runs
        ends()

    monkeypatch.setattr(engine, "_processes", SimpleNamespace(close=while_it_closes))
    engine.close()
    asked.append(engine.submit(REQUEST))
    done, left = wait(asked, 60.0)
    assert not left and len(done) == 6
    for one in asked:
        with pytest.raises(ItemError, match="closed"):
            one.result(0)
    engine.close()  # again


def test_who_asks_again_and_again_ends_with_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = _engine(monkeypatch)
    answered: list[Any] = []

    def ask() -> None:
        while not (error := str(engine.submit(REQUEST).exception(60.0))).endswith("is closed"):
            answered.append(error)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    engine.close()
    for thread in threads:
        thread.join(60.0)
        assert not thread.is_alive()
