"""Waiting for results of an engine, but only as long as its process is alive."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

LOOK_S = 2.0  # between two looks whether the engine is alive

_Answer = TypeVar("_Answer")


class EngineDied(RuntimeError):
    """The process of an engine ended during a request."""


async def while_alive(engine: Any, work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """Await `work` as long as `engine` (`vllm.AsyncLLM`) is alive.

    vLLM drops calls that are on their way to a process that dies, such as a request that is still being prepared or the
    query for the tasks of a model. Their futures are never completed.

    Raises:
        EngineDied: vLLM reports it, or the engine is dead and `work` is still pending one check later.
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
