"""Sampling settings by attempt and answer lengths, for engines that run a model themselves."""

from __future__ import annotations

from typing import Protocol

from operators.engines.base import Request

_WORD_TOKENS = 3  # a word of prose takes 1.3 tokens in English, up to 3 in other scripts
_SPARE_TOKENS = 96  # an answer that is cut is lost, one that may be a little longer is not
_SECTION_TOKENS = 72  # of an outline: a topic of a few words, a number, and the JSON around them


class Draws(Protocol):
    """The sampling fields of a spec."""

    @property
    def temperature(self) -> float: ...
    @property
    def top_p(self) -> float: ...
    @property
    def repetition_penalty(self) -> float: ...
    @property
    def retry_temperature(self) -> float: ...


def sampling(spec: Draws, attempt: int) -> dict[str, float]:
    """Sampling settings of an attempt, counted from 1. A pure function, so that provenance can record them."""
    temperature = spec.temperature if attempt == 1 else max(spec.temperature, spec.retry_temperature)
    penalty = spec.repetition_penalty if attempt == 1 else max(spec.repetition_penalty, 1.0 + 0.05 * (attempt - 1))
    return {
        "temperature": temperature,
        "top_p": spec.top_p if temperature else 1.0,
        "repetition_penalty": round(penalty, 3),
    }


def answer_tokens(max_tokens: int, request: Request) -> int:
    """Token limit of the answer to `request`, at most `max_tokens`."""
    if request.kind == "outline":
        return max(max_tokens, _SECTION_TOKENS * len(request.texts))
    if request.words is None:
        return max_tokens
    return min(max_tokens, _WORD_TOKENS * request.words + _SPARE_TOKENS)
