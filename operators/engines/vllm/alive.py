"""Waits for what an engine owes, and no longer than it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

LOOK_S = 2.0  # between two looks whether the engine is alive

_Answer = TypeVar("_Answer")


class EngineDied(RuntimeError):
    """The process of an engine ended while something was asked of it."""


async def while_alive(engine: Any, work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """What `work` gives, as long as `engine` (`vllm.AsyncLLM`) is alive.

    vLLM forgets what is on its way to a process that dies: a request that is still being prepared, the question for
    which tasks the model is. Who waits for such an answer is never told.

    Raises:
        EngineDied: vLLM says so, or the engine is dead and `work`, one look later, had heard nothing of it.
    """
    from vllm.v1.engine.exceptions import EngineDeadError

    task = asyncio.ensure_future(work)
    dead = False
    try:
        while not task.done():
            if dead:
                raise EngineDied("the engine's process ended")
            dead = bool(engine.errored)  # one look more: who is told of it knows more than we do
            await asyncio.wait({task}, timeout=LOOK_S)
        return task.result()
    except EngineDeadError as error:
        raise EngineDied(str(error)) from error
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=LOOK_S)
