"""The part of reference files besides texts that judges compare captions with: key points, subjects and questions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.evaluation.scores.fields import clean

Span = tuple[float, float]

_QUESTIONS = ("questions", "qa", "qa_pairs", "question_answers", "qas")
_ANSWERS = ("answer", "correct_answer", "answer_key", "gt", "GT", "correct", "label")
_CHOICES = ("choices", "options", "candidates")
_GROUPS = ("skill", "dimension", "aspect", "category", "type", "task", "subset")
_SPANS = ("span", "spans", "evidence", "timestamp", "segment", "time")
_POINTS = ("text", "key_point", "event", "description", "statement")
_LETTER = re.compile(r"\(?([A-Za-z])[.):]?\)?")
_LISTED = re.compile(r"^\s*\(?([A-H])[.):]\s+(.+?)\s*$", re.MULTILINE)
_SUBJECTS = re.compile(r"<([^<>]+)>")
_OF_SUBJECTS, _OF_OTHERS = ("main_sbj_evts", "main_sbj_ints"), ("bg_desc", "trans_desc", "minor_evts")
SCOPES = ("within-event", "between-event", "long-term")


@dataclass(frozen=True)
class KeyPoint:
    """One fact that a caption of the video should contain.

    Attributes:
        subjects: ids of its subjects; empty for the scene itself.
        span: when it happens; None if unknown.
    """

    text: str
    subjects: tuple[str, ...] = ()
    span: Span | None = None


@dataclass(frozen=True)
class Question:
    """A question about the video.

    Attributes:
        answer: a text; with choices, the text of the right one.
        choices: empty for free answers and for yes and no.
        group: skill, dimension or aspect, by which scores are sliced; "": none.
        spans: where in the video the answer can be seen.
        scope: one of `SCOPES`, if the file gives it.
    """

    text: str
    answer: str
    choices: tuple[str, ...] = ()
    group: str = ""
    spans: tuple[Span, ...] = ()
    scope: str | None = None


@dataclass(frozen=True)
class Truth:
    """Key points and questions of one video."""

    key_points: tuple[KeyPoint, ...] = ()
    questions: tuple[Question, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.key_points or self.questions)

    def __add__(self, other: Truth) -> Truth:
        return Truth(self.key_points + other.key_points, self.questions + other.questions)


NOTHING = Truth()


def truth_of(row: Mapping[str, Any]) -> Truth:
    """Parse the key points and questions of a row.

    Supported are `key_points`, `subjects` with key points of their own, CapRiCorn-1K's `events`, a list of questions,
    and a row that is itself a question.

    Raises:
        ValueError: a question has no answer, the answer is not among its choices, or a text is a list.
    """
    points = [_point(one) for one in _list(row, "key_points")]
    subjects = row.get("subjects")
    if isinstance(subjects, Mapping):
        subjects = [{"id": name, "key_points": some} for name, some in subjects.items() if isinstance(some, list)]
    for k, subject in enumerate(subjects or ()):
        if isinstance(subject, Mapping):
            name = str(subject.get("id") or subject.get("name") or f"subject {k + 1}")
            listed = _list(subject, "key_points") or _list(subject, "events")
            points += [_point(one, (name,)) for one in listed]
    events = row.get("events")
    if isinstance(events, Mapping):
        for kind in (*_OF_SUBJECTS, *_OF_OTHERS):
            points += [_point(one) for one in _list(events, kind)]
    asked = next((row[name] for name in _QUESTIONS if isinstance(row.get(name), list)), None)
    questions = [_question(one) for one in asked or ()]
    if asked is None and isinstance(row.get("question"), str):
        questions = [_question(row)]
    unique = {(p.text, p.span): p for p in reversed(points)}  # an interaction is listed under each of its subjects
    return Truth(tuple(reversed(unique.values())), tuple(questions))


def _list(row: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = row.get(name) or ()
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} is {value!r:.60}; it must be a list")
    return value


def _point(one: Any, subjects: tuple[str, ...] = ()) -> KeyPoint:
    if isinstance(one, str):
        return KeyPoint(_clean(one), subjects or tuple(dict.fromkeys(_SUBJECTS.findall(one))))
    if not isinstance(one, Mapping):
        raise ValueError(f"a key point is {type(one).__name__}, not a text")
    text = next((clean(one[name]) for name in _POINTS if one.get(name)), None)
    if text is None:
        raise ValueError(f"a key point has no text under one of {', '.join(_POINTS)}")
    named = _list(one, "subjects") or ([one["subject"]] if one.get("subject") else [])
    found = tuple(map(str, named)) or subjects or tuple(dict.fromkeys(_SUBJECTS.findall(text)))
    spans = spans_of(one)
    return KeyPoint(_clean(text), found, spans[0] if spans else None)


def _question(row: Any) -> Question:
    if not isinstance(row, Mapping) or not isinstance(row.get("question"), str):
        raise ValueError("a question is not an object with a text under question")
    text = clean(row["question"])
    answer = next((row[name] for name in _ANSWERS if row.get(name) is not None), None)
    if answer is None:
        raise ValueError(f"the question {text[:60]!r} has no answer under one of {', '.join(_ANSWERS)}")
    name = next((name for name in _CHOICES if row.get(name)), "")
    choices = row[name] if isinstance(row.get(name), Mapping) else _list(row, name)
    listed = _LISTED.findall(text)
    if not choices and len(listed) > 1 and isinstance(answer, str) and _LETTER.fullmatch(answer.strip()):
        choices = [choice for _, choice in listed]
        text = _LISTED.sub("", text)
    if isinstance(choices, Mapping):
        choices = [choices[key] for key in sorted(choices)]
    text = _clean(text)
    texts = tuple(map(_clean, choices))
    group = next((str(row[name]) for name in _GROUPS if row.get(name)), "")
    scope = str(row.get("scope") or "").strip().lower().replace("_", "-").replace(" ", "-")
    return Question(
        text, _right(answer, texts, text), texts, group, tuple(spans_of(row)), scope if scope in SCOPES else None
    )


def _right(answer: Any, choices: Sequence[str], question: str) -> str:
    if isinstance(answer, bool):
        answer = "yes" if answer else "no"
    if not choices:
        return _clean(answer)
    if isinstance(answer, int) and 0 <= answer < len(choices):
        return choices[answer]
    said = _clean(answer)
    if said in choices:
        return said
    letter = _LETTER.fullmatch(said)
    if letter and 0 <= (k := ord(letter[1].upper()) - ord("A")) < len(choices):
        return choices[k]
    raise ValueError(f"the answer {said[:40]!r} to {question[:60]!r} is not among its choices")


def spans_of(row: Mapping[str, Any]) -> list[Span]:
    """Return the spans in seconds that a row gives; a single time is a span without length."""
    if isinstance(row.get("start"), int | float) and isinstance(row.get("end"), int | float):
        return [(float(row["start"]), float(row["end"]))]
    found = next((row[name] for name in _SPANS if row.get(name) is not None), None)
    if isinstance(found, int | float):
        return [(float(found), float(found))]
    if not isinstance(found, list | tuple) or not found:
        return []
    if all(isinstance(v, int | float) for v in found) and len(found) == 2:
        return [(float(min(found)), float(max(found)))]
    pairs = [one for one in found if isinstance(one, list | tuple) and len(one) == 2]
    return [(float(min(p)), float(max(p))) for p in pairs if all(isinstance(v, int | float) for v in p)]


def _clean(text: Any) -> str:
    return " ".join(clean(text).split())
