"""Questions and answers that follow from timed captions alone, for training on time without a model (T3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from operators.core.base import Row
from operators.training.base import SPANS, FromCaptions
from operators.training.skills import SKILLS, Film, Question
from operators.training.timeline import Event, events_of, line

SkillName = Literal[
    "first", "last", "after", "before", "between", "order", "count", "at", "when", "said", "describe", "summary"
]

_ITEM = pa.struct(
    [
        pa.field("skill", pa.string()),
        pa.field("question", pa.string()),
        pa.field("answer", pa.string()),
        pa.field("prompt", pa.string()),  # the question with its lettered options; of a free answer the question
        pa.field("letter", pa.string()),  # of the right option; of a free answer the answer
        pa.field("options", pa.list_(pa.struct([pa.field("text", pa.string()), pa.field("spans", SPANS)]))),
        pa.field("right", pa.int32()),  # index of the right option; null: the answer is free
        pa.field("about", SPANS),  # of the events that the question names
        pa.field("evidence", SPANS),  # that the answer rests on
    ]
)


@dataclass(frozen=True, kw_only=True)
class Questions(FromCaptions):
    """Asks about the order, the times and the number of what a video tells; the answers follow from the spans.

    `first`, `last`, `after`, `before`, `between`, `order`, `count` ask about order, as T3 does; `at`, `when` and `said`
    refer to a moment by its time, by what is seen and by what is said, as LongVideoBench does; `order`, `describe` and
    `summary` are skills of InfiniBench that need no model. `said` needs a table of speech among the parents.

    Of each skill at most `each` questions are drawn. Events whose texts are alike are not asked about, and neither is
    the order of events that overlap, so that each question has one right answer.
    """

    name: ClassVar[str] = "questions"
    may_read: ClassVar[frozenset[str]] = frozenset({"speech", "caption", "opening"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"items": pa.list_(_ITEM)}

    skills: Annotated[tuple[SkillName, ...], Field(min_length=1, description="skills that are asked about")] = (
        *("first", "last", "after", "before", "between", "order", "count"),
        *("at", "when", "said", "describe", "summary"),
    )
    each: Annotated[int, Field(ge=1, le=1000, description="maximum number of questions of each skill for a video")] = 5
    options: Annotated[int, Field(ge=2, le=8, description="number of options of a question")] = 4

    def items(self, row: Row) -> list[dict[str, Any]]:
        draw = self.draw(row)
        film = Film(
            events=tuple(events_of(row, self.source)),
            duration_s=float(row["duration_s"]),
            draw=draw,
            options=self.options,
            lines=tuple(_lines(row)),
            summary=(row.get("caption") or "").strip(),
            opening=line((row.get("opening") or {}).get("text") or ""),
        )
        return [
            _item(skill, question, draw.sample(range(len(question.choices)), len(question.choices)))
            for skill in self.skills
            for question in islice(SKILLS[skill](film), self.each)
        ]


def _lines(row: Row) -> Iterator[Event]:
    for said in row.get("speech") or ():
        if line(said["text"] or "") and said["end_s"] > said["start_s"]:
            yield Event(text=line(said["text"]), spans=((float(said["start_s"]), float(said["end_s"])),))


def _item(skill: str, question: Question, shuffled: list[int]) -> dict[str, Any]:
    """An item, its options in a drawn order."""
    right = shuffled.index(0) if shuffled else None
    options = [question.choices[k] for k in shuffled]
    letters = [chr(ord("A") + k) for k in range(len(options))]
    listed = "".join(f"\n{letter}. {option.text}" for letter, option in zip(letters, options, strict=True))
    return {
        "skill": skill,
        "question": question.text,
        "answer": question.answer,
        "prompt": question.text + listed + ("\nAnswer with the letter of the right option." if options else ""),
        "letter": question.answer if right is None else letters[right],
        "options": [{"text": o.text, "spans": _spans(o.spans)} for o in options],
        "right": right,
        "about": _spans(question.about),
        "evidence": _spans(question.evidence),
    }


def _spans(spans: tuple[tuple[float, float], ...]) -> list[dict[str, float]]:
    return [{"start_s": start, "end_s": end} for start, end in spans]
