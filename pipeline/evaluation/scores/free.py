"""Metrics of a caption alone, without a model or a reference."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from operators.language.identify import likely_language
from operators.narrate.grounding.clauses import clauses
from pipeline.evaluation.scores.captions import Caption
from pipeline.evaluation.scores.spans import as_spans, in_order, merged
from pipeline.evaluation.scores.tokens import Words, ngrams, own_bytes, own_hashes, own_stems

_CLOCK = re.compile(r"(?<![\d:.])(?:(\d{1,2}):)?(\d{1,3}):([0-5]\d)(?![\d:])")
_REPEATED = 10  # words: the n-grams of InternVL's filter, which drops captions above 0.4
_HEAD = 250  # characters from which the language is identified
_SEAM_S = 1.0  # a clock shows whole seconds


def free_scores(caption: Caption) -> dict[str, float | str | None]:
    """Compute all of them, by name; None if a caption lacks what a metric measures. See docs/evaluation.md."""
    minutes = caption.duration_s / 60 if caption.duration_s else None
    sentences = [text for text, _ in caption.sentences]
    spoken = len(caption.text.split())
    times = clock_times(caption.narrated_text)
    atoms = {atom for text in sentences for atom in _atoms(text)}
    return {
        "words": float(spoken),
        "words_a_minute": spoken / minutes if minutes else None,
        "wanted_words": min(1.0, spoken / caption.wanted_words) if caption.wanted_words else None,
        "length_score": length_score(spoken, caption.wanted_words),
        "balance": balance(caption),
        "timeline": timeline(caption),
        "repeated_10grams": repetition(caption.text, _REPEATED),
        "duplicate_sentences": duplicates(sentences),
        "distinct_1": distinct(caption.text, 1),
        "distinct_2": distinct(caption.text, 2),
        "times_inside": times_inside(caption.text, caption.duration_s),
        "times_in_order": in_order(times) if times else None,
        "cited": cited(caption),
        "grounding": caption.grounding,
        "reading_order": reading_order(caption),
        "name_consistency": name_consistency(caption),
        "atoms_a_minute": len(atoms) / minutes if minutes else None,
        "language": likely_language(caption.text[:_HEAD]),
    }


def length_score(words: int, wanted: int | None) -> float | None:
    """Compute LongWriter's length score, 0 to 100; its script divides by the words, and fails on an empty text.

    Args:
        wanted: requested number of words; None: there is no score.
    """
    if not wanted:
        return None
    if not words:
        return 0.0
    away = (words / wanted - 1) / 3 if words > wanted else (wanted / words - 1) / 2
    return 100 * max(0.0, 1 - away)


def balance(caption: Caption) -> float | None:
    """Return 1 if the sections share words as they share time, 0 if the two distributions are disjoint."""
    if not caption.events:
        return None
    words = np.array([len(text.split()) for _, _, text in caption.events], dtype=np.float64)
    times = np.array([max(0.0, end - start) for start, end, _ in caption.events])
    if not words.sum() or not times.sum():
        return None
    return float(1 - np.abs(words / words.sum() - times / times.sum()).sum() / 2)


def timeline(caption: Caption) -> float | None:
    """Return the share of the video that sections with a text cover."""
    if not caption.duration_s:
        return None
    spans = merged(as_spans([(s, e) for s, e, text in caption.events if text.strip()]))
    inside = np.clip(spans, 0.0, caption.duration_s)
    return float(min(1.0, (inside[:, 1] - inside[:, 0]).sum() / caption.duration_s))


def repetition(text: str, n: int) -> float:
    """Return the share of word n-grams that occurred earlier in the text, 0 to 1; 0 without n-grams."""
    grams = ngrams(own_hashes(text), n)[-1]
    return 1 - _different(grams) / len(grams) if len(grams) else 0.0


def distinct(text: str, n: int) -> float | None:
    """Return the share of distinct n-grams of words (Li et al. 2016)."""
    grams = ngrams(own_hashes(text), n)[-1]
    return _different(grams) / len(grams) if len(grams) else None


def _different(grams: Words) -> int:
    found = np.sort(grams)
    return 1 + int(np.count_nonzero(found[1:] != found[:-1]))


def duplicates(sentences: Sequence[str]) -> float | None:
    """Return the share of sentences that occurred earlier in the caption, ignoring punctuation and case."""
    seen = Counter(map(own_bytes, sentences))
    seen.pop(b"", None)
    total = sum(seen.values())
    return 1 - len(seen) / total if total else None


def clock_times(text: str) -> list[float]:
    """Return the times that a text names as m:ss or h:mm:ss, in seconds."""
    found = _CLOCK.findall(text) if ":" in text else []
    return [3600.0 * int(h or 0) + 60 * int(m) + int(s) for h, m, s in found]


def times_inside(text: str, duration_s: float | None) -> float | None:
    """Return the share of the named times that lie in the video."""
    times = clock_times(text)
    if not times or duration_s is None:
        return None
    return sum(t <= duration_s + _SEAM_S for t in times) / len(times)


def cited(caption: Caption) -> float | None:
    """Return the share of the sentences in sections that cite a window."""
    known = [windows for _, windows in caption.sentences if windows is not None]
    return sum(bool(w) for w in known) / len(known) if known else None


def reading_order(caption: Caption) -> float | None:
    """Return the share of neighbouring sentences of which the later one does not cite an earlier first window."""
    firsts = [float(min(windows)) for _, windows in caption.sentences if windows]
    return in_order(firsts) if firsts else None


def name_consistency(caption: Caption) -> float | None:
    """Return the share of all mentions of named persons and objects that use the name rather than an alias."""
    low, named, other = caption.text.lower(), 0, 0
    for name, aliases in caption.names:
        own = _mentions(name, low)
        named += own
        # an alias within the name ("the boy" in "the boy in red") is not another mention
        for alias in {a.lower() for a in aliases} - {name.lower()}:
            other += max(0, _mentions(alias, low) - (own if alias in name.lower() else 0))
    return named / (named + other) if named + other else None


def _mentions(name: str, low: str) -> int:
    return len(re.findall(rf"(?<!\w){re.escape(name.lower())}(?!\w)", low)) if name.strip() else 0


def _atoms(sentence: str) -> list[frozenset[str]]:
    """Return the clauses of a sentence as sets of stems, so that clauses with the same words are equal."""
    return [atom for _, text in clauses(sentence) if (atom := own_stems(text))]
