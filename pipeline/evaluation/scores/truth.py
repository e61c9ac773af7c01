"""What reference files say beside texts: key points, subjects and questions. Judges compare captions with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operators.core.text import repaired

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
    """One thing that a caption of the video should say.

    Attributes:
        subjects: ids of those whom it is about; empty for the scene itself.
        span: when it happens; None where nobody says.
    """

    text: str
    subjects: tuple[str, ...] = ()
    span: Span | None = None


@dataclass(frozen=True)
class Question:
    """A question about the video.

    Attributes:
        answer: a text, or with choices the text of the right one.
        choices: empty for a free answer, or for yes and no.
        group: skill, dimension or aspect, by which scores are sliced; "" for none.
        spans: where in the video the answer is seen.
        scope: one of `SCOPES` where the file says so.
    """

    text: str
    answer: str
    choices: tuple[str, ...] = ()
    group: str = ""
    spans: tuple[Span, ...] = ()
    scope: str | None = None


@dataclass(frozen=True)
class Truth:
    """All of it for one video."""

    key_points: tuple[KeyPoint, ...] = ()
    questions: tuple[Question, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.key_points or self.questions)

    def __add__(self, other: Truth) -> Truth:
        return Truth(self.key_points + other.key_points, self.questions + other.questions)


NOTHING = Truth()


def truth_of(row: Mapping[str, Any]) -> Truth:
    """The key points and questions of a row.

    Known are `key_points`, `subjects` with key points of their own, CapRiCorn-1K's `events`, a list of questions, and a
    row that is a question itself.

    Raises:
        ValueError: a question has no answer, or none of its choices is it.
    """
    points: list[KeyPoint] = []
    for one in row.get("key_points") or ():
        points.append(_point(one))
    subjects = row.get("subjects")
    if isinstance(subjects, Mapping):
        subjects = [{"id": name, "key_points": some} for name, some in subjects.items() if isinstance(some, list)]
    for k, subject in enumerate(subjects or ()):
        if isinstance(subject, Mapping):
            name = str(subject.get("id") or subject.get("name") or f"subject {k + 1}")
            listed = subject.get("key_points") or subject.get("events") or ()
            points += [_point(one, (name,)) for one in listed]
    events = row.get("events")
    if isinstance(events, Mapping):
        for kind in (*_OF_SUBJECTS, *_OF_OTHERS):
            points += [_point(one) for one in events.get(kind) or ()]
    listed = next((row[name] for name in _QUESTIONS if isinstance(row.get(name), list)), None)
    questions = [_question(one) for one in listed or ()]
    if listed is None and isinstance(row.get("question"), str):
        questions = [_question(row)]
    unique = {(p.text, p.span): p for p in reversed(points)}  # an interaction stands with each of its subjects
    return Truth(tuple(reversed(unique.values())), tuple(questions))


def _point(one: Any, subjects: tuple[str, ...] = ()) -> KeyPoint:
    if isinstance(one, str):
        return KeyPoint(_clean(one), subjects or tuple(dict.fromkeys(_SUBJECTS.findall(one))))
    if not isinstance(one, Mapping):
        raise ValueError(f"a key point is {type(one).__name__}, not a text")
    text = next((str(one[name]) for name in _POINTS if one.get(name)), None)
    if text is None:
        raise ValueError(f"a key point has no text; one of {', '.join(_POINTS)}")
    named = one.get("subjects") or ([one["subject"]] if one.get("subject") else [])
    found = tuple(map(str, named)) or subjects or tuple(dict.fromkeys(_SUBJECTS.findall(text)))
    spans = spans_of(one)
    return KeyPoint(_clean(text), found, spans[0] if spans else None)


def _question(row: Any) -> Question:
    if not isinstance(row, Mapping) or not isinstance(row.get("question"), str):
        raise ValueError("a question is not an object with a text under question")
    text = repaired(row["question"]).strip()
    answer = next((row[name] for name in _ANSWERS if row.get(name) is not None), None)
    if answer is None:
        raise ValueError(f"the question {text[:60]!r} has no answer; one of {', '.join(_ANSWERS)}")
    choices = next((row[name] for name in _CHOICES if row.get(name)), None)
    listed = _LISTED.findall(text)
    if choices is None and len(listed) > 1 and isinstance(answer, str) and _LETTER.fullmatch(answer.strip()):
        choices = [choice for _, choice in listed]
        text = _LISTED.sub("", text)
    if isinstance(choices, Mapping):
        choices = [choices[key] for key in sorted(choices)]
    text = _clean(text)
    texts = tuple(_clean(str(c)) for c in choices or ())
    group = next((str(row[name]) for name in _GROUPS if row.get(name)), "")
    scope = str(row.get("scope") or "").strip().lower().replace("_", "-").replace(" ", "-")
    return Question(
        text, _right(answer, texts, text), texts, group, tuple(spans_of(row)), scope if scope in SCOPES else None
    )


def _right(answer: Any, choices: Sequence[str], question: str) -> str:
    if isinstance(answer, bool):
        answer = "yes" if answer else "no"
    if not choices:
        return _clean(str(answer))
    if isinstance(answer, int) and 0 <= answer < len(choices):
        return choices[answer]
    said = _clean(str(answer))
    if said in choices:
        return said
    letter = _LETTER.fullmatch(said)
    if letter and 0 <= (k := ord(letter[1].upper()) - ord("A")) < len(choices):
        return choices[k]
    raise ValueError(f"the answer {said[:40]!r} to {question[:60]!r} is none of its choices")


def spans_of(row: Mapping[str, Any]) -> list[Span]:
    """The spans in seconds that a row names; one time is a span without length."""
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


def _clean(text: str) -> str:
    return " ".join(repaired(text).split())
