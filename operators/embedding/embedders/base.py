"""What an embedder is: it turns frames or texts into vectors of length 1, so that a dot product is a cosine.

An embedder *spec* is a frozen dataclass (its fields are its config); `open()` loads it once a process and yields
something with `texts` and `frames`.
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
    """A loaded embedder. Equal input gives equal vectors, whatever else is in the same call."""

    def texts(self, texts: Sequence[str]) -> Vectors:
        """A vector of each text; of an empty list an array of no rows.

        Raises:
            ItemError: class `engine`: the model or its server refused.
        """
        raise NotImplementedError

    def frames(self, jpegs: Sequence[bytes]) -> Vectors:
        """A vector of each frame, given as JPEG; otherwise as `texts`."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class EmbedderSpec(abc.ABC):
    """Base of embedder specs.

    Class variables:
        version: raised whenever equal input would give other vectors.
        modalities: what it embeds. Vectors of both lie in one space where it has both.
    """

    version: ClassVar[int]
    modalities: ClassVar[frozenset[Modality]]

    @property
    @abc.abstractmethod
    def model_id(self) -> str:
        """Its kind and model, for the rows: vectors of one `model_id` can be compared."""

    @property
    def gpus(self) -> float:
        """GPUs that one of it takes on a machine that has some."""
        return 0.0

    @abc.abstractmethod
    def open(self) -> AbstractContextManager[RunningEmbedder]:
        """Load it once; leave nothing behind.

        Raises:
            EngineRefused: it does not load and never will.
        """

    def check(self, *, elsewhere: bool = False) -> None:  # noqa: B027  a choice, not a duty
        """Look, without loading, for what would make every vector fail.

        Args:
            elsewhere: it may run on other machines: what is not installed here may be there.

        Raises:
            ValueError: in one line.
        """

    def identity_extra(self) -> dict[str, Any]:
        """Which embedder it is and its version: vectors of another one are never taken for this one's."""
        cls = type(self)
        extra = {"embedder": f"{cls.__module__}:{cls.__qualname__}", "version": self.version}
        distribution = distribution_of(cls, EMBEDDERS)
        return extra if distribution is None else {**extra, "distribution": distribution}
