"""Which evidence enters a prompt: that of its span, each item once, under a budget of tokens, the relevant first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from operators.analysis.facts import Facts
from operators.audio.heard import Heard
from operators.core.text import clock, quotation
from operators.evidence.items import COLUMNS, Item, items_of
from operators.reading.lines import alike

_SAME = 0.8  # share of equal letters from which on two items of one time say the same
_RELEVANT = 0.3  # similarity that an item must have where not all have room; Video-RAG's threshold
_TOKENS, _TOKENS_A_S = 200, 20  # of a prompt that evidence may take: speech alone comes to about 4 a second

Embed = Callable[[Sequence[str]], Any]
"""texts -> rows of length 1."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of a video beside its frames, or of a part of it.

    Attributes:
        heard: its speech; None where the recipe has no table of speech.
        items: everything else, in order of time.
    """

    heard: Heard | None = None
    items: tuple[Item, ...] = ()

    @staticmethod
    def of(row: Mapping[str, Any]) -> Evidence | None:
        """What a row brings in the columns of evidence; None where it has none of them."""
        if all(row.get(column) is None for column in COLUMNS):
            return None
        return Evidence(heard=Heard.of(row.get("speech")), items=items_of(row))

    def within(self, start_s: float, end_s: float) -> Evidence:
        """What stands in `[start_s, end_s)`; spans are cut to it."""
        return Evidence(
            heard=None if self.heard is None else self.heard.within(start_s, end_s),
            items=tuple(
                replace(item, start_s=max(start_s, item.start_s), end_s=min(end_s, item.end_s))
                for item in self.items
                if item.stands_in(start_s, end_s)
            ),
        )

    def facts(self, facts: Facts) -> Facts:
        """Facts of the same span with what is said in place of the subtitles that were measured."""
        return facts if self.heard is None else replace(facts, subtitles=self.heard.measured(), heard=True)

    def spoken(self) -> list[str]:
        """What is said, a text a line for a prompt."""
        return [] if self.heard is None else self.heard.texts()

    def supports(self) -> list[str]:
        """Plain texts that a sentence may rest on."""
        said = () if self.heard is None else self.heard.lines
        return [*(line.text for line in said), *(item.text for item in self.items)]

    def texts(
        self, *, seconds: float, count: Callable[[str], int], about: Sequence[str] = (), embed: Embed | None = None
    ) -> list[str]:
        """What is said and all else, a line of a prompt each: time, kind and the quoted text, in order of time.

        Speech is always in it. Of the other items each is in it once, and not where it only shows what is said. Where
        they have no room together, those are chosen that are most similar to `about`, with a similarity above 0.3, or,
        where there is nothing to compare with, the surest.

        Args:
            seconds: length of the span, on which the budget depends.
            count: tokens of a text.
            about: captions that they are compared with.
            embed: how: by meaning; None: by words.
        """
        said = [] if self.heard is None else list(zip(self.heard.lines, self.heard.texts(), strict=True))
        lines = [(line.start_s, text) for line, text in said]
        left = _TOKENS + _TOKENS_A_S * seconds - sum(count(text) for _, text in lines)
        fresh = _once(self.items, [line.text for line, _ in said])
        shown = [(item, _line(item)) for item in fresh]
        costs = [count(text) for _, text in shown]
        if sum(costs) > left:
            scores = _similarities([item.text for item in fresh], about, embed) if about else None
            ranked = sorted(
                range(len(shown)),
                key=lambda k: (-(scores[k] if scores is not None else shown[k][0].confidence), k),
            )
            kept = []
            for k in ranked:
                if (scores is None or scores[k] > _RELEVANT) and costs[k] <= left:
                    left -= costs[k]
                    kept.append(k)
            shown = [shown[k] for k in sorted(kept)]
        lines += [(item.start_s, text) for item, text in shown]
        return [text for _, text in sorted(lines, key=lambda line: line[0])]


def _line(item: Item) -> str:
    return f"{clock(item.start_s)} to {clock(item.end_s)}, {item.kind}: {quotation(item.text)}"


def _once(items: Iterable[Item], said: Sequence[str]) -> list[Item]:
    """The items less those that say what another one of the span says, or what is heard in it: subtitles on screen."""
    kept: list[Item] = []
    for item in items:
        known = [*said, *(other.text for other in kept if other.kind == item.kind)]
        if not any(alike(item.text.lower(), text.lower()) >= _SAME for text in known):
            kept.append(item)
    return kept


def _similarities(texts: Sequence[str], about: Sequence[str], embed: Embed | None) -> list[float]:
    """Of each text the highest similarity with any of `about`: cosine, or the share of its words that stand there."""
    if embed is not None:
        found = np.asarray(embed(texts)) @ np.asarray(embed(about)).T
        return [float(score) for score in found.max(1)]
    known = [_words(text) for text in about]
    own = [_words(text) for text in texts]
    return [max((len(words & there) / len(words) for there in known), default=0.0) if words else 0.0 for words in own]


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 2 or word.isdigit()}
