"""The protocol of embedders, which turn frames or texts into unit-length vectors, so that a dot product is a cosine.

An embedder *spec* is a frozen dataclass whose fields are its config; `open()` loads it once per process and yields
an object with `texts` and `frames`.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from operators.core.entry_points import EMBEDDERS, distribution_of
from operators.embedding.vectors import Vectors

Modality = Literal["frames", "texts"]


class RunningEmbedder:
    """A loaded embedder. Equal input gives equal vectors, whatever else is in the same batch."""

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Return the vector of each text; shape (0, d) for an empty list.

        Raises:
            ItemError: class `engine`: the model or its server refused.
        """
        raise NotImplementedError

    def frames(self, jpegs: Sequence[bytes]) -> Vectors:
        """Return the vector of each frame, given as JPEG; errors as for `texts`."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class EmbedderSpec(abc.ABC):
    """Base of embedder specs.

    Class variables:
        version: increased whenever equal input would give other vectors.
        modalities: what it embeds. With both modalities, their vectors are in one space.
    """

    version: ClassVar[int]
    modalities: ClassVar[frozenset[Modality]]

    @property
    @abc.abstractmethod
    def model_id(self) -> str:
        """Kind and model, for the rows; only vectors with the same `model_id` are comparable."""

    @property
    def gpus(self) -> float:
        """GPUs of one instance, if the machine has any."""
        return 0.0

    @abc.abstractmethod
    def open(self) -> AbstractContextManager[RunningEmbedder]:
        """Load the embedder once; release everything at exit.

        Raises:
            EngineRefused: it cannot be loaded, permanently.
        """

    def check(self, *, elsewhere: bool = False) -> None:  # noqa: B027  a choice, not a duty
        """Check, without loading, for problems that would fail every vector.

        Args:
            elsewhere: the embedder may run on other machines, so a package that is missing here is no error.

        Raises:
            ValueError: in one line.
        """

    def identity_extra(self) -> dict[str, Any]:
        """Return the class and version of the embedder, so that vectors of another one have different keys."""
        cls = type(self)
        extra = {"embedder": f"{cls.__module__}:{cls.__qualname__}", "version": self.version}
        distribution = distribution_of(cls, EMBEDDERS)
        return extra if distribution is None else {**extra, "distribution": distribution}
