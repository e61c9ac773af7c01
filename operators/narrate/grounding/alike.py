"""Detection of sentences that describe the same event in different words, so that it is narrated once."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from operators.language.words import says
from operators.narrate.grounding.conflict import colours, conflict, counts
from operators.narrate.grounding.lexicon import PARTS, PERSONS, PREPOSITIONS, PRONOUNS
from operators.narrate.grounding.toolkit import Toolkit
from operators.narrate.grounding.words import content_stems, words

# what says that an event is not the one before, or goes on: one sentence with such a word and one without are two
_ANEW = frozenset(
    """again another other others continue continues continued continuing second third still anymore once twice
    more""".split()
)
_WHOSE = frozenset("his her their its the a an both one left right other my your of".split())
_PERSONS = frozenset(stem for word in PERSONS for stem in content_stems(word))


class Alike:
    """Compares sentences of captions or narrated text, by embeddings if the toolkit has them, else by words.

    Sentences that differ in a negation, number, colour, direction or in the roles of persons are never the same.
    """

    def __init__(self, toolkit: Toolkit | None = None) -> None:
        self._toolkit = toolkit or Toolkit()

    def holds(self, whole: str, part: str) -> bool:
        """Whether `whole` describes the same event as `part` with at least as many content words."""
        if whole.casefold() == part.casefold():
            return True
        if says(whole, part):
            return _anew(whole) == _anew(part) and conflict(whole, part, alike=True) is None
        return self.same(whole, part) and len(set(content_stems(whole))) >= len(set(content_stems(part)))

    def same(self, one: str, other: str) -> bool:
        """Whether both sentences describe the same event."""
        if one.casefold() == other.casefold():
            return True
        if self.excluded(one, other):
            return False
        if _bare(one, other) == _bare(other, one) != frozenset():
            return True
        return self._toolkit.embed is not None and self.nearness(one, other) >= self._toolkit.fitted.same

    def excluded(self, one: str, other: str) -> bool:
        """Whether a word in one of them indicates that they are two events, however similar they are."""
        return bool(
            _anew(one) != _anew(other)
            or counts(one) != counts(other)
            or (colours(one) and colours(other) and colours(one) != colours(other))
            or (_parts(one) and _parts(other) and _parts(one) != _parts(other))
            or _subjects_differ(one, other)
            or conflict(one, other, alike=True)
            or conflict(other, one, alike=True)
        )

    def nearness(self, one: str, other: str) -> float:
        """The cosine similarity, minus a fitted weight of the difference in length: longer sentences say more."""
        assert self._toolkit.embed is not None
        first, second = self._toolkit.embed([one, other])
        return float(first @ second) - self._toolkit.fitted.lengths * lengths_differ(one, other)


def lengths_differ(one: str, other: str) -> float:
    """The relative difference in number of words, 0 to 1."""
    shorter, longer = sorted((len(words(one)), len(words(other))))
    return 1 - shorter / max(1, longer)


@lru_cache(maxsize=8192)
def _anew(text: str) -> frozenset[str]:
    return frozenset(words(text)) & _ANEW


@lru_cache(maxsize=8192)
def _parts(text: str) -> frozenset[str]:
    """The parts of a body that a text names after a word for whose they are: "her arm", not "goes back"."""
    said = words(text)
    return frozenset(PARTS[w] for before, w in pairwise(said) if w in PARTS and before in _WHOSE)


def _subjects_differ(one: str, other: str) -> bool:
    """Whether each begins with a word that the other has later: "the dog chases the man", "the man chases the dog".

    A place or time that stands first ("In the hall, a man …") is no subject.
    """
    first, second = _head(one), _head(other)
    if first is None or second is None or first == second:
        return False
    return first in content_stems(other) and second in content_stems(one)


@lru_cache(maxsize=8192)
def _head(text: str) -> str | None:
    said = words(text)
    if not said or said[0] in PREPOSITIONS:
        return None
    return next(iter(content_stems(text)), None)


def _bare(text: str, other: str) -> frozenset[str]:
    """Stems of `text`; without persons where one of the two has a pronoun, which may stand for any of them."""
    stems = frozenset(content_stems(text))
    pronoun = PRONOUNS & ({*words(text)} ^ {*words(other)})
    return stems - _PERSONS if pronoun else stems
