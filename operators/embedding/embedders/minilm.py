"""all-MiniLM-L6-v2 for texts: 384 dimensions, English, offline, with the weights of the extra `grounding`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from operators.core.fingerprint import FINGERPRINT_HEX
from operators.embedding.embedders.base import EmbedderSpec, Modality, RunningEmbedder
from operators.embedding.sentences import Embedder, embedder, file_digest, model_files
from operators.embedding.vectors import Vectors
from operators.engines.base import EngineRefused


@dataclass(frozen=True, kw_only=True)
class MiniLM(EmbedderSpec):
    """Sentence embeddings on one CPU core; texts are truncated to 128 tokens."""

    version: ClassVar[int] = 1
    modalities: ClassVar[frozenset[Modality]] = frozenset({"texts"})

    kind: Literal["minilm"] = "minilm"
    folder: Annotated[
        str | None,
        Field(
            description="folder with model.onnx and tokenizer.json of another sentence-transformers model with mean "
            "pooling; null: the weights of the extra grounding"
        ),
    ] = None

    @property
    def model_id(self) -> str:
        return "minilm all-MiniLM-L6-v2-int8" if self.folder is None else f"minilm {Path(self.folder).name}"

    def identity_extra(self) -> dict[str, Any]:
        """Return the hash of custom weights, which does not depend on their path."""
        extra = super().identity_extra()
        if self.folder is None:
            return extra
        files = [file_digest(str(file))[:FINGERPRINT_HEX] for file in self._files()]
        return {**extra, "files": files}

    def check(self, *, elsewhere: bool = False) -> None:
        if not elsewhere:
            self._files()

    def _files(self) -> tuple[Path, Path]:
        return model_files(self.folder, where="embedder minilm")

    @contextmanager
    def open(self) -> Iterator[RunningEmbedder]:
        try:
            self._files()
        except ValueError as error:
            raise EngineRefused(str(error)) from error
        yield _Running(embedder(self.folder))


class _Running(RunningEmbedder):
    def __init__(self, model: Embedder) -> None:
        self._model = model

    def texts(self, texts: Sequence[str]) -> Vectors:
        return self._model(texts)
