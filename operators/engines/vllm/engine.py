"""A booted vLLM engine: AsyncLLM on its own event loop in its own thread.

The actor's own loop and threads block on storage and back-pressure, which must not block the engine. An engine that
dies is restarted and its requests are repeated, so that callers only notice a longer wait.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
import time
from concurrent.futures import Future
from typing import Any

from operators.core.base import ItemError
from operators.engines.base import EngineRefused, Generation, PromptTooLong, Request, RunningEngine
from operators.engines.gates import ends_in_loop
from operators.engines.vllm import environment, refusal
from operators.engines.vllm.admission import Admission, priority_of
from operators.engines.vllm.alive import LOOK_S, EngineDied, while_alive
from operators.engines.vllm.inputs import Shown, content, media, render
from operators.engines.vllm.options import VllmOptions, dump_sampling
from operators.engines.vllm.processes import Processes
from operators.engines.vllm.reasoning import Reasoning

_LOOP_EVERY = 24  # tokens between two checks for a loop
_CLOSE_S = 30.0
_ROOM = 1.25  # admitted requests per running sequence: the next ones are prepared while these run
_TOO_LONG = re.compile(r"maximum (?:context|model) length")

_log = logging.getLogger(__name__)


class Engine(RunningEngine):
    """See `VllmEngine`. `boot()` comes first, `close()` last; both from one thread, `submit` from any."""

    def __init__(self, spec: VllmOptions) -> None:
        self._spec = spec
        self._guard = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vllm", daemon=True)
        self._thread.start()
        self._engine: Any = None
        self._boots = 0
        self._given_up: str | None = None
        self._processes = Processes()
        self._progress = time.monotonic()
        self._counting = threading.Lock()  # a fast tokenizer is not for two threads at once
        self._tokenizer: Any = None
        self._reasoning: Reasoning | None = None
        self._model_type = ""
        self._sees = False
        self._shown: Shown = "images"
        self._number = 0

    # -- what callers use ------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Load the model and answer one short request.

        Raises:
            EngineRefused: vLLM rejects the arguments or the model; the message contains vLLM's own error.
            ItemError: class `engine`: another failure; a retry may succeed.
        """
        asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result()

    def submit(self, request: Request) -> Future[Generation]:
        with self._guard:  # after it is closed nothing may reach the loop: nobody would answer
            if not self._closed:
                return asyncio.run_coroutine_threadsafe(self._answer(request), self._loop)
        future: Future[Generation] = Future()
        future.set_exception(ItemError("engine", "the engine is closed"))
        return future

    def count_tokens(self, text: str) -> int:
        with self._counting:
            return len(self._tokenizer.encode(text, add_special_tokens=False))

    def answer_tokens(self, request: Request) -> int:
        return self._spec.answer_tokens(request)

    def close(self) -> None:
        """Stop the engine and all processes that it started. Safe to call twice."""
        with self._guard:
            self._closed = True
        if self._loop.is_closed():
            return
        self._given_up = "it is being closed"
        try:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_CLOSE_S)
        except Exception as error:  # whatever it says, its processes go
            _log.debug("vllm did not end by itself: %r", error)
        self._processes.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_S)
        if not self._thread.is_alive():
            self._loop.close()

    # -- life and death, on the loop -------------------------------------------------------------------------------

    async def _begin(self) -> None:
        self._reviving = asyncio.Lock()
        self._admission = Admission(max(1, int(self._spec.max_num_seqs * _ROOM)))
        while True:
            try:
                await self._start()
                break
            except EngineRefused:
                raise
            except ItemError as error:
                # a process that was killed may boot
                killed = "initialization failed" in error.message or isinstance(error.__cause__, EngineDied)
                if not killed or self._boots > self._spec.restarts:
                    raise
                _log.warning("%s; once more", error.message)
        self._watching = asyncio.create_task(self._watch())

    async def _start(self) -> None:
        """Boot the engine once."""
        spec = self._spec
        with environment.prepared(
            spec.model,
            kv_cache_gib=spec.cpu_kv_cache_gib,
            threads=spec.cpu_threads,
            alone=spec.tensor_parallel * spec.pipeline_parallel == 1,
        ):
            await self._boot()

    async def _boot(self) -> None:
        log = refusal.Log()
        try:
            from vllm.engine.arg_utils import AsyncEngineArgs
            from vllm.v1.engine.async_llm import AsyncLLM

            arguments = AsyncEngineArgs(**self._spec.arguments())
            self._boots += 1
            with self._processes.recording():
                self._engine = AsyncLLM.from_engine_args(arguments)
            model = self._engine.model_config
            self.context_tokens = int(model.max_model_len)
            self._tokenizer = await _maybe(self._engine.get_tokenizer())
            if self._spec.reasoning_parser is not None:
                template = self._spec.chat_template_kwargs
                self._reasoning = Reasoning(self._spec.reasoning_parser, self._tokenizer, template)
            self._model_type = str(getattr(model.hf_config, "model_type", ""))
            self._sees = bool(model.is_multimodal_model)
            self._shown = self._how_shown()
            await self._warm_up()
            self._progress = time.monotonic()
        except Exception as error:
            if self._engine is not None:
                _shut_down(self._engine)
            self._processes.kill()
            words = refusal.last_words(error, log.text())
            said = f"vLLM does not boot with the model {self._spec.model}: {words}{refusal.advice(words)}"
            if log.path is not None:
                said += f" (its log: {log.path} on {socket.gethostname()})"
            if refusal.is_final(error, words):
                raise EngineRefused(said) from error
            raise ItemError("engine", said) from error

    def _how_shown(self) -> Shown:
        if self._spec.frames_as != "auto":
            return self._spec.frames_as
        config = self._engine.model_config.hf_config
        takes_video = any(getattr(config, name, None) is not None for name in ("video_token_id", "video_token_index"))
        return "video" if takes_video else "images"

    async def _warm_up(self) -> None:
        """Send one request, so that compilation, allocation and errors of the first request happen during the boot."""
        from vllm import SamplingParams

        prompt = render(self._tokenizer, [{"type": "text", "text": "Say yes."}], None, self._spec.chat_template_kwargs)
        params = SamplingParams(max_tokens=2, temperature=0.0)

        async def answer() -> None:
            async for _ in self._engine.generate({"prompt": prompt}, params, f"warm-up-{self._boots}"):
                pass

        try:
            await asyncio.wait_for(while_alive(self._engine, answer()), self._spec.stall_s)
        except TimeoutError:
            raise TimeoutError(f"no answer to a first request in {self._spec.stall_s:g} s (stall_s)") from None

    async def _watch(self) -> None:
        """Health check: restart an engine that died silently or makes no progress while requests wait."""
        while True:
            await asyncio.sleep(LOOK_S)
            engine = self._engine
            if engine is None or self._reviving.locked():
                continue
            if self._stalled():
                _log.warning("vllm made no token for %.0f s: its processes are ended", self._spec.stall_s)
                self._processes.kill()  # every pending request gets an error and is repeated
                self._progress = time.monotonic()
            elif engine.errored:
                await self._revive(engine)

    def _stalled(self) -> bool:
        """Whether requests have been pending for `stall_s` seconds without any token."""
        since = max(self._progress, self._admission.occupied_since)
        return self._admission.inside > 0 and time.monotonic() - since > self._spec.stall_s

    async def _revive(self, dead: Any) -> None:
        """Replace the engine `dead` unless it was replaced already; give up after `restarts` restarts."""
        async with self._reviving:
            if self._engine is not dead or self._given_up:
                return
            if self._boots > self._spec.restarts:
                self._given_up = f"it died {self._boots} times (restarts: {self._spec.restarts})"
                return
            _log.warning("vllm died; it is booted again (%d of %d)", self._boots, self._spec.restarts)
            _shut_down(dead)
            self._processes.kill()
            try:
                await self._start()
            except ItemError as error:
                self._given_up = f"it died and does not boot again: {error.message}"

    async def _end(self) -> None:
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._engine is not None:
            _shut_down(self._engine)
            self._engine = None

    # -- one request -----------------------------------------------------------------------------------------------

    async def _answer(self, request: Request) -> Generation:
        began = time.perf_counter()
        if request.images and not self._sees:
            raise ItemError("engine", f"the model {self._spec.model} has no vision encoder and was shown a frame")
        try:
            async with self._admission.enter(priority_of(request.kind)):
                prompt = await asyncio.to_thread(self._prompt, request)
                for _ in range(self._spec.restarts + 2):
                    async with self._reviving:
                        engine, given_up = self._engine, self._given_up
                    if given_up:
                        break
                    try:
                        return await while_alive(engine, self._generate(engine, prompt, request, began))
                    except EngineDied:
                        await self._revive(engine)
        except asyncio.CancelledError:
            raise ItemError("engine", "the engine was closed before it answered") from None
        raise ItemError("engine", f"the engine has ended: {self._given_up or 'it died too often'}")

    def _prompt(self, request: Request) -> dict[str, Any]:
        shown: Shown = "images" if request.kind == "frame" else self._shown
        if shown == "images" and len(request.images) > self._spec.max_frames:
            raise PromptTooLong(None, self.context_tokens or 0)
        parts = content(request, shown)
        with self._counting:
            text = render(self._tokenizer, parts, self._spec.system, self._spec.chat_template_kwargs)
        return {"prompt": text, **media(request, shown, self._model_type)}

    async def _generate(self, engine: Any, prompt: dict[str, Any], request: Request, began: float) -> Generation:
        from vllm.exceptions import VLLMValidationError
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        settings = self._spec.sampling(request.attempt)
        room = self._spec.answer_tokens(request)
        text, finish, tokens, looked, asked, cached = "", "length", 0, 0, 0, 0
        self._number += 1
        reasoning = self._reasoning
        parameters = _parameters(settings, room, request, reasoning)
        more = reasoning.arguments(engine.generate) if reasoning else {}
        stream = engine.generate(prompt, parameters, f"{request.kind}-{self._number}", **more)
        try:
            async for output in stream:
                self._progress = time.monotonic()
                if not asked:
                    asked = len(output.prompt_token_ids or ())
                    cached = output.num_cached_tokens or 0
                    self._check_room(asked, room)
                part = output.outputs[0]
                text += part.text
                tokens += len(part.token_ids)
                finish = part.finish_reason or finish
                if tokens - looked >= _LOOP_EVERY and not part.finish_reason:
                    looked = tokens
                    if ends_in_loop(text):
                        finish = "loop"
                        break
        except (EngineDeadError, ItemError):
            raise
        except (VLLMValidationError, ValueError) as error:
            raise _refused(error, (self.context_tokens or 0) - room) from error
        except EngineGenerateError as error:
            raise ItemError("engine", f"vLLM failed on a {request.kind}: {refusal.plain(error)}") from error
        finally:
            await stream.aclose()  # aborts what is not finished
        return Generation(
            text=reasoning.answer(text) if reasoning else text,
            finish_reason="loop" if finish == "loop" else "stop" if finish == "stop" else "length",
            prompt_tokens=asked,
            output_tokens=tokens,
            cached_tokens=cached,
            seconds=time.perf_counter() - began,
            sampling=dump_sampling(settings, request.seed),
        )

    def _check_room(self, asked: int, room: int) -> None:
        """Raise `PromptTooLong` if the answer does not fit behind the prompt, where vLLM would cut the answer."""
        limit = (self.context_tokens or 0) - room
        if asked > limit:
            raise PromptTooLong(asked, limit)


def _parameters(settings: dict[str, Any], room: int, request: Request, reasoning: Reasoning | None) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        **settings,
        seed=request.seed % 2**63,
        max_tokens=room,
        skip_special_tokens=reasoning is None or reasoning.skip_special_tokens,
        output_kind=RequestOutputKind.DELTA,
        structured_outputs=_structured(request.schema) if request.schema else None,
    )


def _structured(schema: str) -> Any:
    from vllm.sampling_params import StructuredOutputsParams

    # without it a small model falls into endless line breaks between two tokens of JSON
    return StructuredOutputsParams(json=schema, disable_any_whitespace=True)


def _refused(error: Exception, limit: int) -> ItemError:
    said = " ".join(str(error).split())
    if _TOO_LONG.search(said):
        return PromptTooLong(None, limit)  # vLLM stops counting at the limit
    return ItemError("engine", f"vLLM refuses the request: {said[:300]}")


def _shut_down(engine: Any) -> None:
    try:
        engine.shutdown()
    except Exception as error:  # it is dead or dying; its processes are ended after it
        _log.debug("vllm did not shut down cleanly: %r", error)


async def _maybe(value: Any) -> Any:
    return await value if asyncio.iscoroutine(value) else value
