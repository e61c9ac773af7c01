"""Stories whose script is known, with key points, subjects and questions, and their captions, perfect or spoiled."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from operators.engines.base import Request
from pipeline.evaluation.exam.language import sentence
from pipeline.evaluation.exam.story import write_story
from pipeline.evaluation.judging.asking import Ask
from pipeline.evaluation.judging.case import Case, Found
from pipeline.evaluation.judging.protocols import PROTOCOLS
from pipeline.evaluation.judging.rules import answered
from pipeline.evaluation.scores.captions import Caption, Event
from pipeline.evaluation.scores.references import Reference
from pipeline.evaluation.scores.truth import truth_of

SECONDS = 120.0


def story(seed: int, seconds: float = SECONDS) -> list[tuple[float, float, str, str]]:
    """(start_s, end_s, sentence, who) of each event; a cut is given a second."""
    events = write_story(seconds, seed).events
    return [(e.start_s, max(e.end_s, e.start_s + 1), sentence(e), e.who or "") for e in events]


def row(seed: int, questions: int = 6) -> dict[str, Any]:
    """A row of a reference file."""
    events = story(seed)
    asked = [
        {"question": f"Is it true? {t}", "answer": "yes", "span": [s, e], "skill": "events"}
        for s, e, t, _ in events[:questions]
    ]
    asked.append({"question": "Is it true? An elephant rides a bicycle.", "answer": "unanswerable"})
    asked += [
        {"question": "Which is true?", "choices": [t, "An elephant rides a bicycle."], "answer": "A", "skill": "which"}
        for _, _, t, _ in events[:questions]
    ]
    asked += [{"question": t, "answer": t, "aspect": "detailed"} for _, _, t, _ in events[:questions]]
    return {
        "video_id": f"story{seed}",
        "duration": SECONDS,
        "timestamps": [[s, e] for s, e, _, _ in events],
        "sentences": [t for _, _, t, _ in events],
        "key_points": [{"text": t, "start": s, "end": e, "subjects": [w] if w else []} for s, e, t, w in events],
        "questions": asked,
    }


def caption(events: Sequence[Event], name: str = "v") -> Caption:
    return Caption(
        video_id=name, duration_s=SECONDS, text=" ".join(t for _, _, t in events), events=tuple(events), content=name
    )


def case(seed: int, spoil: Callable[[Sequence[Event]], Sequence[Event]] = lambda e: e) -> Case:
    """The caption of a story, spoiled, with its truth."""
    value = row(seed)
    events = [(s, e, t) for s, e, t, _ in story(seed)]
    reference = Reference(" ".join(t for _, _, t in events), tuple(events), True, SECONDS, truth_of(value))
    return Case(caption(list(spoil(events))), (reference,))


def by_rules(asks: Sequence[Ask]) -> dict[str, Any]:
    """What the rule judge says."""
    found: dict[str, Any] = {}
    for one in asks:
        request = Request(
            kind=f"judge_{one.prompt}", start_s=0, end_s=0, prompt=one.text,
            texts=(one.material, *one.items.values()), schema=one.schema,
        )  # fmt: skip
        found |= one.read(json.dumps(answered(request)))
    return found


def judged(one: Case, protocol: str) -> Found:
    return PROTOCOLS[protocol].judge(one, by_rules)
