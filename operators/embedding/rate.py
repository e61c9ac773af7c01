"""The operator `rate`: compute a number for each frame from its vector, such as aesthetics, with an ONNX head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, ItemError, Level, Operator, Row
from operators.core.fingerprint import FINGERPRINT_HEX
from operators.embedding.sentences import INSTALL, file_digest, session
from operators.embedding.vectors import unpacked
from operators.engines.base import EngineRefused


@dataclass(frozen=True, kw_only=True)
class Rate(Operator):
    """Rates the frames of a segment, or of a whole video in a table of videos, with an ONNX model from vectors of
    shape (n, d) to numbers of shape (n, 1) or (n,).

    The heads of LAION's aesthetic predictors, once exported, are such models for CLIP's vectors. Writes
    `frame_ratings`, one per frame in the order of `frame_vectors`, and `rating`, their mean; null without frames.
    """

    name: ClassVar[str] = "rate"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "rate"
    reads: ClassVar[frozenset[str]] = frozenset({"frame_vectors"})
    writes: ClassVar[frozenset[str]] = frozenset({"frame_ratings", "rating"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"frame_ratings": pa.list_(pa.float32()), "rating": pa.float64()}

    weights: Annotated[str, Field(min_length=1, description="path of the .onnx file, the same on every machine")]

    def at(self, level: Level) -> Operator:
        """Return the operator for frames of a segment, or for all frames of a video."""
        if level == "run":
            return self
        found = copy(self)
        object.__setattr__(found, "level", level)
        return found

    def identity_extra(self) -> dict[str, Any]:
        """Return the hash of the weights, which does not depend on their path."""
        try:
            return {"digest": file_digest(str(Path(self.weights).expanduser()))[:FINGERPRINT_HEX]}
        except OSError as error:
            raise ValueError(f"weights is {self.weights}, which cannot be read: {error.strerror}") from error

    def check(self) -> None:
        if find_spec("onnxruntime") is None:
            raise ValueError(f"the step rate needs onnxruntime; {INSTALL}")

    @contextmanager
    def open(self) -> Iterator[Apply]:
        try:
            self.check()
            model = session(Path(self.weights).expanduser())
        except Exception as error:  # onnxruntime has many exceptions for broken files
            line = " ".join(str(error).split())[:300]
            raise EngineRefused(f"rate: {self.weights} does not load: {line}") from error
        yield lambda row: {**row, **self._rated(row, model)}

    def _rated(self, row: Row, model: Any) -> Row:
        vectors = unpacked([v["vector"] for v in row["frame_vectors"] or ()])
        if not len(vectors):
            return {"frame_ratings": [], "rating": None}
        try:
            (found, *_) = model.run(None, {model.get_inputs()[0].name: vectors})
        except Exception as error:  # for example for other dimensions than the head's
            line = " ".join(str(error).split())[:300]
            raise ItemError("engine", f"{Path(self.weights).name} cannot rate these vectors: {line}") from error
        ratings = np.asarray(found, np.float32).reshape(len(vectors), -1)[:, 0]
        return {"frame_ratings": ratings.tolist(), "rating": float(ratings.mean())}
