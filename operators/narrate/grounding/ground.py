"""Grounding: the windows that support each sentence of a narrated text, and the unsupported clauses to remove.

A sentence is compared with each sentence of the captions. A clause that no caption supports, or that the nearest
captions contradict, is removed. A sentence without supported clauses has no windows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from operators.core.grid import Span
from operators.language.sentences import split_sentences
from operators.narrate.grounding.clauses import clauses, rejoined
from operators.narrate.grounding.conflict import conflict, miscounted, overlap
from operators.narrate.grounding.fitted import Level, Support
from operators.narrate.grounding.scorers import Lexical, Scores
from operators.narrate.grounding.toolkit import Toolkit
from operators.narrate.grounding.words import content_stems

_MARK = re.compile(r"\s*\[(\d+(?:\s*[-–,]\s*\d+)*)\]")
_NEAR_BEST = 1.0  # of log odds below the support of the best window: overlapping windows may say the same
_CITED = 3.0  # the same for a window that the model cites
_NEAR_SCORE = 0.1  # below the best score: captions that near speak of the same event, and one may set the other right
_NEAR_WORDS = 0.8  # and of the words that the text shares with the best caption
_ALIKE = 0.65  # cosine from which on a text and a caption are taken to be about one event, whatever their words
_DETAILS = 8  # frame captions that a text is compared with, the nearest by words
_ASKED = 3  # nearest caption sentences that an entailment model reads


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A removed part of a narrated text: `why` is "unsupported" or the kind of contradiction."""

    text: str
    why: str


@dataclass(frozen=True)
class Sentence:
    """A sentence and the `window_index` of each window that supports it; without windows it is unsupported.

    Attributes:
        scores: support, lexical, embedding, entailment, contradiction; 0 to 1, or None if a scorer was not used.
        cut: its removed clauses.
        also: windows that support it a little less, which may be cited to keep sentences in order.
    """

    text: str
    windows: tuple[int, ...]
    scores: Mapping[str, float | None] = field(default_factory=dict)
    cut: tuple[Cut, ...] = ()
    also: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Judged:
    """A text against captions: support by window, scores at the best caption, and why the text does not stand.

    Attributes:
        best: which caption sentence is nearest; None: a frame's.
    """

    by_window: dict[int, float]
    scores: dict[str, float | None]
    why: str | None
    best: int | None


class _Captions:
    """The different sentences of captions, each with the windows that contain it."""

    def __init__(self, captions: Mapping[int, Sequence[str]]) -> None:
        held: dict[str, set[int]] = {}
        for window, texts in captions.items():
            for text in texts:
                for sentence in split_sentences(text):
                    held.setdefault(sentence, set()).add(window)
        self.sentences = list(held)
        self.windows = [frozenset(held[s]) for s in self.sentences]

    def by_window(self, support: Support, chosen: Sequence[int]) -> dict[int, float]:
        found: dict[int, float] = {}
        for value, k in zip(support.tolist(), chosen, strict=True):
            for window in self.windows[k]:
                found[window] = max(found.get(window, 0.0), value)
        return found


