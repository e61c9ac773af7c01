"""Models of transformers: the checkpoint's own processor and `generate()`, or an adapter written by the user.

Frames and their times enter the prompt as in the engine `vllm` (`operators.engines.vllm.inputs`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

from operators.core.base import ItemError
from operators.core.loading import LOADING
from operators.engines.base import EngineRefused, PromptTooLong, Request
from operators.engines.decoded import images
from operators.engines.gates import ends_in_loop
from operators.engines.transformers.grammar import Grammars
from operators.engines.transformers.options import TransformersOptions
from operators.engines.vllm.inputs import Shown, content, metadata, render

_DRAWING = threading.Lock()
_LOOK_S = 0.1
_LOOP_EVERY = 24  # tokens between two looks for a loop
_AUTO = ("AutoModelForImageTextToText", "AutoModelForCausalLM", "AutoModel")
_SCHEMA = "\n\nAnswer with one JSON object that follows this JSON Schema, and with nothing else:\n"


@dataclass(frozen=True)
class Said:
    """An answer of a model with its token counts."""

    text: str
    finish: Literal["stop", "length", "loop"]
    prompt_tokens: int
    output_tokens: int


class Answering(Protocol):
    """A loaded model. Not thread-safe."""

    context_tokens: int | None
    sees: bool

    def shown(self, request: Request) -> Shown:
        """How the frames of a request enter the prompt."""

    def count_tokens(self, text: str) -> int:
        """Tokens of `text`."""

    def answer(self, request: Request, room: int) -> Said:
        """Generate an answer of at most `room` tokens.

        Raises:
            PromptTooLong: the prompt and `room` tokens do not fit the context together.
        """


def load(spec: TransformersOptions, closed: threading.Event) -> Answering:
    """Load the model that `spec` names. It stops generating when `closed` is set."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    _use_threads(spec)
    with LOADING:
        return _Adapted(spec, device, closed) if spec.adapter else _Own(spec, device, closed)


def _use_threads(spec: TransformersOptions) -> None:
    """Set the number of threads on the CPU for the calling thread; set once, it would be that of the last engine."""
    import torch

    if not torch.cuda.is_available():
        torch.set_num_threads(spec.cpu_threads)


@contextmanager
def _drawing(seed: int | None, closed: threading.Event) -> Iterator[None]:
    """Seed the random generators for one answer; None: its tokens are not drawn.

    PyTorch's generators belong to the process. Engines in one process that draw take turns; otherwise one would seed
    the generators in the middle of another's answer, which would then depend on what else is asked.

    Raises:
        ItemError: class `engine`: the engine is closed while it waits for its turn.
    """
    import torch

    if seed is None:
        yield
        return
    while not _DRAWING.acquire(timeout=_LOOK_S):
        if closed.is_set():
            raise ItemError("engine", "the engine was closed before it answered")
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed % 2**63)
            yield
    finally:
        _DRAWING.release()


