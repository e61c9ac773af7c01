"""Conversion of a request to the body of a chat completion."""

from __future__ import annotations

import base64
import json
from typing import Any

from operators.engines.base import FrameImage, Request
from operators.engines.openai.options import OpenAIOptions

_HOTTEST = 2.0  # what the API allows
_BOUNDS = {"minLength", "maxLength", "pattern", "format", "minItems", "maxItems", "uniqueItems", "default"}
_BOUNDS |= {
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minProperties",
    "maxProperties",
}


def arguments(spec: OpenAIOptions, request: Request) -> dict[str, Any]:
    """Keyword arguments of `chat.completions.create`."""
    drawn = sampling(spec, request)
    extra: dict[str, Any] = {**spec.extra_body}
    made: dict[str, Any] = {
        "model": spec.model,
        "messages": [{"role": "user", "content": content(spec, request)}],
        spec.max_tokens_key: drawn["max_tokens"],
        **{name: drawn[name] for name in ("temperature", "top_p", "seed") if name in drawn},
        "stream": spec.stream,
    }
    if spec.stream:
        made["stream_options"] = {"include_usage": True}
    if request.schema is not None:
        schema = json.loads(request.schema)
        match spec.schema_as:
            case "json_schema" | "json_schema_plain":
                sent = _plain(schema) if spec.schema_as == "json_schema_plain" else schema
                form = {"name": request.kind, "strict": True, "schema": sent}
                made["response_format"] = {"type": "json_schema", "json_schema": form}
            case "structured_outputs":
                extra["structured_outputs"] = {"json": schema}
            case "guided_json":
                extra["guided_json"] = schema
            case "prompt":
                pass  # it stands in the content
    if extra:
        made["extra_body"] = extra
    return made


def sampling(spec: OpenAIOptions, request: Request) -> dict[str, Any]:
    """The sampling settings of an answer, which depend only on the spec, the seed and the attempt."""
    drawn: dict[str, Any] = {"max_tokens": spec.max_tokens}
    if spec.temperature is not None:
        drawn["temperature"] = round(
            min(_HOTTEST, spec.temperature + spec.retry_temperature * (request.attempt - 1)), 6
        )
    if spec.top_p is not None:
        drawn["top_p"] = spec.top_p
    if spec.seeded:
        drawn["seed"] = request.seed
    if spec.extra_body:
        drawn["extra_body"] = spec.extra_body
    return drawn


def content(spec: OpenAIOptions, request: Request) -> str | list[dict[str, Any]]:
    """The content of the message: the text before the images, the images, and the text behind them.

    Without images it is a string, because some servers of language models accept nothing else.
    """
    at = len(request.prompt) if request.images_at is None else request.images_at
    before, behind = request.prompt[:at], request.prompt[at:]
    if request.schema is not None and spec.schema_as == "prompt":
        behind += (
            "\n\nAnswer with one JSON object that follows this JSON Schema, and with nothing else:\n" + request.schema
        )
    if not request.images:
        return before + behind
    texts = [[{"type": "text", "text": text}] if text.strip() else [] for text in (before, behind)]
    return [*texts[0], *(_image(spec, p) for p in request.images), *texts[1]]


def _image(spec: OpenAIOptions, image: FrameImage) -> dict[str, Any]:
    url: dict[str, str] = {"url": "data:image/jpeg;base64," + base64.b64encode(image.jpeg).decode("ascii")}
    if spec.frame_detail is not None:
        url["detail"] = spec.frame_detail
    return {"type": "image_url", "image_url": url}


def _plain(schema: Any, *, names: bool = False) -> Any:
    """`schema` without bounds.

    Args:
        names: whether the keys are user-defined names rather than keywords of JSON Schema.
    """
    if isinstance(schema, dict):
        return {
            key: _plain(value, names=not names and key in ("properties", "$defs"))
            for key, value in schema.items()
            if names or key not in _BOUNDS
        }
    if isinstance(schema, list):
        return [_plain(value) for value in schema]
    return schema
