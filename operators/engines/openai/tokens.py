"""Estimates of the number of tokens of a text, for models whose tokenizer is not available."""

from __future__ import annotations

import math
from collections.abc import Callable

_ASCII_PER_TOKEN = 3.5  # English prose has 4 to 4.5 with today's vocabularies: it is better to have room left


def estimate(text: str) -> int:
    """One token for 3.5 ASCII characters and one for each other character, the upper bound for Chinese and Thai."""
    ascii_characters = sum(map(str.isascii, text)) if not text.isascii() else len(text)
    return math.ceil(ascii_characters / _ASCII_PER_TOKEN) + len(text) - ascii_characters


def counter(model: str) -> Callable[[str], int]:
    """A counter that uses tiktoken if it is installed and has the vocabulary of `model`, else `estimate`."""
    try:
        import tiktoken

        encoding = tiktoken.encoding_for_model(model)
    except Exception:  # not installed, not OpenAI's, or the vocabulary could not be loaded: each is no fault
        return estimate
    return lambda text: len(encoding.encode(text, disallowed_special=()))
