"""Base of operators that compare texts of a row by their sentence embeddings."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from operators.core.base import Apply, Needs, Operator, Row
from operators.core.fingerprint import identity
from operators.embedding.embedders.base import EmbedderSpec, RunningEmbedder
from operators.embedding.embedders.minilm import MiniLM
from operators.embedding.embedders.registry import AnyEmbedder


@dataclass(frozen=True, kw_only=True)
class ComparesTexts(Operator):
    """Opens the embedder and passes it to `made`, which returns the columns of a row."""

    embedder: Annotated[AnyEmbedder, Field(description="embedder of the captions; null: MiniLM from a package")] = None

    @property
    def model(self) -> EmbedderSpec:
        """The embedder; by default the one from a package."""
        return self.embedder if self.embedder is not None else MiniLM()

    def identity_extra(self) -> dict[str, Any]:
        return {"embedder": identity(self.model)}

    def needs(self) -> Needs:
        return Needs(cpus=1.0, gpus=self.model.gpus)

    def check(self, *, elsewhere: bool = False) -> None:
        """Check that the embedder's files exist.

        Raises:
            ValueError: in one line, what is missing.
        """
        self.model.check(elsewhere=elsewhere)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        with self.model.open() as running:
            yield lambda row: {**row, **self.made(row, running)}

    @abc.abstractmethod
    def made(self, row: Row, running: RunningEmbedder) -> Row:
        """Return the columns that the operator writes."""
