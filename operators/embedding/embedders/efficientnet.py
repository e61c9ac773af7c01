"""Embed frames without separate weights: the pooled features of EfficientNet-Lite0, from a package.

The network was trained on the 1,000 classes of ImageNet. Its features show whether two frames look alike, which finds
scene boundaries and near-duplicates. They cannot be compared with texts, know nothing of people or actions, and all
cosines are high: compare them with each other, not with thresholds for SigLIP or CLIP.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from operators.analysis.efficientnet import Network, check_installed, rgb
from operators.embedding.embedders.base import EmbedderSpec, Modality, RunningEmbedder
from operators.embedding.vectors import Vectors, unit
from operators.engines.base import EngineRefused


@dataclass(frozen=True, kw_only=True)
class EfficientNet(EmbedderSpec):
    """1,280 dimensions per frame, about 30 ms on a CPU core."""

    version: ClassVar[int] = 1
    modalities: ClassVar[frozenset[Modality]] = frozenset({"frames"})

    kind: Literal["efficientnet"] = "efficientnet"

    @property
    def model_id(self) -> str:
        return "efficientnet lite0-imagenet"

    def check(self, *, elsewhere: bool = False) -> None:
        if not elsewhere:
            check_installed("embedder efficientnet")

    @contextmanager
    def open(self) -> Iterator[RunningEmbedder]:
        try:
            self.check()
        except ValueError as error:
            raise EngineRefused(str(error)) from error
        yield _Running(Network())


class _Running(RunningEmbedder):
    def __init__(self, network: Network) -> None:
        self._network = network

    def frames(self, jpegs: Sequence[bytes]) -> Vectors:
        features = [self._network.features(rgb(jpeg)) for jpeg in jpegs]
        return unit(np.stack(features)) if features else np.zeros((0, 1280), np.float32)
