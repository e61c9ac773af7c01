"""Narrated text as rows and as what prompts show."""

from __future__ import annotations

from collections.abc import Sequence

from operators.core.base import Row
from operators.narrate.grounding.ground import Cut, Sentence
from operators.narrate.notes import Note

SCORES = ("support", "lexical", "embedding", "entailment", "contradiction")


def sentence_row(sentence: Sentence) -> Row:
    """As `operators.core.structs.SENTENCE`."""
    scores = {name: sentence.scores.get(name) for name in SCORES} if sentence.scores else None
    return {"text": sentence.text, "windows": list(sentence.windows), "grounding": scores}


def cut_rows(cut: Sequence[Cut]) -> list[Row]:
    """As a list of `operators.core.structs.CUT`."""
    return [{"text": c.text, "why": c.why} for c in cut]


def numbered(notes: Sequence[Note], details: Sequence[Note]) -> list[Row]:
    """Notes as the prompt of a section has them: number, span, text, and the captions of frames that belong to it."""
    made: list[Row] = [
        {"number": k, "start_s": n.start_s, "end_s": n.end_s, "text": n.text, "details": []}
        for k, n in enumerate(notes, 1)
    ]
    for detail in details:
        home = next((k for k, n in enumerate(notes) if set(n.windows) & set(detail.windows)), None)
        if home is not None:
            made[home]["details"].append({"start_s": detail.start_s, "end_s": detail.end_s, "text": detail.text})
    return made
