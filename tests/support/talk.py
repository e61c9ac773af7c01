"""Scripted voices and embeddings for recipes with speech, with known results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from operators.audio.recognisers.base import Samples
from operators.audio.speakers.base import RunningSpeakers, SpeakerSpec
from operators.embedding.embedders.base import EmbedderSpec, Modality, RunningEmbedder
from operators.embedding.vectors import Vectors, unit


@dataclass(frozen=True, kw_only=True)
class Turns(SpeakerSpec):
    """Assigns another voice to each line."""

    version: ClassVar[int] = 1

    @contextmanager
    def open(self) -> Iterator[RunningSpeakers]:
        yield _Turns()


class _Turns:
    def __init__(self) -> None:
        self._count = 0

    def embed(self, samples: Samples) -> NDArray[np.float32]:
        self._count += 1
        return np.eye(8, dtype=np.float32)[(self._count - 1) % 8]


@dataclass(frozen=True, kw_only=True)
class Brightness(EmbedderSpec):
    """Embeds frames by brightness; texts are white. Clips of `write_clip` get brighter for 10 s, then start again."""

    version: ClassVar[int] = 1
    modalities: ClassVar[frozenset[Modality]] = frozenset({"frames", "texts"})

    @property
    def model_id(self) -> str:
        return "brightness"

    @contextmanager
    def open(self) -> Iterator[RunningEmbedder]:
        yield _Brightness()


class _Brightness(RunningEmbedder):
    def texts(self, texts: Sequence[str]) -> Vectors:
        return unit(np.tile(np.array([0.0, 1.0], np.float32), (len(texts), 1)))

    def frames(self, jpegs: Sequence[bytes]) -> Vectors:
        grey = np.array([np.asarray(Image.open(BytesIO(j)).convert("L"), np.float32).mean() for j in jpegs])
        angle = (grey - 40) / 150 * np.pi / 2
        return unit(np.stack([np.cos(angle), np.sin(angle)], axis=1))
