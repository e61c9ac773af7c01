"""The engine `openai`: its spec. What it says of itself may stand anywhere: the key is not in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field

from operators.base import SIZING
from operators.engines.base import EngineRefused, EngineSpec, RunningEngine
from operators.engines.openai.faults import Fault

SchemaAs = Literal["json_schema", "json_schema_plain", "structured_outputs", "guided_json", "prompt"]

_OURS = {"model", "messages", "stream", "stream_options", "n", "response_format"}
_OURS |= {"temperature", "top_p", "seed", "max_tokens", "max_completion_tokens"}
"""Of a request's body what has a field here, or what the engine depends on."""

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class OpenAIEngine(EngineSpec):
    """Captions from a model behind an OpenAI-compatible server.

    The key is read from an environment variable where the engine runs; the spec knows the variable's name alone.
    Limits of requests, tokens and concurrency hold for each engine that runs, which is one for each actor.
    """

    version: ClassVar[int] = 1

    kind: Literal["openai"] = "openai"
    model: Annotated[str, Field(min_length=1, description="the model's name on the server")]
    revision: Annotated[
        str,
        Field(
            description="your own word for what a model's name does not tell (a date, a quantisation): stands in "
            "every caption's provenance, and a change makes captions stale"
        ),
    ] = "unspecified"
    base_url: Annotated[str, Field(description="where the server's API is, /v1 included where it has that"), SIZING] = (
        "https://api.openai.com/v1"
    )
    api_key_env: Annotated[
        str | None,
        Field(description="environment variable that holds the key, on every machine; null: no key is sent"),
        SIZING,
    ] = "OPENAI_API_KEY"

    # -- how it answers ------------------------------------------------------------------------------------------------
    temperature: Annotated[
        float | None, Field(ge=0, le=2, description="of sampling; null is not sent, for models that refuse it")
    ] = 0.2
    retry_temperature: Annotated[
        float, Field(ge=0, le=2, description="added with each time a gate sends an answer back; up to 2 in all")
    ] = 0.3
    top_p: Annotated[float | None, Field(gt=0, le=1, description="of sampling; null leaves it to the server")] = None
    seeded: Annotated[bool, Field(description="send the request's seed; false for servers that refuse one")] = True
    max_tokens: Annotated[
        int, Field(ge=1, description="longest answer in tokens; what is cut there is asked again")
    ] = 2048
    max_tokens_key: Annotated[
        Literal["max_tokens", "max_completion_tokens"],
        Field(description="how the server calls that limit; OpenAI's reasoning models know the longer word only"),
        SIZING,
    ] = "max_tokens"
    context_tokens: Annotated[
        int | None,
        Field(ge=16, description="tokens of prompt and answer together; null: not known, nothing is reduced to fit"),
    ] = None
    picture_detail: Annotated[
        Literal["auto", "low", "high"] | None, Field(description="how closely a vendor looks; null is not sent")
    ] = None
    schema_as: Annotated[
        SchemaAs,
        Field(
            description="how the server is told of a JSON Schema: json_schema as strict response_format; "
            "json_schema_plain likewise without bounds on lengths and numbers, which some vendors refuse; "
            "structured_outputs or guided_json for vLLM since 0.12 and before it; prompt: in words, for all others"
        ),
    ] = "json_schema"
    extra_body: Annotated[
        dict[str, Any], Field(description="more of the request's body, such as top_k; never put a secret here")
    ] = field(default_factory=dict)
    stream: Annotated[
        bool, Field(description="read answers while they are written, so that a loop is stopped early"), SIZING
    ] = True

    # -- how hard it may be asked --------------------------------------------------------------------------------------
    max_concurrency: Annotated[int, Field(ge=1, description="requests on their way at once"), SIZING] = 32
    requests_per_minute: Annotated[int | None, Field(ge=1, description="limit; null: none"), SIZING] = None
    tokens_per_minute: Annotated[
        int | None, Field(ge=1, description="limit of prompt and answer tokens together; null: none"), SIZING
    ] = None
    timeout_s: Annotated[
        float, Field(gt=0, description="longest time of one try in s, from sending to the last token"), SIZING
    ] = 600.0
    retries: Annotated[
        int,
        Field(
            ge=0, le=20, description="further tries when the server is busy, broken or not there, ever farther apart"
        ),
        SIZING,
    ] = 6

    # -- what it costs -------------------------------------------------------------------------------------------------
    picture_tokens: Annotated[
        int, Field(ge=0, description="tokens of a picture, for limits and prices until the server has counted"), SIZING
    ] = 800
    price_input_per_mtok: Annotated[
        float, Field(ge=0, description="US dollars for a million prompt tokens"), SIZING
    ] = 0.0
    price_cached_per_mtok: Annotated[
        float | None, Field(ge=0, description="the same for those out of the server's cache; null: as all"), SIZING
    ] = None
    price_output_per_mtok: Annotated[
        float, Field(ge=0, description="US dollars for a million answer tokens"), SIZING
    ] = 0.0

    @property
    def model_id(self) -> str:
        return self.model

    def check(self, *, pictures: bool, elsewhere: bool = False) -> None:  # noqa: ARG002  # only the server knows
        if find_spec("openai") is None and not elsewhere:
            raise ValueError("engine openai needs the package openai; install longcap[openai]")
        if not self.model:
            raise ValueError("engine openai: model is missing; write the name that the server gives its model")
        url = urlsplit(self.base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"engine openai: base_url {self.base_url!r} is no address; write https://host/v1")
        if url.username or url.password or url.query or url.fragment:  # not told: what stands there may be the key
            raise ValueError(
                f"engine openai: base_url of {url.hostname} has more than an address in it; write https://host/v1, and "
                "put the key into the environment variable that api_key_env names"
            )
        if self.api_key_env is not None:
            if not _VARIABLE.fullmatch(self.api_key_env):  # not told: the key itself may stand there by mistake
                raise ValueError(
                    "engine openai: api_key_env is no name of an environment variable in capitals, such as "
                    "OPENAI_API_KEY; the key itself has no place in a config"
                )
            key = os.environ.get(self.api_key_env, "").strip()
            if not key and not elsewhere:
                raise ValueError(
                    f"engine openai: the environment variable {self.api_key_env} is not set; put the key of "
                    f"{url.hostname} into it, name another with api_key_env, or write api_key_env: null to send none"
                )
            if not (key.isascii() and key.isprintable()):
                raise ValueError(
                    f"engine openai: what stands in the environment variable {self.api_key_env} cannot be a key: it "
                    "has characters that no header may hold; set it again"
                )
        taken = sorted(_OURS & set(self.extra_body))
        if taken:
            raise ValueError(f"engine openai: extra_body must not hold {', '.join(taken)}: the engine's own fields do")
        for name in ("context_tokens", "tokens_per_minute"):
            room = getattr(self, name)
            if room is not None and room <= self.max_tokens:
                raise ValueError(
                    f"engine openai: {name} is {room} and an answer alone may take {self.max_tokens} tokens; "
                    f"raise {name} or lower max_tokens"
                )

    def reach(self) -> None:
        """Ask the server for its models: whether it is there, takes the key and knows the model."""
        from operators.engines.openai.server import fault_before

        if (fault := fault_before(self, self._key())) is not None:
            raise ValueError(f"engine openai: {fault.message}{_to_do(fault)}")

    def cost_usd(self, prompt_tokens: int, cached_tokens: int, output_tokens: int) -> float:
        """US dollars for one answer. `cached_tokens` are among `prompt_tokens`."""
        of_cached = self.price_input_per_mtok if self.price_cached_per_mtok is None else self.price_cached_per_mtok
        return (
            (prompt_tokens - cached_tokens) * self.price_input_per_mtok
            + cached_tokens * of_cached
            + output_tokens * self.price_output_per_mtok
        ) / 1e6

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        from operators.engines.openai.running import running
        from operators.engines.openai.server import fault_before

        self.check(pictures=False)
        fault = fault_before(self, self._key())
        if fault is not None and not fault.again:  # a server that is away for a moment is asked again with each request
            raise EngineRefused(fault.message)
        with running(self, self._key()) as engine:
            yield engine

    def _key(self) -> str | None:
        return os.environ[self.api_key_env].strip() if self.api_key_env is not None else None


def _to_do(fault: Fault) -> str:
    return ": start it, or correct base_url" if fault.again else ""
