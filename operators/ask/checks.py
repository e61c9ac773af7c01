"""Checks of an answer against its source text. An answer that fails a check is requested again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from operators.language.sentences import split_sentences
from operators.language.words import WORD, roots

Check = Literal["sentences", "numbers", "words", "names"]

_NUMBER = re.compile(r"\d{1,3}(?:[\u00a0\u202f'’]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,:]\d+)*")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:([.,])\d{3}(?:\1\d{3})*)")
_NAME = re.compile(r"(?<![.!?:\"'“(] )(?<!\A)\b[A-Z][\w-]*\d*\b|\b[\w-]*\d[\w-]*\b")
# words that connect facts and carry no content of the video
_TIES = """
    a an the and or but of in on at to from by with without as is are was were be been being it its this that these
    those there here he she they him his her their who which while then when where into onto over under near next beside
    between behind before after through across around along against toward towards up down out off for not no has have
    had do does did can will would may also very more most each other another some any all both one
    shot scene frame frames camera video view image picture shows show seen showing features featuring captured capture
    set takes place taking
"""
_GLUE = frozenset(_TIES.split())
_MOST_NAMED = 8  # a message names at most this many words


def problem(checks: Sequence[Check], source: str, answer: str, *, into: str) -> str | None:
    """Return why `answer` fails a check against `source`; None if it passes.

    Args:
        into: language of the answer, as the config names it.
    """
    return next((found for check in checks if (found := _CHECKS[check](source, answer, into)) is not None), None)


def _sentences(source: str, answer: str, into: str) -> str | None:
    had, has = len(split_sentences(source)), len(split_sentences(answer, into))
    return None if had == has else f"it has {has} sentences, and the text that it is made from {had}"


def _numbers(source: str, answer: str, into: str) -> str | None:  # noqa: ARG001  # as all checks
    had, has = Counter(_digits(source)), Counter(_digits(answer))
    if had == has:
        return None
    return f"its numbers are not those of the text that it is made from ({_listed((had - has) + (has - had))})"


def _digits(text: str) -> list[str]:
    """Normalise numbers, so that those of different languages are equal: 1,200.5 and 1.200,5, but not 3.5 and 35."""
    return [_normal(number) for number in _NUMBER.findall(text)]


def _normal(number: str) -> str:
    number = re.sub("[\u00a0\u202f'’]", "", number)
    if _THOUSANDS.fullmatch(number):
        return re.sub("[.,]", "", number)
    last = max(number.rfind("."), number.rfind(","))
    whole, rest = (number[:last], number[last + 1 :]) if last > 0 else (number, "")
    if rest and number[last] not in whole and _THOUSANDS.fullmatch(whole):
        whole = re.sub("[.,]", "", whole)
    return f"{whole}.{rest}".replace(",", ".") if rest else whole.replace(",", ".")


def _names(source: str, answer: str, into: str) -> str | None:  # noqa: ARG001
    """Check names and ids: capitalised words inside a sentence, and words with digits."""
    lost = [name for name in dict.fromkeys(_NAME.findall(source)) if not re.search(rf"\b{re.escape(name)}", answer)]
    return f"it lacks the names {', '.join(lost[:_MOST_NAMED])}" if lost else None


def _words(source: str, answer: str, into: str) -> str | None:  # noqa: ARG001
    added = leaks(source, answer)
    return (
        f"it says what the text that it is made from does not hold: {', '.join(added[:_MOST_NAMED])}" if added else None
    )


def leaks(source: str, answer: str) -> list[str]:
    """Return the words of `answer` that are neither in `source`, whatever their endings, nor connecting words."""
    held = set(roots(source))
    words = dict.fromkeys(word for word in WORD.findall(answer.lower()) if word not in _GLUE)
    return [word for word in words if not set(roots(word)) <= held]


def _listed(words: Counter[str]) -> str:
    return ", ".join(list(words)[:_MOST_NAMED])


_CHECKS: dict[str, Callable[[str, str, str], str | None]] = {
    "sentences": _sentences,
    "numbers": _numbers,
    "words": _words,
    "names": _names,
}


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text inside a value of a row: the values of mappings, the items of lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield f"{value:g}"
