"""Hostile answers of a server: chunks and bodies with invalid values, floods, and broken protocol.

Every request must end with a `Generation` whose row converts to Arrow, or with an `ItemError` of class `engine`,
in time, in bounded memory, and without the key in its message.
"""

from __future__ import annotations

import json
import random
import time
from typing import Any

import psutil
import pyarrow as pa

from operators.core.base import ItemError
from operators.core.rows import USAGE
from operators.engines.ask import Usage
from operators.engines.base import Request
from operators.engines.openai import OpenAIEngine
from operators.engines.openai.running import running
from tests.support.chat import GOOD, Play, serve
from tests.support.fuzz.outcome import Outcome

KEY = "sk-very-secret-0123456789"
_LIMIT_S = 20.0
_GROWN_BYTES = 300 * 2**20
_ODD: list[Any] = [
    "\ud83d", "a\udc00", "\x00\x1b[31m", "", 12345, 10**25, -5, 1.5, float("nan"), True, None, [], {}, [{"text": "x"}],
    "x" * 200_000, "many", [[["deep"]]], f"Bearer {KEY}", KEY[::-1], 2**31, 2**63,
]  # fmt: skip


def _body(draw: random.Random) -> bytes:
    """Return a body that is a chat completion except for some invalid values."""
    message: dict[str, Any] = {"role": "assistant", "content": GOOD}
    usage: dict[str, Any] = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 3}}
    body: dict[str, Any] = {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    }
    for _ in range(draw.randint(1, 3)):
        part = draw.choice([message, message, usage, usage, body, body["choices"][0] if body.get("choices") else body])
        if isinstance(part, dict) and part:
            part[draw.choice(list(part))] = draw.choice(_ODD)
        if not isinstance(body.get("choices"), list) or not all(isinstance(c, dict) for c in body["choices"]):
            break
    data = json.dumps(body).encode()
    how = draw.randrange(8)
    if how == 0:
        return data[: draw.randrange(len(data))]
    if how == 1:
        return b"[" * draw.choice([10, 100_000])
    if how == 2:
        at = draw.randrange(len(data))
        return data[:at] + draw.randbytes(5) + data[at:]
    if how == 3:
        return b'{"usage": {"prompt_tokens": ' + b"9" * 6000 + b"}}"
    if how == 4:
        return b"x" * 3 * 2**20
    return data


def _play(draw: random.Random) -> Play:
    how = draw.randrange(4)
    if how == 0:
        error = {"error": {draw.choice(["message", "code", "type"]): draw.choice(_ODD), "param": KEY}}
        headers = {"Retry-After": draw.choice(["0", "1e9", "nan", "soon", "Wed, 21 Oct 99999 07:28:00 GMT"])}
        return Play(status=draw.choice([200, 307, 400, 404, 413, 429, 500]), whole=error, headers=headers)
    if how == 1:
        return Play(whole=_body(draw))
    usage = {"prompt_tokens": draw.choice(_ODD), "completion_tokens": draw.choice(_ODD)}
    return Play(
        text=draw.choice([GOOD, GOOD + " \ud83d", "\ud83d", "\x00", "a" * 300_000, KEY]),
        refusal=draw.choice([None, None, "No \udc00."]),
        finish=draw.choice(["stop", "length", "content_filter", "error", "?", None]),
        usage=draw.choice([usage, None]),
        broken=draw.random() < 0.1,
        cut_after=draw.choice([None, None, 0, 1]),
    )


def fuzz(count: int, *, seed: int = 0) -> Outcome:
    """Send `count` requests to a server with random answers."""
    outcome = Outcome()
    process = psutil.Process()
    before = process.memory_info().rss
    with serve(lambda body, number: _play(random.Random(f"{seed}-{number}"))) as server:
        for stream in (True, False):
            spec = OpenAIEngine(
                model="m", base_url=server.url, stream=stream, retries=0, timeout_s=10.0, max_tokens=64,
                price_input_per_mtok=1.0,
            )  # fmt: skip
            with running(spec, KEY) as engine:
                for number in range(stream, count, 2):
                    began_s = time.monotonic()
                    request = Request(kind="window", start_s=0.0, end_s=1.0, prompt="Say what you see.")
                    _one(f"{number}", engine.submit(request), outcome)
                    took_s = time.monotonic() - began_s
                    outcome.slowest_s = max(outcome.slowest_s, took_s)
                    if took_s > _LIMIT_S:
                        outcome.late.append(f"{number}: {took_s:.1f} s")
    outcome.grown_bytes = max(0, process.memory_info().rss - before)
    if outcome.grown_bytes > _GROWN_BYTES:
        outcome.odd.append(f"memory grew by {outcome.grown_bytes} bytes")
    return outcome


def _one(label: str, future: Any, outcome: Outcome) -> None:
    try:
        got = future.result(60.0)
    except ItemError as error:
        outcome.counts[error.failure_class] += 1
        if error.failure_class not in ("engine", "gate") or KEY in str(error) or len(str(error)) > 1000:
            outcome.odd.append(f"{label}: {error}"[:500])
        return
    except Exception as error:
        outcome.odd.append(f"{label}: {type(error).__name__}: {error}"[:500])
        return
    outcome.counts[got.finish_reason] += 1
    usage = Usage(got.prompt_tokens, got.cached_tokens, got.output_tokens, got.seconds, got.cost_usd)
    try:
        pa.array([usage.row()], USAGE)
        got.text.encode()
    except Exception as error:
        outcome.odd.append(f"{label}: {type(error).__name__}: {error}"[:500])
    if KEY in got.text or "\x00" in got.text or not 0 <= got.cost_usd < 1e3 or len(got.text) > 100_000:
        outcome.odd.append(f"{label}: {got!r}"[:500])
