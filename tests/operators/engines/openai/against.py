"""An engine against a server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from operators.engines.base import Generation, Request, RunningEngine
from operators.engines.openai import OpenAIEngine
from operators.engines.openai.limiter import Clock
from operators.engines.openai.running import running
from tests.operators.engines.openai.clock import Virtual
from tests.support.chat import ChatServer, Script, serve

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
