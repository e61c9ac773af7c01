"""A judge without a model that compares words by the rules in this file.

It tests formulas, shows what a report looks like, and costs nothing. It does not recognise synonyms or implications, so
its values are meaningless for captions in free language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from operators.engines.base import EngineSpec, Generation, Request, RunningEngine
from operators.language.sentences import split_sentences
from pipeline.evaluation.scores.events import denies
from pipeline.evaluation.scores.tokens import google_words

_LINE = re.compile(r"^\[(s\d+)[^\]]*\] (.*)$")
_CHOICE = re.compile(r"\(([A-Z])\) ")
_LIKE = 0.5  # a sentence mentions a statement if it has this share of its words
_ABOUT = 4  # points of quality that repetition can cost
_EMPTY = frozenset(google_words("a an the is are was were does do did it that true of to there this has have"))

Sentence = tuple[str, list[str], bool, str]
"""Id, words in order, whether it denies something, and its text."""


@dataclass(frozen=True, kw_only=True)
class RuleJudge(EngineSpec):
    """The spec of the judge by rules; its answers are deterministic."""

    version: ClassVar[int] = 1
    generative: ClassVar[bool] = False

    @property
    def model_id(self) -> str:
        return "rules"

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        yield _Rules()


class _Rules(RunningEngine):
    def submit(self, request: Request) -> Future[Generation]:
        answer: Future[Generation] = Future()
        answer.set_result(Generation(text=json.dumps(answered(request))))
        return answer


def answered(request: Request) -> dict[str, Any]:
    """Return the answer to a request that an `asking.Ask` made."""
    properties = json.loads(request.schema or "{}")["properties"]["answers"]["items"]["properties"]
    material, *texts = request.texts
    sentences = _sentences(material)
    kind = request.kind.removeprefix("judge_")
    if kind == "clusters":
        return {"answers": _clusters(properties["id"]["enum"], texts)}
    rule = _RULES[kind]
    pairs = zip(properties["id"]["enum"], texts, strict=True)
    return {"answers": [{"id": name, **rule(text, sentences)} for name, text in pairs]}


def _words(text: str) -> list[str]:
    """Return stems in order; small words of direction ("in", "up") count."""
    return [word for word in google_words(text) if word not in _EMPTY]


def _sentences(material: str) -> list[Sentence]:
    found = []
    for line in material.splitlines():
        numbered = _LINE.match(line)
        for text in [numbered[2]] if numbered else split_sentences(line):
            found.append((numbered[1] if numbered else "", _words(text), denies(text), text))
    return found


def _compared(text: str, sentences: Sequence[Sentence]) -> tuple[str, str]:
    """Return whether a sentence says it ("same"), says it otherwise ("other") or neither ("none"), and its id."""
    words, denied = _words(text), denies(text)
    best = ("none", "none", 0.0)
    for name, own, denies_it, _ in sentences:
        shared = len(set(words) & set(own)) / max(1, len(set(words)))
        if _within(words, own) and denied == denies_it:
            return "same", name or "none"
        if shared >= _LIKE and shared > best[2]:
            best = ("other", name or "none", shared)
    return best[0], best[1]


def _within(words: Sequence[str], sentence: Sequence[str]) -> bool:
    """Whether a sentence has all words in the same order."""
    left = iter(sentence)
    return bool(words) and all(word in left for word in words)


def _keypoint(text: str, sentences: Sequence[Sentence]) -> dict[str, Any]:
    how, name = _compared(text, sentences)
    return {"verdict": {"same": "correct", "other": "erroneous", "none": "absent"}[how], "sentence": name}


def _event(text: str, sentences: Sequence[Sentence]) -> dict[str, Any]:
    how, _ = _compared(text, sentences)
    return {"verdict": {"same": "entailed", "other": "contradicted", "none": "neutral"}[how]}


def _yes_no(text: str, sentences: Sequence[Sentence]) -> dict[str, Any]:
    how, _ = _compared(text, sentences)
    return {"answer": {"same": "yes", "other": "no", "none": "unanswerable"}[how]}


def _nearest(text: str, sentences: Sequence[Sentence]) -> Sentence | None:
    words = set(_words(text))
    ranked = sorted(sentences, key=lambda s: -len(words & set(s[1])))
    return ranked[0] if ranked and words & set(ranked[0][1]) else None


def _answer(text: str, sentences: Sequence[Sentence]) -> dict[str, Any]:
    found = _nearest(text, sentences)
    return {"answer": found[3] if found else "not said"}


def _grade(text: str, _: Sequence[Sentence]) -> dict[str, Any]:
    right, _mark, given = text.partition("Right answer: ")[2].partition("Given answer: ")
    wanted, own = set(_words(right)), set(_words(given))
    shared = len(wanted & own) / max(1, len(wanted))
    return {"verdict": "yes" if shared == 1 else "no", "score": round(5 * shared)}


def _choice(text: str, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """Return the first choice that a sentence says in words that the other choices do not have."""
    parts = _CHOICE.split(text)
    for letter, choice in zip(parts[1::2], parts[2::2], strict=True):
        words = _words(choice)
        if any(_within(words, own) for _, own, _, _ in sentences):
            return {"choice": letter}
    return {"choice": "unknown"}


def _notes(text: str, sentences: Sequence[Sentence]) -> dict[str, Any]:
    words = set(_words(text))
    found = [said for _, own, _, said in sentences if words & set(own)]
    return {"notes": " ".join(found) or "nothing"}


def _atoms(text: str, _: Sequence[Sentence]) -> dict[str, Any]:
    return {"events": [text]}


def _quality(_: str, sentences: Sequence[Sentence]) -> dict[str, Any]:
    different = len({tuple(own) for _, own, _, _ in sentences})
    return {"score": 1 + round(_ABOUT * different / max(1, len(sentences)))}


def _clusters(names: Sequence[str], texts: Sequence[str]) -> list[dict[str, Any]]:
    """Cluster places whose sentences and key points share two adjacent words."""
    groups: list[set[tuple[str, str]]] = []
    answers = []
    for name, text in zip(names, texts, strict=True):
        sentence, _, point = text.partition(" (key point: ")
        pairs = set(pairwise(_words(sentence))) & set(pairwise(_words(point)))
        group = next((k for k, known in enumerate(groups) if known & pairs), len(groups))
        if group == len(groups):
            groups.append(set())
        groups[group] |= pairs
        answers.append({"id": name, "group": group + 1})
    return answers


_RULES: dict[str, Callable[[str, Sequence[Sentence]], dict[str, Any]]] = {
    "keypoints": _keypoint, "events": _event, "questions": _yes_no, "answers": _answer, "grades": _grade,
    "choices": _choice, "notes": _notes, "atoms": _atoms, "quality": _quality,
}  # fmt: skip