class _Own:
    """A checkpoint with a processor and `generate()`, as transformers defines them."""

    def __init__(self, spec: TransformersOptions, device: str, closed: threading.Event) -> None:
        import transformers as t

        t.utils.logging.disable_progress_bar()
        self._spec, self._closed = spec, closed
        common = {"trust_remote_code": spec.trust_remote_code, "revision": spec.hub_revision}
        config = t.AutoConfig.from_pretrained(spec.model, **common)
        self._model = _auto(config).from_pretrained(
            spec.model,
            dtype=spec.dtype,
            **common,
            **({"device_map": "auto"} if spec.gpu_count > 1 else {}),
            **spec.model_args,
        )
        if spec.gpu_count == 1:
            self._model.to(device)
        self._model.eval()
        self._processor = t.AutoProcessor.from_pretrained(spec.model, **common)
        self._tokenizer = getattr(self._processor, "tokenizer", self._processor)
        self.sees = getattr(self._processor, "image_processor", None) is not None
        self._video = self.sees and getattr(self._processor, "video_processor", None) is not None
        self._type = str(getattr(config, "model_type", ""))
        text = getattr(config, "text_config", config)
        self.context_tokens = spec.max_model_len or getattr(text, "max_position_embeddings", None)

    def shown(self, request: Request) -> Shown:
        if len(request.images) < 2 or request.kind == "frame" or self._spec.frames_as == "images":
            return "images"  # some processors of videos need two frames
        return "video" if self._video or self._spec.frames_as == "video" else "images"

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def answer(self, request: Request, room: int) -> Said:
        import torch
        import transformers as t

        inputs = self._inputs(request)
        asked = int(inputs["input_ids"].shape[1])
        if self.context_tokens is not None and asked + room > self.context_tokens:
            raise PromptTooLong(asked, self.context_tokens - room)
        settings = self._spec.sampling(request.attempt)
        draws = settings["temperature"] > 0
        looking = _Looking(self._tokenizer, asked, self._closed)
        following = [self._grammars.following(request.schema)] if request.schema is not None else []
        _use_threads(self._spec)
        with torch.inference_mode(), _drawing(request.seed if draws else None, self._closed):
            made = self._model.generate(
                **inputs.to(self._model.device),
                max_new_tokens=room,
                do_sample=draws,
                **({"temperature": settings["temperature"], "top_p": settings["top_p"], "top_k": 0} if draws else {}),
                repetition_penalty=settings["repetition_penalty"],
                logits_processor=t.LogitsProcessorList(following),
                stopping_criteria=t.StoppingCriteriaList([looking]),
            )
        tokens = made[0]
        # models that were given embeddings return the answer alone
        tokens = tokens[asked:] if len(tokens) >= asked and tokens[:asked].equal(inputs["input_ids"][0]) else tokens
        text = self._tokenizer.decode(tokens, skip_special_tokens=True)
        cut = len(tokens) >= room and int(tokens[-1]) not in self._ends()
        finish: Literal["stop", "length", "loop"] = (
            "loop" if looking.looped else "length" if cut or self._closed.is_set() else "stop"
        )
        return Said(text, finish, asked, len(tokens))

    @cached_property
    def _grammars(self) -> Grammars:
        """Created at the first request with a schema, so that others work with tokenizers that xgrammar rejects."""
        head = self._model.get_output_embeddings()
        return Grammars(self._tokenizer, self._ends(), len(self._tokenizer) if head is None else head.weight.shape[0])

    def _ends(self) -> set[int]:
        ends = self._model.generation_config.eos_token_id
        return set(ends) if isinstance(ends, list) else {ends}

    def _inputs(self, request: Request) -> Any:
        shown = self.shown(request)
        parts = content(request, shown)
        if request.schema is not None:
            parts.append({"type": "text", "text": _SCHEMA + request.schema})
        templated = self._processor if getattr(self._processor, "chat_template", None) else self._tokenizer
        text = render(templated, parts, self._spec.system, self._spec.chat_template_kwargs)
        given: dict[str, Any] = {"text": [text], "return_tensors": "pt", **self._spec.processor_kwargs}
        frames = images(request.images)
        if frames and shown == "images":
            given["images"] = frames
        elif frames:
            import numpy as np
            from transformers.video_utils import VideoMetadata

            facts = metadata([p.time_s for p in request.images], self._type)
            sampled = facts.pop("do_sample_frames")
            given |= {"videos": [np.stack([np.asarray(frame) for frame in frames])], "do_sample_frames": sampled}
            given["video_metadata"] = [VideoMetadata(**facts)]
        return self._processor(**given)


class _Looking:
    """Stops generation when the model repeats itself or the engine is being closed."""

    def __init__(self, tokenizer: Any, asked: int, closed: threading.Event) -> None:
        self._tokenizer, self._asked, self._closed = tokenizer, asked, closed
        self._seen = 0
        self.looped = False

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG002  # transformers' signature
        import torch

        self._seen += 1
        if self._seen % _LOOP_EVERY == 0:
            made = input_ids[0][-self._seen :]
            self.looped = ends_in_loop(self._tokenizer.decode(made, skip_special_tokens=True))
        stop = self.looped or self._closed.is_set()
        return torch.full((input_ids.shape[0],), stop, dtype=torch.bool, device=input_ids.device)


class _Adapted:
    """A model behind `adapter`, a function of the spec and the device that returns a function
    `answer(prompt, frames, times_s, settings) -> text`."""

    def __init__(self, spec: TransformersOptions, device: str, closed: threading.Event) -> None:
        self._spec, self._closed = spec, closed
        self.context_tokens = spec.max_model_len
        self.sees = True
        self._call: Callable[[str, Sequence[Any], Sequence[float], dict[str, Any]], str] = spec.load_adapter()(
            spec, device
        )
        if not callable(self._call):
            raise EngineRefused(f"adapter {spec.adapter} returned {type(self._call).__name__}, not a function")

    def shown(self, request: Request) -> Shown:  # noqa: ARG002  # its frames are its own affair
        return "images"

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def answer(self, request: Request, room: int) -> Said:
        import torch

        prompt = request.prompt if request.schema is None else request.prompt + _SCHEMA + request.schema
        asked = self.count_tokens(prompt)
        if self.context_tokens is not None and asked + room > self.context_tokens:
            raise PromptTooLong(asked, self.context_tokens - room)
        settings = {**self._spec.sampling(request.attempt), "max_new_tokens": room}
        times_s = [p.time_s for p in request.images]
        draws = settings["temperature"] > 0
        _use_threads(self._spec)
        with torch.inference_mode(), _drawing(request.seed if draws else None, self._closed):
            text = self._call(prompt, images(request.images), times_s, settings)
        return Said(text, "stop", asked, self.count_tokens(text))


def _auto(config: Any) -> Any:
    """The auto class of transformers for a config, with vision if there is one."""
    import transformers as t

    own = getattr(config, "auto_map", None) or {}
    for name in _AUTO:
        auto = getattr(t, name)
        if name in own or type(config) in auto._model_mapping:
            return auto
    raise EngineRefused(f"transformers has no class that generates text for a model of type {config.model_type}")
