"""The protocol of recognisers, which turn a span of speech into lines with times.

A recogniser *spec* is a frozen dataclass whose fields are its config; `open()` loads it once per process and yields
an object with `recognise(samples)`. The caller detects voice before and checks the lines afterwards.
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
    """A recognised line; times in seconds from the first sample.

    Attributes:
        words: list of (start_s, end_s, text, confidence or None); None if the engine has no word times.
        confidence: 0 to 1; None if the engine reports none.
        language: ISO 639-1; None if the engine reports none.
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
        """Return the lines of one span of voice; empty if no word was recognised. Equal samples give equal lines.

        In-process engines call `PROGRESS.step()` during the work, for the watchdog.

        Raises:
            ItemError: class `engine`: a server or a model refused.
        """


@dataclass(frozen=True, kw_only=True)
class RecogniserSpec(abc.ABC):
    """Base of recogniser specs.

    Class variables:
        version: increased whenever equal sound would give other lines.
        isolated: True for native code, which runs in the child process since it may crash; False for a server.
    """

    version: ClassVar[int]
    isolated: ClassVar[bool] = True

    @property
    @abc.abstractmethod
    def origin(self) -> str:
        """Name and model, for the rows."""

    @property
    def gpus(self) -> float:
        """GPUs of one instance, if the machine has any."""
        return 0.0

    @abc.abstractmethod
    def open(self) -> AbstractContextManager[RunningRecogniser]:
        """Load the recogniser once."""

    def check(self, *, elsewhere: bool = False) -> None:  # noqa: B027  a choice, not a duty
        """Check, without loading, for problems that would fail every line.

        Args:
            elsewhere: the recogniser may run on other machines, so a package that is missing here is no error.

        Raises:
            ValueError: in one line.
        """

    def identity_extra(self) -> dict[str, Any]:
        """Return the version, and the class if it is not one of Longcap's, so that their lines have different keys."""
        cls = type(self)
        extra: dict[str, Any] = {"version": self.version}
        if cls.__module__.partition(".")[0] != __name__.partition(".")[0]:
            extra["recogniser"] = f"{cls.__module__}:{cls.__qualname__}"
        distribution = distribution_of(cls, RECOGNISERS)
        return extra if distribution is None else {**extra, "distribution": distribution}
