"""A booted model: one thread that answers requests by priority, one at a time."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count

from operators.core.base import ItemError
from operators.engines.base import EngineRefused, Generation, PromptTooLong, Request, RunningEngine
from operators.engines.transformers.models import Answering, Said, load
from operators.engines.transformers.options import TransformersOptions
from operators.engines.vllm.admission import priority_of
from operators.engines.vllm.options import dump_sampling

_LAST = 10**6  # a priority behind all requests: the thread answers earlier requests before it ends
_WORDS = 300


@dataclass(order=True)
class _Waiting:
    priority: int
    number: int
    request: Request | None = field(compare=False)
    future: Future[Generation] = field(compare=False)
    began: float = field(compare=False, default=0.0)


class Engine(RunningEngine):
    """See `TransformersEngine`. `boot()` comes first, `close()` last; `submit` from any thread."""

    def __init__(self, spec: TransformersOptions) -> None:
        self._spec = spec
        self._queue: queue.PriorityQueue[_Waiting] = queue.PriorityQueue()
        self._number = count()
        self._closed = threading.Event()
        self._guard = threading.Lock()
        self._model: Answering | None = None
        self._thread = threading.Thread(target=self._work, name="transformers", daemon=True)

    def boot(self) -> None:
        """Load the model and answer one short request.

        Raises:
            EngineRefused: transformers or the adapter refuses the model or its settings.
            ItemError: class `engine`: there was not enough memory; a retry may succeed.
        """
        try:
            self._model = load(self._spec, self._closed)
            self.context_tokens = self._model.context_tokens
            if self._spec.adapter is None:  # an adapter may know no request without frames
                self._model.answer(Request(kind="video", start_s=0.0, end_s=1.0, prompt="Say yes."), 2)
        except Exception as error:
            self._model = None
            said = f"transformers does not load the model {self._spec.model}: {_plain(error)}"
            raise (ItemError("engine", said) if _lacks_memory(error) else EngineRefused(said)) from error
        self._thread.start()

    def submit(self, request: Request) -> Future[Generation]:
        future: Future[Generation] = Future()
        with self._guard:
            if self._closed.is_set():
                future.set_exception(ItemError("engine", "the engine is closed"))
            else:
                number = next(self._number)
                self._queue.put(_Waiting(priority_of(request.kind), number, request, future, time.perf_counter()))
        return future

    def count_tokens(self, text: str) -> int:
        return self._model.count_tokens(text) if self._model else super().count_tokens(text)

    def answer_tokens(self, request: Request) -> int:
        return self._spec.answer_tokens(request)

    def close(self) -> None:
        """Stop after the current token; pending requests get an error. Safe to call twice."""
        with self._guard:
            self._closed.set()
            self._queue.put(_Waiting(_LAST, next(self._number), None, Future()))
        if self._thread.is_alive():
            self._thread.join()
        self._model = None
        _free()

    def _work(self) -> None:
        while (waiting := self._queue.get()).request is not None:
            if self._closed.is_set():
                waiting.future.set_exception(ItemError("engine", "the engine was closed before it answered"))
                continue
            try:
                waiting.future.set_result(self._answer(waiting.request, waiting.began))
            except ItemError as error:
                waiting.future.set_exception(error)
            except Exception as error:
                if _lacks_memory(error):
                    _free()
                said = f"the model failed on a {waiting.request.kind}: {_plain(error)}"
                waiting.future.set_exception(ItemError("engine", said))

    def _answer(self, request: Request, began: float) -> Generation:
        assert self._model is not None
        if request.images and not self._model.sees:
            raise ItemError("engine", f"the model {self._spec.model} has no vision encoder and was shown a frame")
        if len(request.images) > self._spec.max_frames and self._model.shown(request) == "images":
            raise PromptTooLong(None, self.context_tokens or 0)
        said: Said = self._model.answer(request, self._spec.answer_tokens(request))
        if self._closed.is_set() and said.finish == "length":
            raise ItemError("engine", "the engine was closed before it answered")
        return Generation(
            text=said.text,
            finish_reason=said.finish,
            prompt_tokens=said.prompt_tokens,
            output_tokens=said.output_tokens,
            seconds=time.perf_counter() - began,
            sampling=dump_sampling(self._spec.sampling(request.attempt), request.seed),
        )


def _lacks_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()


def _plain(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:_WORDS]}"


def _free() -> None:
    """Release cached GPU memory for other processes."""
    import gc

    gc.collect()
    try:
        import torch
    except ImportError:
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
