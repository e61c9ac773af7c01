"""The running engine: requests on its own event loop in its own thread."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from operators.core.base import ItemError
from operators.engines.base import Generation, PromptTooLong, Request, RunningEngine
from operators.engines.openai.bounds import bounded_client, most_bytes, most_characters
from operators.engines.openai.faults import Fault, fault_of
from operators.engines.openai.limiter import Admission, Clock, Limiter
from operators.engines.openai.options import OpenAIOptions
from operators.engines.openai.reply import BrokenReply, Reply, read_stream, read_whole
from operators.engines.openai.scrub import scrubber
from operators.engines.openai.tokens import counter
from operators.engines.openai.wire import arguments, sampling

_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_INTERNAL_CHARACTERS = 2000
_CLOSED = "the engine is closed"

log = logging.getLogger(__name__)


@contextmanager
def running(spec: OpenAIOptions, key: str | None, clock: Clock | None = None) -> Iterator[RunningEngine]:
    """Run the engine; on exit its thread and connections end and pending requests get an error."""
    engine = _Running(spec, key, clock or Clock())
    try:
        yield engine
    finally:
        engine.close()


def backoff_s(failed: int, draw: random.Random) -> float:
    """Seconds before the next attempt: doubled with each of `failed` (from 1), with the upper half random.

    The random part keeps requests that failed together from retrying together; the fixed part keeps each from retrying
    immediately ("equal jitter" of the AWS Architecture Blog, Exponential Backoff and Jitter).
    """
    most = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (failed - 1))
    return most / 2 + draw.uniform(0.0, most / 2)


@dataclass(frozen=True)
class _Taken:
    """Tokens of one answer."""

    prompt: int
    cached: int
    output: int


class _Running(RunningEngine):
    def __init__(self, spec: OpenAIOptions, key: str | None, clock: Clock) -> None:
        import openai

        self.context_tokens = spec.context_tokens
        self._spec, self._key, self._clock = spec, key, clock
        self._where = f"the server at {urlsplit(spec.base_url).netloc}"
        self._count = counter(spec.model)
        self._draw = random.Random()
        self._slots = asyncio.Semaphore(spec.max_concurrency)
        self._limiter = Limiter(requests=spec.requests_per_minute, tokens=spec.tokens_per_minute, clock=clock)
        self._headers = {} if key else {"Authorization": openai.Omit()}
        # retries are ours: the client's know neither our limits nor how long a server asks to wait
        self._client = openai.AsyncOpenAI(
            base_url=spec.base_url,
            api_key=key or "none",
            max_retries=0,
            timeout=spec.timeout_s,
            http_client=bounded_client(most_bytes(spec.max_tokens)),
        )
        self._scrub = scrubber(key)
        self._most_characters = most_characters(spec.max_tokens)
        self._image_tokens = float(spec.frame_tokens)
        self._guessed = False
        self._tasks: set[asyncio.Task[Generation]] = set()
        self._closed = False
        self._guard = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="openai-engine", daemon=True)
        self._thread.start()

    # -- what callers see ----------------------------------------------------------------------------------------------

    def submit(self, request: Request) -> Future[Generation]:
        future: Future[Generation] = Future()
        with self._guard:  # after it is closed nothing may reach the loop: nobody would answer
            if not self._closed:
                self._loop.call_soon_threadsafe(self._begin, request, self._clock.now(), future)
                return future
        future.set_exception(ItemError("engine", _CLOSED))
        return future

    def count_tokens(self, text: str) -> int:
        return self._count(text)

    def answer_tokens(self, request: Request) -> int:  # noqa: ARG002  # the same for all
        return self._spec.max_tokens

    def close(self) -> None:
        with self._guard:
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _shut(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()
        await self._loop.shutdown_asyncgens()

    # -- on the loop ---------------------------------------------------------------------------------------------------

    def _begin(self, request: Request, began_s: float, future: Future[Generation]) -> None:
        task = self._loop.create_task(self._answer(request, began_s))
        self._tasks.add(task)
        task.add_done_callback(partial(self._hand_over, future))

    def _hand_over(self, future: Future[Generation], task: asyncio.Task[Generation]) -> None:
        self._tasks.discard(task)
        if not future.set_running_or_notify_cancel():
            return
        error = ItemError("engine", _CLOSED) if task.cancelled() else task.exception()
        if error is None:
            future.set_result(task.result())
        elif isinstance(error, ItemError):
            future.set_exception(error)
        else:  # a bug; a message is kept from the key all the same
            said = f"{type(error).__name__}: {error}"[:_INTERNAL_CHARACTERS]
            future.set_exception(ItemError("internal", self._scrub(said)))

    async def _answer(self, request: Request, began_s: float) -> Generation:
        text_tokens = self._count(request.prompt)
        room = None if self.context_tokens is None else self.context_tokens - self._spec.max_tokens
        if room is not None and text_tokens > room:  # some servers cut what is too long, and say nothing
            raise PromptTooLong(text_tokens, room)
        async with self._slots:
            guess = text_tokens + round(self._image_tokens * len(request.images))
            reply, taken = await self._ask(request, guess)
        if reply.prompt_tokens is not None and request.images:  # what the server counted is the next one's guess
            self._image_tokens = max(0, reply.prompt_tokens - text_tokens) / len(request.images)
        return Generation(
            text=self._scrub(reply.text),
            finish_reason=reply.finish,
            prompt_tokens=taken.prompt,
            cached_tokens=taken.cached,
            output_tokens=taken.output,
            seconds=self._clock.now() - began_s,
            cost_usd=self._spec.cost_usd(taken.prompt, taken.cached, taken.output),
            sampling=json.dumps(sampling(self._spec, request), sort_keys=True),
        )

    async def _ask(self, request: Request, guess: int) -> tuple[Reply, _Taken]:
        """Send the request until the server answers, with at most `retries` retries."""
        body = arguments(self._spec, request)
        failed, waited_s = 0, 0.0
        while True:
            admission = await self._limiter.enter(guess + self._spec.max_tokens)
            try:
                reply = await self._once(body)
            except Exception as error:
                fault = fault_of(
                    error,
                    where=self._where,
                    key_env=self._spec.api_key_env,
                    key=self._key,
                    model=self._spec.model,
                )
                if fault is None:
                    raise
            else:
                return reply, self._settle(reply, admission, guess)
            failed += 1
            waited_s += fault.wait_s or 0.0
            await self._after(fault, failed, guess, waited_s)

    async def _once(self, body: dict[str, Any]) -> Reply:
        async with asyncio.timeout(self._spec.timeout_s):
            got = await self._client.chat.completions.create(**body, extra_headers=self._headers)
            if not self._spec.stream:
                return read_whole(got, self._most_characters)
            if not hasattr(got, "__aiter__"):
                raise BrokenReply("the answer is no stream")
            return await read_stream(got, self._most_characters)

    async def _after(self, fault: Fault, failed: int, guess: int, waited_s: float) -> None:
        """Wait until the next attempt is due, or raise if there is to be none.

        Args:
            waited_s: total waiting time that the server asked for, this one included, in seconds.
        """
        if fault.too_long:
            context = fault.context_tokens or self.context_tokens
            # a server that does not say has less room than what it was sent
            room = guess if context is None else max(0, context - self._spec.max_tokens)
            raise PromptTooLong(fault.prompt_tokens, room)
        tries = "" if failed == 1 else f", {failed} times"
        if not fault.again or failed > self._spec.retries:
            raise ItemError("engine", f"{fault.message}{tries}", attempts=failed)
        most_s = max(self._spec.timeout_s, _LONGEST_WAIT_S * self._spec.retries)
        if fault.wait_s is not None and (fault.wait_s > self._spec.timeout_s or waited_s > most_s):
            said = f"{fault.message}; it asks to wait {fault.wait_s:.0f} s{tries}"
            raise ItemError("engine", said, attempts=failed)
        if fault.busy and fault.wait_s is not None:
            self._limiter.close_for(fault.wait_s)
        await self._clock.sleep(max(fault.wait_s or 0.0, backoff_s(failed, self._draw)))

    def _settle(self, reply: Reply, admission: Admission, guess: int) -> _Taken:
        """Tokens of the answer: counted by the server or, with one warning, estimated."""
        if (
            (reply.prompt_tokens is None or reply.output_tokens is None)
            and reply.finish != "loop"
            and not self._guessed
        ):
            self._guessed = True
            log.warning("%s counts no tokens; those of the usage and its cost are estimated", self._where)
        written = max(reply.pieces, self._count(reply.text)) if reply.finish != "loop" else reply.pieces
        taken = _Taken(
            prompt=guess if reply.prompt_tokens is None else reply.prompt_tokens,
            cached=0,
            output=written if reply.output_tokens is None else reply.output_tokens,
        )
        self._limiter.settle(admission, taken.prompt + taken.output)
        return replace(taken, cached=min(reply.cached_tokens or 0, taken.prompt))
