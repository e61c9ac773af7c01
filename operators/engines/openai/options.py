"""What a config says of the engine `openai`. The key is not in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from operators.core.base import SIZING, Was
from operators.engines.base import EngineSpec

SchemaAs = Literal["json_schema", "json_schema_plain", "structured_outputs", "guided_json", "prompt"]


@dataclass(frozen=True, kw_only=True)
class OpenAIOptions(EngineSpec):
    """The fields of the engine `openai`, and what follows from them alone."""

    kind: Literal["openai"] = "openai"
    model: Annotated[str, Field(min_length=1, description="the model's name on the server")]
    revision: Annotated[
        str,
        Field(
            description="your own label for what the model's name does not say, such as a date or quantization; "
            "stored in the provenance of every caption; a change makes new captions"
        ),
    ] = "unspecified"
    base_url: Annotated[
        str, Field(description="URL of the server's API, including /v1 if the server uses it"), SIZING
    ] = "https://api.openai.com/v1"
    api_key_env: Annotated[
        str | None,
        Field(description="environment variable that holds the API key on every machine; null: no key is sent"),
        SIZING,
    ] = "OPENAI_API_KEY"

    # -- how it answers ------------------------------------------------------------------------------------------------
    temperature: Annotated[
        float | None, Field(ge=0, le=2, description="sampling temperature; null: not sent, for models that reject it")
    ] = 0.2
    retry_temperature: Annotated[
        float, Field(ge=0, le=2, description="increase of the temperature after each rejected answer, up to 2 in total")
    ] = 0.3
    top_p: Annotated[float | None, Field(gt=0, le=1, description="nucleus sampling; null: the server's default")] = None
    seeded: Annotated[bool, Field(description="send the seed of the request; false for servers that reject it")] = True
    max_tokens: Annotated[
        int, Field(ge=1, description="maximum tokens of an answer; an answer that reaches them is requested again")
    ] = 2048
    max_tokens_key: Annotated[
        Literal["max_tokens", "max_completion_tokens"],
        Field(
            description="name of that limit in the API; reasoning models of OpenAI accept only max_completion_tokens"
        ),
        SIZING,
    ] = "max_tokens"
    context_tokens: Annotated[
        int | None,
        Field(ge=16, description="context size in tokens; null: unknown, and prompts are not reduced to fit"),
    ] = None
    frame_detail: Annotated[
        Literal["auto", "low", "high"] | None,
        Field(description="image detail that is requested from a vendor; null: not sent"),
        Was("picture_detail"),
    ] = None
    schema_as: Annotated[
        SchemaAs,
        Field(
            description="how a JSON Schema is sent: json_schema, as a strict response_format; json_schema_plain, the "
            "same without bounds on lengths and numbers, which some vendors reject; structured_outputs, "
            "for vLLM from 0.12 on; guided_json, for earlier vLLM; prompt, as text, for all other servers"
        ),
    ] = "json_schema"
    extra_body: Annotated[
        dict[str, Any], Field(description="further fields of the request body, such as top_k; never put a secret here")
    ] = field(default_factory=dict)
    stream: Annotated[bool, Field(description="stream answers, so that a repetition loop is stopped early"), SIZING] = (
        True
    )

    # -- how hard it may be asked --------------------------------------------------------------------------------------
    max_concurrency: Annotated[int, Field(ge=1, description="maximum number of concurrent requests"), SIZING] = 32
    requests_per_minute: Annotated[
        int | None, Field(ge=1, description="maximum requests per minute; null: no limit"), SIZING
    ] = None
    tokens_per_minute: Annotated[
        int | None, Field(ge=1, description="maximum tokens of prompts and answers per minute; null: no limit"), SIZING
    ] = None
    timeout_s: Annotated[
        float, Field(gt=0, description="maximum time of one attempt in s, from sending to the last token"), SIZING
    ] = 600.0
    retries: Annotated[
        int,
        Field(
            ge=0,
            le=20,
            description="maximum number of retries, with exponential backoff, if the server is busy, fails or cannot "
            "be reached",
        ),
        SIZING,
    ] = 6

    # -- what it costs -------------------------------------------------------------------------------------------------
    frame_tokens: Annotated[
        int,
        Field(ge=0, description="assumed tokens per frame for limits and prices, until the server has reported usage"),
        SIZING,
        Was("picture_tokens"),
    ] = 800
    price_input_per_mtok: Annotated[float, Field(ge=0, description="US dollars per million prompt tokens"), SIZING] = (
        0.0
    )
    price_cached_per_mtok: Annotated[
        float | None,
        Field(
            ge=0,
            description="US dollars per million prompt tokens from the server's cache; null: the same as other prompt "
            "tokens",
        ),
        SIZING,
    ] = None
    price_output_per_mtok: Annotated[float, Field(ge=0, description="US dollars per million answer tokens"), SIZING] = (
        0.0
    )

    @property
    def model_id(self) -> str:
        return self.model

    def cost_usd(self, prompt_tokens: int, cached_tokens: int, output_tokens: int) -> float:
        """US dollars for one answer. `cached_tokens` are among `prompt_tokens`."""
        of_cached = self.price_input_per_mtok if self.price_cached_per_mtok is None else self.price_cached_per_mtok
        return (
            (prompt_tokens - cached_tokens) * self.price_input_per_mtok
            + cached_tokens * of_cached
            + output_tokens * self.price_output_per_mtok
        ) / 1e6
