"""Removal of sentences that repeat an event, and a count of the repetitions that remain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from operators.core.grid import Span
from operators.narrate.grounding.alike import Alike
from operators.narrate.grounding.ground import Sentence

_LOOK_BACK = 40  # sentences: about two sections


def fresh(
    sentences: Iterable[Sentence],
    section: Sequence[Sentence],
    before: Sequence[Sentence],
    alike: Alike,
    spans: Mapping[int, Span],
) -> list[Sentence]:
    """The sentences that add something to this `section` and to the previous one, `before`.

    An event that happens again later may be narrated again; it is then supported by windows at other times.

    Args:
        spans: window_index -> its span; windows that are missing here are ignored.
    """
    earlier = [*before, *section]
    kept = []
    for sentence in sentences:
        if any(_again(one, sentence, alike, spans) for one in earlier):
            continue
        kept.append(sentence)
        earlier.append(sentence)
    return kept


def duplicates(sentences: Sequence[Sentence], alike: Alike, spans: Mapping[int, Span]) -> int:
    """Number of sentences that repeat an event of one of the forty previous sentences."""
    return sum(
        any(_again(one, sentence, alike, spans) for one in sentences[max(0, k - _LOOK_BACK) : k])
        for k, sentence in enumerate(sentences)
    )


def _again(one: Sentence, other: Sentence, alike: Alike, spans: Mapping[int, Span]) -> bool:
    return not _apart(one.windows, other.windows, spans) and (
        alike.holds(one.text, other.text) or alike.same(one.text, other.text)
    )


def _apart(one: Sequence[int], other: Sequence[int], spans: Mapping[int, Span]) -> bool:
    """Whether the windows of two sentences do not overlap."""
    if not one or not other or not set(one).isdisjoint(other):
        return False
    return not any(a in spans and b in spans and spans[a].overlap_s(spans[b]) > 0 for a in one for b in other)
