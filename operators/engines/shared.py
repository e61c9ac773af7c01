"""One booted engine for all operators of an actor that name the same one: a second copy of a model would not fit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from operators.core.fingerprint import digest
from operators.engines.base import EngineSpec, RunningEngine
from operators.engines.registry import engine_config
from operators.language import identify


@dataclass
class _Held:
    context: AbstractContextManager[RunningEngine]
    engine: RunningEngine
    users: int = 0


_held: dict[str, _Held] = {}
_guard = threading.Lock()


@contextmanager
def shared(spec: EngineSpec) -> Iterator[RunningEngine]:
    """`spec.open()`, booted by the first who asks in this process and closed by the last who leaves."""
    if spec.generative:  # whose answers gates look at: not only while the first of them waits
        identify.load()
    key = digest([f"{type(spec).__module__}:{type(spec).__qualname__}", engine_config(spec)])
    with _guard:  # others wait for the boot, too: that is the point
        if key not in _held:
            context = spec.open()
            _held[key] = _Held(context, context.__enter__())
        held = _held[key]
        held.users += 1
    try:
        yield held.engine
    finally:
        with _guard:
            held.users -= 1
            if not held.users:
                del _held[key]
                held.context.__exit__(None, None, None)
