"""Any transcription model on a server with OpenAI's API: POST /audio/transcriptions, which vLLM provides."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from operators.audio.decode import BYTES, RATE_HZ
from operators.audio.recognisers.base import RecogniserSpec, RunningRecogniser, Samples, Utterance
from operators.core.base import SIZING
from operators.engines.openai.plain import PlainServer
from operators.language.identify import language_code


@dataclass(frozen=True, kw_only=True)
class Server(RecogniserSpec):
    """A transcription model on a server."""

    version: ClassVar[int] = 2
    isolated: ClassVar[bool] = False

    kind: Literal["server"] = "server"
    model: Annotated[str, Field(min_length=1, description="the model's name on the server")]
    revision: Annotated[
        str, Field(description="label for what the model's name does not identify; a change recognises again")
    ] = "unspecified"
    base_url: Annotated[str, Field(description="base URL of the API, including /v1 if it has that"), SIZING] = (
        "https://api.openai.com/v1"
    )
    api_key_env: Annotated[
        str | None, Field(description="environment variable with the key; null: no key is sent"), SIZING
    ] = "OPENAI_API_KEY"
    language: Annotated[str | None, Field(description="ISO 639-1; null: detected by the model")] = None
    prompt: Annotated[str | None, Field(description="words and names to expect; null: not sent")] = None
    temperature: Annotated[float, Field(ge=0, le=1, description="of sampling")] = 0.0
    response_format: Annotated[
        Literal["verbose_json", "json"],
        Field(description="verbose_json returns times of lines and words; json, for models without it, only text"),
    ] = "verbose_json"
    timeout_s: Annotated[float, Field(gt=0, description="time limit of one try in s"), SIZING] = 300.0
    retries: Annotated[int, Field(ge=0, le=20, description="retries when the server is busy"), SIZING] = 6

    @property
    def origin(self) -> str:
        return f"server {self.model}"

    def check(self, *, elsewhere: bool = False) -> None:
        self.server().check(elsewhere=elsewhere)

    def server(self) -> PlainServer:
        return PlainServer("recogniser server", model=self.model, base_url=self.base_url, api_key_env=self.api_key_env)

    @contextmanager
    def open(self) -> Iterator[RunningRecogniser]:
        with self.server().client(timeout_s=self.timeout_s, retries=self.retries) as client:
            yield _Running(self, client)


class _Running:
    def __init__(self, spec: Server, client: Any) -> None:
        self._spec, self._client, self._server = spec, client, spec.server()

    def recognise(self, samples: Samples) -> Sequence[Utterance]:
        spec = self._spec
        asked: dict[str, Any] = {"response_format": spec.response_format, "temperature": spec.temperature}
        if spec.response_format == "verbose_json":
            asked["timestamp_granularities"] = ["segment", "word"]
        asked |= {k: v for k, v in (("language", spec.language), ("prompt", spec.prompt)) if v is not None}
        with self._server.failures():
            answer = self._client.audio.transcriptions.create(
                model=spec.model,
                file=("speech.wav", _wav(samples), "audio/wav"),
                extra_headers=self._server.headers,
                **asked,
            )
        body = answer if isinstance(answer, str) else answer.model_dump()
        return read_answer({"text": body} if isinstance(body, str) else body, len(samples) / RATE_HZ)


def read_answer(body: Mapping[str, Any], length_s: float) -> list[Utterance]:
    """Return the lines of an answer. A server may omit segments, words and language, or send invalid values.

    Args:
        length_s: duration of the sound that was sent, seconds.
    """
    language = body.get("language")
    code = language_code(language) if isinstance(language, str) and language else None
    words = [w for raw in _list(body.get("words")) if (w := _word(raw)) is not None]
    segments = [s for raw in _list(body.get("segments")) if (s := _segment(raw)) is not None]
    if not segments:
        text = str(body.get("text") or "").strip()
        segments = [(0.0, length_s, text, None)] if text else []
    own: list[list[tuple[float, float, str, float | None]]] = [[] for _ in segments]
    for word in words if segments else ():
        middle_s = (word[0] + word[1]) / 2
        apart_s = [max(start_s - middle_s, middle_s - end_s, 0.0) for start_s, end_s, _, _ in segments]
        # a word in a pause belongs to the nearest line, one where two lines meet to the later
        own[max(range(len(segments)), key=lambda k: (-apart_s[k], k))].append(word)
    return [
        Utterance(start_s, end_s, text, tuple(some) or None, confidence, code)
        for (start_s, end_s, text, confidence), some in zip(segments, own, strict=True)
    ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6
    return float(value) if good else None


def _word(raw: Any) -> tuple[float, float, str, float | None] | None:
    if not isinstance(raw, Mapping):
        return None
    start_s, end_s, text = _number(raw.get("start")), _number(raw.get("end")), str(raw.get("word") or "").strip()
    return (start_s, end_s, text, None) if start_s is not None and end_s is not None and text else None


def _segment(raw: Any) -> tuple[float, float, str, float | None] | None:
    import math

    if not isinstance(raw, Mapping):
        return None
    start_s, end_s, text = _number(raw.get("start")), _number(raw.get("end")), str(raw.get("text") or "").strip()
    if start_s is None or end_s is None or not text:
        return None
    score = raw.get("avg_logprob")
    known = isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
    return start_s, end_s, text, math.exp(min(0.0, float(score))) if known and score is not None else None


def _wav(samples: Samples) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(BYTES)
        out.setframerate(RATE_HZ)
        out.writeframes(samples.tobytes())
    return file.getvalue()
