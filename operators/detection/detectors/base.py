"""What a detector is: it finds things in a frame, each with a label, a score and, where it says so, a box."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from operators.core.fingerprint import FINGERPRINT_HEX


@dataclass(frozen=True, slots=True)
class Found:
    """A thing in a frame.

    Attributes:
        score: 0 to 1.
        box: left, top, right, bottom as shares of the frame's width and height; None: of the frame as a whole.
    """

    label: str
    score: float
    box: tuple[float, float, float, float] | None = None


class RunningDetector(abc.ABC):
    """A loaded detector. Equal frames give equal things."""

    @abc.abstractmethod
    def detect(self, picture: Any) -> Sequence[Found]:
        """What is in a picture: RGB, uint8, height x width x 3.

        Raises:
            ItemError: class `engine`: the model refused.
        """


@dataclass(frozen=True, kw_only=True)
class DetectorSpec(abc.ABC):
    """Base of detector specs.

    Class variables:
        version: raised whenever equal frames would give other things.
    """

    version: ClassVar[int]

    @property
    @abc.abstractmethod
    def model_id(self) -> str:
        """Its kind and model, for the rows."""

    @property
    def gpus(self) -> float:
        """GPUs that one of it takes on a machine that has some."""
        return 0.0

    @abc.abstractmethod
    def open(self) -> AbstractContextManager[RunningDetector]:
        """Load it once; leave nothing behind.

        Raises:
            EngineRefused: it does not load and never will.
        """

    def check(self, *, elsewhere: bool = False) -> None:  # noqa: B027  a choice, not a duty
        """Look, without loading, for what would make every frame fail.

        Raises:
            ValueError: in one line.
        """

    def identity_extra(self) -> dict[str, Any]:
        """Which detector it is and its version."""
        return {"detector": f"{type(self).__module__}:{type(self).__qualname__}", "version": self.version}


def weights_digest(path: str) -> str:
    """What weights are, wherever they lie.

    Raises:
        ValueError: they cannot be read, in one line.
    """
    from operators.embedding.sentences import file_digest

    try:
        return file_digest(str(Path(path).expanduser()))[:FINGERPRINT_HEX]
    except OSError as error:
        raise ValueError(f"the weights {path} cannot be read: {error.strerror}") from error


def check_files(noun: str, weights: str, labels: str | None) -> None:
    """Look for the files of a detector.

    Raises:
        ValueError: in one line, what is missing.
    """
    if not Path(weights).expanduser().is_file():
        raise ValueError(f"{noun}: there are no weights at {weights}")
    if labels is not None:
        names_in(labels)


def names_in(path: str) -> list[str]:
    """The labels in a file, one a line, the first of class 0.

    Raises:
        ValueError: it cannot be read, in one line.
    """
    try:
        return [line.strip() for line in Path(path).expanduser().read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeError) as error:
        raise ValueError(f"the labels {path} cannot be read: {error}") from error
