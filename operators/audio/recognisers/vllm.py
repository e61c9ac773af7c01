"""Transcription models in vLLM, in the actor's process: Whisper and all others that vLLM can transcribe with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from operators.audio.decode import RATE_HZ
from operators.audio.recognisers.base import RecogniserSpec, RunningRecogniser, Samples, Utterance
from operators.core.base import SIZING, ItemError
from operators.engines.base import EngineRefused
from operators.engines.vllm import installed, offline


@dataclass(frozen=True, kw_only=True)
class Vllm(RecogniserSpec):
    """A transcription model that runs in vLLM."""

    version: ClassVar[int] = 1
    isolated: ClassVar[bool] = False  # vLLM has its own processes

    kind: Literal["vllm"] = "vllm"
    model: Annotated[str, Field(min_length=1, description="folder of a model, or its name on the hub")]
    revision: Annotated[str | None, Field(description="revision of a model on the hub; null: the newest")] = None
    language: Annotated[
        str | None, Field(description="ISO 639-1; null: detected by the model in each span, if it can")
    ] = None
    prompt: Annotated[str | None, Field(description="words and names to expect; null: none")] = None
    max_tokens: Annotated[int, Field(ge=8, description="maximum number of tokens of a line")] = 224
    dtype: Annotated[str, Field(description="data type of the weights, as vLLM names it")] = "auto"
    gpu_memory_utilization: Annotated[
        float, Field(gt=0, le=1, description="share of a GPU's memory that vLLM takes"), SIZING
    ] = 0.9
    cpu_kv_cache_gib: Annotated[int, Field(ge=1, description="KV cache of vLLM on a CPU, GiB"), SIZING] = 1
    cpu_threads: Annotated[int, Field(ge=1, description="threads of vLLM on a CPU"), SIZING] = 1
    engine_args: Annotated[
        dict[str, Any], Field(description="further arguments of vLLM's EngineArgs, such as {trust_remote_code: true}")
    ] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"vllm {self.model.rstrip('/').rpartition('/')[2] if self.model.startswith('/') else self.model}"

    @property
    def gpus(self) -> float:
        return 1.0

    def identity_extra(self) -> dict[str, Any]:
        return {**super().identity_extra(), **installed.weights_identity(self.model)}

    def check(self, *, elsewhere: bool = False) -> None:
        offline.check("recogniser vllm", self.model, self.engine_args, elsewhere=elsewhere)

    @contextmanager
    def open(self) -> Iterator[RunningRecogniser]:
        try:
            self.check()
        except ValueError as error:
            raise EngineRefused(str(error)) from error
        with offline.booted(
            "recogniser vllm",
            self.model,
            kv_cache_gib=self.cpu_kv_cache_gib,
            threads=self.cpu_threads,
            arguments={
                "revision": self.revision,
                "dtype": self.dtype,
                "gpu_memory_utilization": self.gpu_memory_utilization,
                **self.engine_args,
            },
        ) as model:
            yield Running(self, model)


class Running:
    """A booted model. The class of the model in vLLM defines its prompt.

    Args:
        model: vLLM's `LLM`.
    """

    def __init__(self, spec: Vllm, model: Any) -> None:
        from vllm.model_executor.model_loader import get_model_cls
        from vllm.model_executor.models.interfaces import supports_transcription

        self._spec, self._model = spec, model
        self._config = model.model_config
        self._asks: Any = get_model_cls(self._config)
        if not supports_transcription(self._asks):
            raise EngineRefused(f"recogniser vllm: {spec.model} is not a transcription model of vLLM")
        self._speech = self._asks.get_speech_to_text_config(self._config, "transcribe")
        if self._speech.sample_rate != RATE_HZ:
            raise EngineRefused(
                f"recogniser vllm: {spec.model} needs {self._speech.sample_rate:g} Hz; Longcap decodes {RATE_HZ} Hz"
            )

    def recognise(self, samples: Samples) -> Sequence[Utterance]:
        """Return one line per span: these models return no times. Spans longer than the model's limit are cut there."""
        found: list[Utterance] = []
        longest = len(samples) if self._speech.max_audio_clip_s is None else self._speech.max_audio_clip_s * RATE_HZ
        for first in range(0, len(samples), int(longest)):
            piece = samples[first : first + int(longest)].astype(np.float32) / 32768.0
            said = self._line(piece, first / RATE_HZ)
            found += [said] if said is not None else []
        return found

    def _line(self, sound: Any, from_s: float) -> Utterance | None:
        from vllm import SamplingParams

        language = self._spec.language or self._language(sound)
        params = SamplingParams(temperature=0.0, max_tokens=self._spec.max_tokens, logprobs=0, skip_special_tokens=True)
        part = self._generate(self._prompt(sound, language), params)
        text = self._asks.post_process_output(part.text).strip()
        if not text:
            return None
        tokens = max(1, len(part.token_ids))
        confidence = None if part.cumulative_logprob is None else math.exp(min(0.0, part.cumulative_logprob / tokens))
        return Utterance(from_s, from_s + len(sound) / RATE_HZ, text, None, confidence, language)

    def _prompt(self, sound: Any, language: str | None) -> Any:
        from vllm.config.speech_to_text import SpeechToTextParams

        return self._asks.get_generation_prompt(
            SpeechToTextParams(
                audio=sound,
                stt_config=self._speech,
                model_config=self._config,
                language=language,
                task_type="transcribe",
                request_prompt=self._spec.prompt or "",
                to_language=None,
            )
        )

    def _language(self, sound: Any) -> str | None:
        """Return the language of a span, if the model can detect it with one token, as Whisper can."""
        from vllm import SamplingParams

        if not getattr(self._asks, "supports_explicit_language_detection", False):
            return None
        tokenizer = self._model.get_tokenizer()
        params = SamplingParams(
            temperature=0.0, max_tokens=1, allowed_token_ids=self._asks.get_language_token_ids(tokenizer)
        )
        part = self._generate(self._asks.get_language_detection_prompt(sound, self._speech), params)
        code: str | None = self._asks.parse_language_detection_output(list(part.token_ids), tokenizer)
        return code

    def _generate(self, prompt: Any, params: Any) -> Any:
        try:
            (answer,) = self._model.generate([prompt], params, use_tqdm=False)
        except (ValueError, RuntimeError) as error:
            line = " ".join(str(error).split())[:300]
            raise ItemError("engine", f"{self._spec.origin} failed to transcribe: {line}") from error
        return answer.outputs[0]
