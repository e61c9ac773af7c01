"""What a narrated text already tells: sentences that add nothing are left out, and those that stayed are counted."""

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
    """Those that add something to this `section` and to the section `before` it.

    What happens again later may be narrated again: then it rests on windows that lie apart in time.

    Args:
        spans: window_index -> its span; of a window that is not there nothing is known.
    """
    earlier, same = [*before, *section], {s.text.casefold() for s in before}
    kept = []
    for sentence in sentences:
        if sentence.text.casefold() in same or any(_again(one, sentence, alike, spans) for one in earlier):
            continue
        kept.append(sentence)
        earlier.append(sentence)
    return kept


def duplicates(sentences: Sequence[Sentence], alike: Alike, spans: Mapping[int, Span]) -> int:
    """How many sentences tell an event that one of the forty before them tells."""
    return sum(
        any(_again(one, sentence, alike, spans) for one in sentences[max(0, k - _LOOK_BACK) : k])
        for k, sentence in enumerate(sentences)
    )


def _again(one: Sentence, other: Sentence, alike: Alike, spans: Mapping[int, Span]) -> bool:
    return not _apart(one.windows, other.windows, spans) and (
        alike.holds(one.text, other.text) or alike.same(one.text, other.text)
    )


def _apart(one: Sequence[int], other: Sequence[int], spans: Mapping[int, Span]) -> bool:
    """Whether the windows of two sentences have no moment in common."""
    if not one or not other or not set(one).isdisjoint(other):
        return False
    return not any(a in spans and b in spans and spans[a].overlap_s(spans[b]) > 0 for a in one for b in other)
