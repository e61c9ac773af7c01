"""The protocol of speaker models, which turn a span of speech into a vector that is similar for the same voice."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from operators.audio.decode import BYTES, RATE_HZ
from operators.audio.recognisers.base import Samples
from operators.core import entry_points
from operators.core.fingerprint import canonical
from operators.core.named import Registry
from operators.video.progress import PROGRESS

Voices = NDArray[np.float32]
"""Unit-length rows, one per line; shape (lines, dimensions). A row of zeros marks a line that is too short."""

LONGEST_S = 10.0  # seconds of a line that a model uses; more adds nothing


class RunningSpeakers(Protocol):
    """A loaded model."""

    def embed(self, samples: Samples) -> NDArray[np.float32]:
        """Return the vector of one span of speech; shape (dimensions,). Equal samples give equal vectors.

        Raises:
            ItemError: class `engine`: the model refused.
        """


@dataclass(frozen=True, kw_only=True)
class SpeakerSpec(abc.ABC):
    """Base of specs of speaker models, whose fields are their config.

    Class variables:
        version: increased whenever equal sound would give other vectors.
    """

    version: ClassVar[int]

    @abc.abstractmethod
    def open(self) -> AbstractContextManager[RunningSpeakers]:
        """Load the model once."""

    def check(self, *, elsewhere: bool = False) -> None:  # noqa: B027  a choice, not a duty
        """Check, without loading, for problems that would fail every video.

        Raises:
            ValueError: in one line.
        """

    def identity_extra(self) -> dict[str, Any]:
        return {"version": self.version}


REGISTRY: Registry[SpeakerSpec] = Registry(
    noun="speaker model",
    base=SpeakerSpec,  # type: ignore[type-abstract]  # it is asked for subclasses only
    ours={"onnx": "operators.audio.speakers.onnx:Onnx"},
    group=entry_points.SPEAKERS,
)

AnySpeakers: TypeAlias = Annotated[SpeakerSpec | None, *REGISTRY.annotations(optional=True)]
"""The type of the operator `listen`'s field `speakers`."""

_loaded: dict[str, RunningSpeakers] = {}
_KEPT = ExitStack()


def embed_isolated(*, speakers: Any, path: str, spans: Sequence[tuple[float, float]], least_s: float) -> Voices:
    """Return the vectors of spans of a file of samples: a job of the child process, which keeps the loaded model.

    Args:
        speakers: the config of a model.
        least_s: shorter spans get a row of zeros.
    """
    key = canonical(speakers)
    if key not in _loaded:
        _loaded[key] = _KEPT.enter_context(REGISTRY.parse(speakers).open())
    found = [None if s is None else _loaded[key].embed(s) for s in _samples(path, spans, least_s)]
    size = next((len(v) for v in found if v is not None), 1)
    rows = np.stack([np.zeros(size, np.float32) if v is None else np.asarray(v, np.float32) for v in found])
    made: Voices = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return made


def _samples(path: str, spans: Sequence[tuple[float, float]], least_s: float) -> Iterator[Samples | None]:
    with Path(path).open("rb") as file:
        for start_s, end_s in spans:
            if end_s - start_s < least_s:
                yield None
                continue
            file.seek(round(start_s * RATE_HZ) * BYTES)
            raw = file.read(round(min(end_s - start_s, LONGEST_S) * RATE_HZ) * BYTES)
            yield np.frombuffer(raw, np.int16) if len(raw) >= least_s * RATE_HZ * BYTES else None
            PROGRESS.step()
