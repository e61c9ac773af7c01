"""Whisper models in faster-whisper (CTranslate2), by a folder with weights or a name on the hub."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from operators.audio.recognisers.base import RecogniserSpec, RunningRecogniser, Samples, Utterance
from operators.core.base import SIZING, ItemError
from operators.engines.vllm.installed import weights_identity
from operators.video.progress import PROGRESS


@dataclass(frozen=True, kw_only=True)
class Whisper(RecogniserSpec):
    """Whisper on this machine."""

    version: ClassVar[int] = 1

    kind: Literal["whisper"] = "whisper"
    model: Annotated[
        str,
        Field(min_length=1, description="folder with a CTranslate2 Whisper model, or its name on the hub: large-v3"),
    ]
    revision: Annotated[str | None, Field(description="revision of a model on the hub; null: the newest")] = None
    language: Annotated[str | None, Field(description="ISO 639-1; null: detected in each span")] = None
    beam_size: Annotated[int, Field(ge=1, le=20, description="beams of the search; 5 is the paper's")] = 5
    device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="device"), SIZING] = "auto"
    compute_type: Annotated[str, Field(description="CTranslate2's compute type: int8, float16, default, …")] = "default"
    cpu_threads: Annotated[int, Field(ge=1, description="threads on a CPU"), SIZING] = 1

    @property
    def origin(self) -> str:
        return f"whisper {Path(self.model).name}"

    def identity_extra(self) -> dict[str, Any]:
        return {**super().identity_extra(), **weights_identity(self.model)}

    def check(self, *, elsewhere: bool = False) -> None:
        if find_spec("faster_whisper") is None and not elsewhere:
            raise ValueError("recogniser whisper needs the package faster-whisper; install longcap[whisper]")
        if "/" in self.model and Path(self.model).is_absolute() and not elsewhere:
            folder = Path(self.model)
            if not (folder / "model.bin").is_file():
                raise ValueError(f"recogniser whisper: {folder} has no model.bin; name a folder of a CTranslate2 model")

    @contextmanager
    def open(self) -> Iterator[RunningRecogniser]:
        from faster_whisper import WhisperModel

        try:
            model = WhisperModel(
                self.model,
                device=self.device,
                compute_type=self.compute_type,
                cpu_threads=self.cpu_threads,
                revision=self.revision,
            )
        except (ValueError, OSError, RuntimeError) as error:
            raise ItemError("engine", f"whisper model {self.model} does not load: {error}") from error
        yield _Running(self, model)


class _Running:
    def __init__(self, spec: Whisper, model: Any) -> None:
        self._spec, self._model = spec, model

    def recognise(self, samples: Samples) -> Sequence[Utterance]:
        found: list[Utterance] = []
        segments, info = self._model.transcribe(
            samples.astype(np.float32) / 32768.0,
            language=self._spec.language,
            beam_size=self._spec.beam_size,
            word_timestamps=True,
            condition_on_previous_text=False,  # otherwise a repetition loop would continue in the next line
        )
        for segment in segments:
            PROGRESS.step()
            if text := segment.text.strip():
                words = [
                    (float(w.start), float(w.end), w.word.strip(), float(w.probability)) for w in segment.words or ()
                ]
                confidence = math.exp(min(0.0, segment.avg_logprob))
                found.append(
                    Utterance(
                        float(segment.start), float(segment.end), text, tuple(words) or None, confidence, info.language
                    )
                )
        return found
