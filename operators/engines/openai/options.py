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
    frame_detail: Annotated[
        Literal["auto", "low", "high"] | None,
        Field(description="how closely a vendor looks; null is not sent"),
        Was("picture_detail"),
    ] = None
    schema_as: Annotated[
        SchemaAs,
        Field(
            description="how the server is given a JSON Schema: json_schema as strict response_format; "
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
    frame_tokens: Annotated[
        int,
        Field(ge=0, description="tokens of a frame, for limits and prices until the server has counted"),
        SIZING,
        Was("picture_tokens"),
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

    def cost_usd(self, prompt_tokens: int, cached_tokens: int, output_tokens: int) -> float:
        """US dollars for one answer. `cached_tokens` are among `prompt_tokens`."""
        of_cached = self.price_input_per_mtok if self.price_cached_per_mtok is None else self.price_cached_per_mtok
        return (
            (prompt_tokens - cached_tokens) * self.price_input_per_mtok
            + cached_tokens * of_cached
            + output_tokens * self.price_output_per_mtok
        ) / 1e6
