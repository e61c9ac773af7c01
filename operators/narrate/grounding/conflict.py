"""Detection of contradictions between two texts: negation, numbers, colours, opposites, and roles.

Similarity of words or embeddings cannot detect these: "He is asleep" and "He is not asleep" are nearly the same text.
The rules are not learned. Their words are English (`lexicon`), except for digits and some negations of other languages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from operators.narrate.grounding.clauses import clauses
from operators.narrate.grounding.lexicon import (
    ARTICLES,
    AUXILIARIES,
    COLOURS,
    FUNCTION_WORDS,
    NEGATORS,
    NUMBERS,
    OPPOSITES,
    ORDINALS,
    PERSONS,
    PREPOSITIONS,
    PRONOUNS,
    SAME_COLOUR,
    SAME_PERSON,
)
from operators.narrate.grounding.words import content_stems, singular, words

_NEAR = 0.5  # of the words of the shorter: from there on two texts are taken to be about the same event
_REACH = 3  # words behind a number or a colour among which its noun is
_SMALL = (
    ARTICLES
    | PREPOSITIONS
    | PRONOUNS
    | {
        "and",
        "or",
        "but",
        "then",
        "while",
        "as",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "not",
        "also",
        "who",
    }
    | {"which", "before", "after", "when", "so", "there", "we", "you", "i", "again", "now", "still", "very", "together"}
)
_VERBS_BEFORE = ARTICLES | PREPOSITIONS | {"his", "her", "their", "its", "my", "your", "our"}


def conflict(text: str, other: str, *, alike: bool = False) -> str | None:
    """The part of `text` that `other` contradicts, in a word or two, or None.

    Args:
        alike: whether the two are known to have nearly the same meaning, whatever their words.
    """
    near = alike or overlap(text, other) >= _NEAR
    return (
        _negated(text, other, near)
        or _counted(text, other, near)
        or _coloured(text, other, near)
        or (_opposed(text, other) if near else None)
        or (_swapped(text, other) if near else None)
    )


def overlap(text: str, other: str) -> float:
    """Share of the words of the shorter text that both have, 0 to 1; of texts that share one word alone mostly 0."""
    one, two = set(content_stems(text)), set(content_stems(other))
    shared = len(one & two)
    return shared / min(len(one), len(two)) if shared >= 2 or (shared and min(len(one), len(two)) < 2) else 0.0


# -- negation ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def _negations(text: str) -> tuple[frozenset[str], int]:
    """Stems that a negator stands before (the first of each), and how many negators there are."""
    found, count = set(), 0
    said = words(text)
    for k, word in enumerate(said):
        if word not in NEGATORS or said[k + 1 : k + 2] in (("longer",), ("only",)):
            continue
        count += 1
        scope = next((stem for later in said[k + 1 : k + 5] for stem in content_stems(later)), None)
        if scope is not None:
            found.add(scope)
    return frozenset(found), count


@lru_cache(maxsize=8192)
def _about(text: str, other: str) -> str:
    """Of a longer `other` the clause that shares most words with `text`: other clauses deny other things."""
    if 2 * len(words(other)) < 3 * len(words(text)):
        return other
    parts = [part for _, part in clauses(other)]
    nearest = max(parts, key=lambda part: overlap(text, part))
    return nearest if overlap(text, nearest) else other


def _negated(text: str, other: str, near: bool) -> str | None:
    here, count = _negations(text)
    there, others = _negations(_about(text, other))
    if not count and not others:
        return None
    said, heard = set(content_stems(text)) - here, set(content_stems(other)) - there
    if near and (here & heard or there & said):
        return "negation"
    return "negation" if near and bool(count) != bool(others) else None


# -- numbers and colours, by the nouns they belong to ------------------------------------------------------------------


@lru_cache(maxsize=8192)
def _numbers(text: str) -> tuple[tuple[int, frozenset[str]], ...]:
    """(value, nouns that it may count) of each number."""
    said, found = words(text), []
    for k, word in enumerate(said):
        value = int(word) if word.isdigit() and len(word) < 9 else NUMBERS.get(word)
        if value is None or (word == "one" and said[k + 1 : k + 2] in (("of",), ("another",))):
            continue
        found.append((value, _nouns(said, k + 1)))
    return tuple(found)


def colours(text: str) -> frozenset[str]:
    """The colours that a text names, shades of one colour as one."""
    return frozenset(colour for colour, _ in _colours(text))


def counts(text: str) -> frozenset[int]:
    """The numbers above one that a text names."""
    return frozenset(value for value, _ in _numbers(text) if value > 1)


@lru_cache(maxsize=8192)
def _ones(text: str) -> dict[str, int]:
    """Noun behind "a" or "an" -> how many of it there may be: as often as that, and one for "another" or "others"."""
    said = words(text)
    spare = any(
        word in ("another", "others") or (word == "other" and not _thing(said[k + 1 : k + 2]))
        for k, word in enumerate(said)
    )
    found = Counter(noun for k, w in enumerate(said) if w in ("a", "an") for noun in _nouns(said, k + 1, reach=2))
    beside = {singular(w) for k, word in enumerate(said) if word == "other" for w in said[k + 1 : k + 3]}
    return {noun: count + spare for noun, count in found.items() if noun not in beside}


def _thing(following: tuple[str, ...]) -> bool:
    """Whether a word can be of no person: "on the other side"."""
    return bool(following) and following[0] not in FUNCTION_WORDS and following[0] not in PERSONS


def _nouns(said: tuple[str, ...], start: int, reach: int = _REACH) -> frozenset[str]:
    nouns = set()
    for word in said[start : start + reach]:
        if word in AUXILIARIES or word in PREPOSITIONS - {"of"} or word == "and":
            break
        if word not in FUNCTION_WORDS and word not in COLOURS:
            noun = singular(word)
            nouns.add(SAME_PERSON.get(noun, noun))
    return frozenset(nouns)


def miscounted(text: str, others: Iterable[str]) -> bool:
    """Whether `text` counts something that `others` count, too, and none of them as it does."""
    here = [(value, nouns) for value, nouns in _numbers(text) if value > 1]
    if not here:
        return False
    there = [number for other in others for number in _numbers(other)]
    counted = [{value for value, shared in there if nouns & shared} for _, nouns in here]
    return any(values and value not in values for (value, _), values in zip(here, counted, strict=True))


def _counted(text: str, other: str, near: bool) -> str | None:
    here, there = _numbers(text), _numbers(other)
    values = {value for value, _ in there}
    for value, nouns in here:
        counts = {n for n, others in there if nouns & others}
        if counts and value not in counts:
            return "number"
        if near and not counts and any(value > most for noun, most in _ones(other).items() if noun in nouns):
            return "number"
        if near and value not in values and len(there) == len(here) and values - {v for v, _ in here}:
            return "number"
    for value, nouns in there:
        fewer = any(value > most for noun, most in _ones(text).items() if noun in nouns)
        if near and fewer and not any(nouns & mine for _, mine in here):
            return "number"
    first = {ORDINALS[w] for w in words(text) if w in ORDINALS}
    second = {ORDINALS[w] for w in words(other) if w in ORDINALS}
    return "number" if near and first and second and not first & second else None


@lru_cache(maxsize=8192)
def _colours(text: str) -> tuple[tuple[str, frozenset[str]], ...]:
    said = words(text)
    return tuple((SAME_COLOUR.get(w, w), _nouns(said, k + 1)) for k, w in enumerate(said) if w in COLOURS)


def _coloured(text: str, other: str, near: bool) -> str | None:
    here, there = _colours(text), _colours(other)
    if not here or not there:
        return None
    for colour, nouns in here:
        held = {c for c, others in there if nouns & others}
        if held and colour not in held:
            return "colour"
    if near and {c for c, _ in here} - {c for c, _ in there} and {c for c, _ in there} - {c for c, _ in here}:
        return "colour"
    return None


# -- opposites and roles -----------------------------------------------------------------------------------------------


def _opposed(text: str, other: str) -> str | None:
    said, heard = set(words(text)), set(words(other))
    for word in said - heard:
        against = OPPOSITES.get(word)
        if against is None or against & said:
            continue
        found = (against & heard) - said
        if found and not any(OPPOSITES.get(w, frozenset()) & heard for w in found):
            return "opposite"
    return None


def _swapped(text: str, other: str) -> str | None:
    """Whether what stands before and behind a verb has changed places: the dog bites the man, the man bites the dog.

    Looks for three words of both texts in opposite order, the middle one no noun. A passive has the same order, and
    says the same.
    """
    if "by" in words(text) or "by" in words(other):
        return None
    mine, theirs = _places(text), _places(other)
    shared = sorted((w for w in mine if w in theirs), key=lambda w: theirs[w][0])
    order = [mine[w][0] for w in shared]
    for j in range(1, len(shared) - 1):
        if mine[shared[j]][1] and theirs[shared[j]][1]:
            before = any(at > order[j] and not w.endswith("ly") for w, at in zip(shared[:j], order, strict=False))
            if before and any(at < order[j] for at in order[j + 1 :]):
                return "roles"
    return None


@lru_cache(maxsize=8192)
def _places(text: str) -> dict[str, tuple[int, bool]]:
    """Word -> (where it first stands, whether it may be a verb); small words left out."""
    said = words(text)
    found: dict[str, tuple[int, bool]] = {}
    for k, word in enumerate(said):
        if word in _SMALL or word in found:
            continue
        before = said[k - 1] if k else "the"
        found[word] = (k, before not in _VERBS_BEFORE and before not in COLOURS)
    return found
