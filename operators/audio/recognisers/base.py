"""What a recogniser is: it turns a stretch of sound in which somebody speaks into lines with times.

A recogniser *spec* is a frozen dataclass (its fields are its config); `open()` loads it once a process and yields
something with `recognise(samples)`. Whoever calls it has found the voice before, and looks at the lines behind it.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from operators.core.entry_points import RECOGNISERS, distribution_of

Samples = NDArray[np.int16]
"""Sound at 16 kHz, mono; shape (samples,)."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was recognised; times in seconds from the first sample.

    Attributes:
        words: (start_s, end_s, text, confidence or None) of each; None where the engine has no times of words.
        confidence: 0 to 1; None where the engine does not say.
        language: ISO 639-1; None where the engine does not say.
    """

    start_s: float
    end_s: float
    text: str
    words: tuple[tuple[float, float, str, float | None], ...] | None = None
    confidence: float | None = None
    language: str | None = None


class RunningRecogniser(Protocol):
    """A loaded recogniser."""

    def recognise(self, samples: Samples) -> Sequence[Utterance]:
        """The lines of one span of voice; none where no word was recognised. Equal samples give equal lines.

        In-process engines call `PROGRESS.step()` while they work, so that the watchdog sees that they do.

        Raises:
            ItemError: class `engine`: a server or a model refused.
        """


@dataclass(frozen=True, kw_only=True)
class RecogniserSpec(abc.ABC):
    """Base of recogniser specs.

    Class variables:
        version: raised whenever equal sound would give other lines.
        isolated: it runs native code, which belongs in the child process that may die; False: it asks a server.
    """

    version: ClassVar[int]
    isolated: ClassVar[bool] = True

    @property
    @abc.abstractmethod
    def origin(self) -> str:
        """Its name and model, for the rows."""

    @property
    def gpus(self) -> float:
        """GPUs that one of it takes on a machine that has some."""
        return 0.0

    @abc.abstractmethod
    def open(self) -> AbstractContextManager[RunningRecogniser]:
        """Load it once."""

    def check(self, *, elsewhere: bool = False) -> None:  # noqa: B027  a choice, not a duty
        """Look, without loading, for what would make every line fail.

        Args:
            elsewhere: it may run on other machines: what is not installed here may be there.

        Raises:
            ValueError: in one line.
        """

    def identity_extra(self) -> dict[str, Any]:
        """The version, and which class it is where it is not ours: lines of another are never taken for its own."""
        cls = type(self)
        extra: dict[str, Any] = {"version": self.version}
        if cls.__module__.partition(".")[0] != __name__.partition(".")[0]:
            extra["recogniser"] = f"{cls.__module__}:{cls.__qualname__}"
        distribution = distribution_of(cls, RECOGNISERS)
        return extra if distribution is None else {**extra, "distribution": distribution}
