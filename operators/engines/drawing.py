"""How an engine with a model of its own draws an answer: sampling settings by attempt, and how long it may be."""

from __future__ import annotations

from typing import Protocol

from operators.engines.base import Request

_WORD_TOKENS = 3  # a word of prose takes 1.3 tokens in English, up to 3 in other scripts
_SPARE_TOKENS = 96  # an answer that is cut is lost, one that may be a little longer is not
_SECTION_TOKENS = 72  # of an outline: a topic of a few words, a number, and the JSON around them


class Draws(Protocol):
    """The fields of a spec that say how it draws."""

    @property
    def temperature(self) -> float: ...
    @property
    def top_p(self) -> float: ...
    @property
    def repetition_penalty(self) -> float: ...
    @property
    def retry_temperature(self) -> float: ...


def sampling(spec: Draws, attempt: int) -> dict[str, float]:
    """Sampling settings of the `attempt`-th try, 1 the first: a pure function, so that provenance can tell them."""
    temperature = spec.temperature if attempt == 1 else max(spec.temperature, spec.retry_temperature)
    penalty = spec.repetition_penalty if attempt == 1 else max(spec.repetition_penalty, 1.0 + 0.05 * (attempt - 1))
    return {
        "temperature": temperature,
        "top_p": spec.top_p if temperature else 1.0,
        "repetition_penalty": round(penalty, 3),
    }


def answer_tokens(max_tokens: int, request: Request) -> int:
    """Tokens that the answer to `request` may take, of a model whose answers take `max_tokens` at most."""
    if request.kind == "outline":
        return max(max_tokens, _SECTION_TOKENS * len(request.texts))
    if request.words is None:
        return max_tokens
    return min(max_tokens, _WORD_TOKENS * request.words + _SPARE_TOKENS)
