"""One booted engine shared by all operators of an actor with equal specs: a second copy of a model would not fit."""

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
    """`spec.open()`, but the engine is booted by its first user in this process and closed by its last."""
    if spec.generative:  # whose answers gates look at: not only while the first of them waits
        identify.load()
    key = digest([f"{type(spec).__module__}:{type(spec).__qualname__}", engine_config(spec)])
    with _guard:  # further users wait for the boot
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
