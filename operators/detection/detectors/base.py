"""The protocol of detectors, which find objects in a frame with a label, a score and possibly a box."""

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
    """An object in a frame.

    Attributes:
        score: 0 to 1.
        box: left, top, right, bottom as shares of the frame's width and height; None for the whole frame.
    """

    label: str
    score: float
    box: tuple[float, float, float, float] | None = None


class RunningDetector(abc.ABC):
    """A loaded detector. Equal frames give equal detections."""

    @abc.abstractmethod
    def detect(self, frame: Any) -> Sequence[Found]:
        """Return the objects in a frame: RGB, uint8, shape (height, width, 3).

        Raises:
            ItemError: class `engine`: the model refused.
        """


@dataclass(frozen=True, kw_only=True)
class DetectorSpec(abc.ABC):
    """Base of detector specs.

    Class variables:
        version: increased whenever equal frames would give other detections.
    """

    version: ClassVar[int]

    @property
    @abc.abstractmethod
    def model_id(self) -> str:
        """Kind and model, for the rows."""

    @property
    def gpus(self) -> float:
        """GPUs of one instance, if the machine has any."""
        return 0.0

    @abc.abstractmethod
    def open(self) -> AbstractContextManager[RunningDetector]:
        """Load the detector once; release everything at exit.

        Raises:
            EngineRefused: it cannot be loaded, permanently.
        """

    def check(self, *, elsewhere: bool = False) -> None:  # noqa: B027  a choice, not a duty
        """Check, without loading, for problems that would fail every frame.

        Raises:
            ValueError: in one line.
        """

    def identity_extra(self) -> dict[str, Any]:
        """Return the class and version of the detector."""
        return {"detector": f"{type(self).__module__}:{type(self).__qualname__}", "version": self.version}


def weights_digest(path: str) -> str:
    """Return a hash of weights, which does not depend on their path.

    Raises:
        ValueError: the file cannot be read; one line.
    """
    from operators.embedding.sentences import file_digest

    try:
        return file_digest(str(Path(path).expanduser()))[:FINGERPRINT_HEX]
    except OSError as error:
        raise ValueError(f"the weights {path} cannot be read: {error.strerror}") from error


def check_files(noun: str, weights: str, labels: str | None) -> None:
    """Check that the files of a detector exist.

    Raises:
        ValueError: in one line, what is missing.
    """
    if not Path(weights).expanduser().is_file():
        raise ValueError(f"{noun}: there are no weights at {weights}")
    if labels is not None:
        names_in(labels)


def names_in(path: str) -> list[str]:
    """Return the labels in a file, one per line, the first for class 0.

    Raises:
        ValueError: the file cannot be read; one line.
    """
    try:
        return [line.strip() for line in Path(path).expanduser().read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeError) as error:
        raise ValueError(f"the labels {path} cannot be read: {error}") from error
