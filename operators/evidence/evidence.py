"""Select the evidence for a prompt: items of its span, each once, within a token budget, the most relevant first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from operators.analysis.facts import Facts
from operators.audio.heard import Heard
from operators.audio.lines import SpeechLine
from operators.core.text import clock, quotation
from operators.evidence.items import COLUMNS, Item, items_of
from operators.reading.same import alike, relation

_SAME = 0.8  # share of equal letters at which two simultaneous items count as the same text
_APART_S = 1.0  # items that are at most this far apart are simultaneous: lines are spoken about when they are shown
_RELEVANT = 0.3  # least similarity of an item if not all fit; Video-RAG's threshold
_TOKENS, _TOKENS_A_S = 200, 20  # token budget of evidence in a prompt; speech alone takes about 4 per second

Embed = Callable[[Sequence[str]], Any]
"""texts -> unit-length rows."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The evidence of a video or of a part of it.

    Attributes:
        heard: the speech; None if the recipe has no table of speech.
        items: all other evidence, ordered by time.
    """

    heard: Heard | None = None
    items: tuple[Item, ...] = ()

    @staticmethod
    def of(row: Mapping[str, Any]) -> Evidence | None:
        """Build from the evidence columns of a row; None if it has none."""
        if all(row.get(column) is None for column in COLUMNS):
            return None
        return Evidence(heard=Heard.of(row.get("speech")), items=items_of(row))

    def within(self, start_s: float, end_s: float) -> Evidence:
        """Return the evidence in `[start_s, end_s)`, with spans clipped to it."""
        return Evidence(
            heard=None if self.heard is None else self.heard.within(start_s, end_s),
            items=tuple(
                replace(item, start_s=max(start_s, item.start_s), end_s=min(end_s, item.end_s))
                for item in self.items
                if item.stands_in(start_s, end_s)
            ),
        )

    def facts(self, facts: Facts) -> Facts:
        """Return facts of the same span in which the speech replaces the measured subtitles."""
        return facts if self.heard is None else replace(facts, subtitles=self.heard.measured(), heard=True)

    def spoken(self) -> list[str]:
        """Return the speech, one text per line of a prompt."""
        return [] if self.heard is None else self.heard.texts()

    def supports(self) -> list[str]:
        """Return plain texts that can support a sentence."""
        said = () if self.heard is None else self.heard.lines
        return [*(line.text for line in said), *(item.text for item in self.items)]

    def texts(
        self, *, seconds: float, count: Callable[[str], int], about: Sequence[str] = (), embed: Embed | None = None
    ) -> list[str]:
        """Return speech and other evidence, one prompt line each: time, kind and quoted text, ordered by time.

        All speech is included. Other items are included once, and not if they only repeat the speech. If they exceed
        the budget, the items most similar to `about` are chosen, with a similarity above 0.3, or, if `about` is empty,
        those with the highest confidence.

        Args:
            seconds: duration of the span, which determines the budget.
            count: returns the number of tokens of a text.
            about: captions with which the items are compared.
            embed: compares by meaning; None compares by words.
        """
        said = [] if self.heard is None else list(zip(self.heard.lines, self.heard.texts(), strict=True))
        lines = [(line.start_s, text) for line, text in said]
        left = _TOKENS + _TOKENS_A_S * seconds - sum(count(text) for _, text in lines)
        fresh = _once(self.items, [line for line, _ in said])
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


def _once(items: Iterable[Item], said: Sequence[SpeechLine]) -> list[Item]:
    """Return the items that repeat neither another item of the span nor the speech, as subtitles on screen do.

    Equal texts repeat each other at any time; similar ones if they are simultaneous, with equal numbers and words.
    """
    kept: list[Item] = []
    for item in items:
        known: list[Item | SpeechLine] = [*said, *(other for other in kept if other.kind == item.kind)]
        if not any(_repeats(item, other) for other in known):
            kept.append(item)
    return kept


def _repeats(item: Item, other: Item | SpeechLine) -> bool:
    mine, its = item.text.lower(), other.text.lower()
    if "".join(mine.split()) == "".join(its.split()):
        return True
    apart_s = max(item.start_s, other.start_s) - min(item.end_s, other.end_s)
    return apart_s <= _APART_S and alike(mine, its) >= _SAME and relation(mine, its) == "same"


def _similarities(texts: Sequence[str], about: Sequence[str], embed: Embed | None) -> list[float]:
    """Return each text's highest similarity with any of `about`: cosine, or the share of its words that occur there."""
    if embed is not None:
        found = np.asarray(embed(texts)) @ np.asarray(embed(about)).T
        return [float(score) for score in found.max(1)]
    known = [_words(text) for text in about]
    own = [_words(text) for text in texts]
    return [max((len(words & there) / len(words) for there in known), default=0.0) if words else 0.0 for words in own]


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 2 or word.isdigit()}