class Ground:
    """Compares narrated sentences with captions.

    A time in a sentence ("from 2:05 to 2:15") is not compared as text. It selects windows for its sentence and the
    following ones, up to the next time, if one of these windows supports the sentence.

    Args:
        captions: window_index -> its captions.
        spans: window_index -> its span; without spans, times are ignored.
        details: window_index -> captions of its frames. Because there are many, and they add little to the windows'
            captions, only unsupported texts are compared with the nearest of them by words.
    """

    def __init__(
        self,
        captions: Mapping[int, Sequence[str]],
        spans: Mapping[int, Span] | None = None,
        toolkit: Toolkit | None = None,
        details: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        self._spans = dict(spans or {})
        self._toolkit = toolkit or Toolkit()
        self._captions, self._details = _Captions(captions), _Captions(details or {})
        self._every = list(range(len(self._captions.sentences)))
        self._scorers = self._toolkit.scorers(self._captions.sentences) if self._every else []
        self._near_details = Lexical(self._details.sentences) if self._details.sentences else None

    def sentences(self, text: str, marks: Mapping[int, Sequence[int]] | None = None) -> list[Sentence]:
        """The sentences of `text` without citation marks, each with the windows that support it.

        Args:
            marks: number in a mark such as [3] -> the cited windows; None if the number is a window's index.
        """
        grounded: list[Sentence] = []
        named: Span | None = None
        for part in split_sentences(text):
            named = _named(part) or named
            cited = [n for mark in _MARK.findall(part) for n in sorted(_numbers(mark))]
            windows = cited if marks is None else [w for n in cited for w in marks.get(n, ())]
            grounded.append(self._sentence(_MARK.sub("", part).strip(), named, frozenset(windows)))
        return grounded

    def cited(self, text: str) -> list[Sentence]:
        """The unchanged sentences of a text that needs no grounding, each with windows if captions support it."""
        found, named = [], None
        for part in split_sentences(text):
            named = _named(part) or named
            plain = _MARK.sub("", part).strip()
            cited = frozenset(n for mark in _MARK.findall(part) for n in _numbers(mark))
            whole = self._judge([plain], self._toolkit.fitted.sentence)[0] if self._every else None
            supported = whole is not None and (whole.scores["support"] or 0.0) >= self._toolkit.fitted.sentence.least
            found.append(Sentence(plain, self._chosen([whole], named, cited) if whole and supported else ()))
        return found

    def _sentence(self, text: str, named: Span | None, cited: frozenset[int]) -> Sentence:
        if not self._every or not text:
            return Sentence(text, (), {}, (Cut(text=text, why="unsupported"),))
        parts = clauses(text)
        whole = self._judge([text], self._toolkit.fitted.sentence)[0]
        if len(parts) == 1:
            if whole.why is not None:
                return Sentence(text, (), whole.scores, (Cut(text=text, why=whole.why),))
            return self._made(text, [whole], whole.scores, (), named, cited)
        judged = self._judge([part for _, part in parts], self._toolkit.fitted.clause, whole.best)
        kept = [j.why is None for j in judged]
        cut = tuple(Cut(text=part, why=j.why) for (_, part), j in zip(parts, judged, strict=True) if j.why is not None)
        if not cut:
            return self._made(text, judged, whole.scores, (), named, cited)
        left = rejoined(parts, kept) if any(kept) else ""
        if left and content_stems(left):
            again = self._judge([left], self._toolkit.fitted.sentence)[0]
            if again.why is None:
                standing = [j for j in judged if j.why is None]
                return self._made(left, standing, again.scores, cut, named, cited)
        return Sentence(text, (), whole.scores, (Cut(text=text, why=cut[0].why),))

    def _made(  # noqa: PLR0917
        self,
        text: str,
        judged: Sequence[_Judged],
        scores: Mapping[str, float | None],
        cut: tuple[Cut, ...],
        named: Span | None,
        cited: frozenset[int],
    ) -> Sentence:
        windows = self._chosen(judged, named, cited)
        also: set[int] = set()
        if named is None and not cited & set(windows):
            for one in judged:
                best = _log_odds(max(one.by_window.values()))
                also |= {k for k, v in one.by_window.items() if _log_odds(v) >= best - _CITED}
        return Sentence(text, windows, scores, cut, tuple(sorted(also - set(windows))))

    def _judge(self, texts: Sequence[str], level: Level, whole: int | None = None) -> list[_Judged]:
        plain = [_TIMES.sub(" ", t) if self._spans else t for t in texts]
        scores = {s.name: s.scores(plain) for s in self._scorers}
        support = level.support(scores, whole=whole)
        judged = []
        for k, text in enumerate(plain):
            one = self._one(text, support[k], {n: s[k] for n, s in scores.items()}, level, self._captions, self._every)
            if one.why == "unsupported" and self._near_details is not None:
                one = self._by_details(text, one, level)
            judged.append(one)
        return judged

    def _by_details(self, text: str, before: _Judged, level: Level) -> _Judged:
        """Compare with the details that share most words; what they do not support stays as it was judged before."""
        assert self._near_details is not None
        shared = self._near_details.scores([text])[0]
        chosen = [int(k) for k in np.argsort(-shared, kind="stable")[:_DETAILS] if shared[k] > 0]
        if not chosen:
            return before
        scores = {s.name: s.scores([text]) for s in self._toolkit.scorers([self._details.sentences[k] for k in chosen])}
        # as many sentences to be near to by chance as there are, not as were chosen
        support = level.support(scores, len(self._every) + len(self._details.sentences))[0]
        found = self._one(text, support, {n: s[0] for n, s in scores.items()}, level, self._details, chosen)
        return before if found.why == "unsupported" else found

    def _one(  # noqa: PLR0917
        self,
        text: str,
        support: Support,
        scores: dict[str, Scores],
        level: Level,
        captions: _Captions,
        chosen: Sequence[int],
    ) -> _Judged:
        best = int(np.argmax(support))
        sentences = [captions.sentences[k] for k in chosen]
        numbers: dict[str, float | None] = {name: round(float(s[best]), 3) for name, s in scores.items()}
        numbers["support"] = round(float(support[best]), 3)
        why = None if support[best] >= level.least else "unsupported"
        if why is None:
            why = self._conflict(text, sentences, best, scores)
        if why is None and self._toolkit.entail is not None:
            why = self._entailed(text, sentences, support, numbers)
        return _Judged(captions.by_window(support, chosen), numbers, why, best if captions is self._captions else None)

    def _conflict(self, text: str, sentences: Sequence[str], best: int, scores: dict[str, Scores]) -> str | None:
        """The contradiction with the nearest caption, unless another caption that is almost as near confirms the text.

        Windows overlap and are captioned independently, so two captions of one event may differ.
        """
        why = conflict(text, sentences[best], alike=self._alike(scores, best))
        if why is None:
            return "number" if miscounted(text, self._captions.sentences) else None
        nearness = scores.get("embedding", scores["lexical"])
        least = max(_NEAR_WORDS, _NEAR_WORDS * overlap(text, sentences[best]))
        for k in np.flatnonzero(nearness >= nearness[best] - _NEAR_SCORE).tolist():
            other = sentences[k]
            near = k != best and overlap(text, other) >= least
            if near and conflict(text, other, alike=self._alike(scores, k)) is None:
                return None
        return why

    def _alike(self, scores: dict[str, Scores], k: int) -> bool:
        return "embedding" in scores and bool(scores["embedding"][k] >= _ALIKE)

    def _entailed(
        self, text: str, sentences: Sequence[str], support: Support, numbers: dict[str, float | None]
    ) -> str | None:
        """Ask the entailment model about the nearest sentences; a contradiction of all of them excludes the text."""
        assert self._toolkit.entail is not None
        nearest = np.argsort(-support, kind="stable")[:_ASKED]
        pairs = self._toolkit.entail([(sentences[int(k)], text) for k in nearest])
        numbers["entailment"] = round(float(pairs[:, 0].max()), 3)
        numbers["contradiction"] = round(float(pairs[:, 1].min()), 3)
        return "contradicted" if pairs[0, 1] >= self._toolkit.contradicted and pairs[:, 0].max() < 0.5 else None

    def _chosen(self, judged: Sequence[_Judged], named: Span | None, cited: frozenset[int]) -> tuple[int, ...]:
        """The windows of a supported sentence: cited windows that support it, else the nearest ones."""
        chosen: set[int] = set()
        for one in judged:
            by_window = one.by_window
            if named is not None:
                meant = {k: v for k, v in by_window.items() if k in self._spans and _close(self._spans[k], named)}
                if meant and max(meant.values()) >= self._toolkit.fitted.sentence.least:
                    by_window = meant
            best = _log_odds(max(by_window.values()))
            # marks must be checked: a model that invents a sentence also invents its mark
            verified = {k for k in cited if _log_odds(by_window.get(k, 0.0)) >= best - _CITED}
            chosen |= verified or {k for k, v in by_window.items() if _log_odds(v) >= best - _NEAR_BEST}
        return tuple(sorted(chosen))

    def ranked(self, text: str) -> list[int]:
        """All windows, those that support `text` best first.

        Of windows that support it equally the middle one comes first: what several windows in a row tell is seen there.
        """
        if not self._every:
            return []
        found = self._judge([text], self._toolkit.fitted.sentence)[0].by_window
        equal: dict[float, list[int]] = {}
        for k in sorted(found):
            equal.setdefault(found[k], []).append(k)
        middle = {value: windows[(len(windows) - 1) // 2] for value, windows in equal.items()}
        return sorted(found, key=lambda k: (-found[k], abs(k - middle[found[k]]), k))


def _log_odds(support: float) -> float:
    return math.log(max(support, 1e-9) / max(1 - support, 1e-9))


_TIMES = re.compile(r"\b(?:(?:from|at|until|to)\s+)?(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)\b", re.IGNORECASE)
_HEAD_CHARS = 24  # of a sentence, in which the time that it begins with stands


def _named(text: str) -> Span | None:
    """The time that a sentence begins with: "From 2:05 to 2:15", "At 2:05"."""
    times = [(m.start(), int(m[1] or 0) * 3600 + int(m[2]) * 60 + int(m[3])) for m in _TIMES.finditer(text)]
    near = [time_s for at, time_s in times if at < _HEAD_CHARS]
    return Span(float(near[0]), float(near[-1])) if near else None


def _close(window: Span, named: Span) -> bool:
    """Whether a window is what a named time means: the two share more than an edge; a second, for times are cut."""
    if named.end_s - named.start_s < 1:
        return window.start_s - 1 <= named.start_s < window.end_s
    return min(window.end_s, named.end_s + 1) - max(window.start_s, named.start_s) > 0.75 * (
        named.end_s - named.start_s
    )


def _numbers(mark: str) -> set[int]:
    numbers: set[int] = set()
    for part in mark.split(","):
        ends = [int(n) for n in re.findall(r"\d+", part)]
        if len(ends) == 2 and ends[0] <= ends[1] <= ends[0] + 100:
            numbers.update(range(ends[0], ends[1] + 1))
        else:
            numbers.update(ends)
    return numbers
