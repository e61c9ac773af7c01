"""Embedding models on a server with OpenAI's API: POST /embeddings, which vLLM provides for its pooling models."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from operators.core.base import SIZING, ItemError
from operators.embedding.embedders.base import EmbedderSpec, Modality, RunningEmbedder
from operators.embedding.vectors import Vectors, unit
from operators.engines.base import EngineRefused
from operators.engines.openai.plain import PlainServer

_BATCH = 32  # texts per request


@dataclass(frozen=True, kw_only=True)
class Server(EmbedderSpec):
    """A model on a server. Texts are sent as `input`, frames as `messages` with an image, as vLLM expects them."""

    version: ClassVar[int] = 1
    modalities: ClassVar[frozenset[Modality]] = frozenset({"frames", "texts"})

    kind: Literal["server"] = "server"
    model: Annotated[str, Field(min_length=1, description="the model's name on the server")]
    revision: Annotated[
        str, Field(description="label for what the model's name does not identify; a change embeds again")
    ] = "unspecified"
    base_url: Annotated[str, Field(description="base URL of the API, including /v1 if it has that"), SIZING] = (
        "https://api.openai.com/v1"
    )
    api_key_env: Annotated[
        str | None, Field(description="environment variable with the key; null: no key is sent"), SIZING
    ] = "OPENAI_API_KEY"
    dimensions: Annotated[
        int | None, Field(ge=1, description="requested size, for models that can shorten their vectors; null: not sent")
    ] = None
    frame_prompt: Annotated[str, Field(description="text that is sent with a frame; empty: none")] = ""
    timeout_s: Annotated[float, Field(gt=0, description="time limit of one try in s"), SIZING] = 120.0
    retries: Annotated[int, Field(ge=0, le=20, description="retries when the server is busy"), SIZING] = 6

    @property
    def model_id(self) -> str:
        return f"server {self.model}@{self.revision}"

    def check(self, *, elsewhere: bool = False) -> None:
        self.server().check(elsewhere=elsewhere)

    def server(self) -> PlainServer:
        return PlainServer("embedder server", model=self.model, base_url=self.base_url, api_key_env=self.api_key_env)

    @contextmanager
    def open(self) -> Iterator[RunningEmbedder]:
        try:
            self.check()
        except ValueError as error:
            raise EngineRefused(str(error)) from error
        with self.server().client(timeout_s=self.timeout_s, retries=self.retries) as client:
            yield _Running(self, client)


class _Running(RunningEmbedder):
    def __init__(self, spec: Server, client: Any) -> None:
        self._spec, self._client, self._server = spec, client, spec.server()

    def texts(self, texts: Sequence[str]) -> Vectors:
        made: list[list[float]] = []
        for at in range(0, len(texts), _BATCH):
            some = list(texts[at : at + _BATCH])
            made += self._ask({"input": some}, len(some))
        return unit(np.array(made, np.float32)) if made else np.zeros((0, 0), np.float32)

    def frames(self, jpegs: Sequence[bytes]) -> Vectors:
        made: list[list[float]] = []
        for jpeg in jpegs:
            url = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
            content: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}}]
            if self._spec.frame_prompt:
                content.append({"type": "text", "text": self._spec.frame_prompt})
            made += self._ask({"messages": [{"role": "user", "content": content}]}, 1)
        return unit(np.array(made, np.float32)) if made else np.zeros((0, 0), np.float32)

    def _ask(self, asked: dict[str, Any], count: int) -> list[list[float]]:
        spec = self._spec
        body = {"model": spec.model, "encoding_format": "float", **asked}
        if spec.dimensions is not None:
            body["dimensions"] = spec.dimensions
        with self._server.failures():
            answer = self._client.post(
                "/embeddings", cast_to=object, body=body, options={"headers": self._server.headers}
            )
        found = read_answer(answer, count)
        if found is None:
            raise ItemError("engine", f"{spec.model}: the server's answer is not {count} vectors of equal length")
        return found


def read_answer(body: Any, count: int) -> list[list[float]] | None:
    """Return the vectors of an answer, in the order of the input; None if they are not as requested."""
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, list) or len(data) != count or not all(isinstance(d, dict) for d in data):
        return None
    ordered = sorted(data, key=lambda d: d["index"]) if all(isinstance(d.get("index"), int) for d in data) else data
    vectors = [d.get("embedding") for d in ordered]
    if not all(isinstance(v, list) and v and len(v) == len(vectors[0]) for v in vectors):
        return None
    try:
        array = np.array(vectors, np.float64)
    except (ValueError, TypeError):
        return None
    return array.tolist() if np.isfinite(array).all() else None
