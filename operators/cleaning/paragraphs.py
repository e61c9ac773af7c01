"""What rules on the sentences of a paragraph have in common."""

from __future__ import annotations

import re
from collections.abc import Callable

from operators.cleaning.context import Context
from operators.language.sentences import split_sentences


def plain(sentence: str) -> str:
    return " ".join(re.findall(r"\w+", sentence.lower()))


def each(text: str, context: Context, change: Callable[[str], str]) -> str:
    sentences = split_sentences(text, context.language)
    changed = [change(s) for s in sentences]
    return text if changed == sentences else " ".join(changed)


def filtered(
    text: str, context: Context, drop: Callable[[str], bool], *, least: float = 0.0, may_empty: bool = False
) -> str:
    """`text` without the sentences to drop; unchanged where nothing, or less than a share of `least`, would stay."""
    sentences = split_sentences(text, context.language)
    kept = [s for s in sentences if not drop(s)]
    if len(kept) == len(sentences) or len(kept) < least * len(sentences) or not (kept or may_empty):
        return text
    return " ".join(kept)
