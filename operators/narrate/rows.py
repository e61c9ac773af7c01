"""Conversion of narrated text to rows, and of notes to the values in prompts."""

from __future__ import annotations

from collections.abc import Sequence

from operators.core.base import Row
from operators.narrate.grounding.ground import Cut, Sentence
from operators.narrate.notes import Note

SCORES = ("support", "lexical", "embedding", "entailment", "contradiction")


def sentence_row(sentence: Sentence) -> Row:
    """Convert to a value of `operators.core.structs.SENTENCE`."""
    scores = {name: sentence.scores.get(name) for name in SCORES} if sentence.scores else None
    return {"text": sentence.text, "windows": list(sentence.windows), "grounding": scores}


def cut_rows(cut: Sequence[Cut]) -> list[Row]:
    """Convert to a list of values of `operators.core.structs.CUT`."""
    return [{"text": c.text, "why": c.why} for c in cut]


def numbered(notes: Sequence[Note], details: Sequence[Note]) -> list[Row]:
    """Notes for the prompt of a section: number, span, text, and the captions of their frames."""
    made: list[Row] = [
        {"number": k, "start_s": n.start_s, "end_s": n.end_s, "text": n.text, "details": []}
        for k, n in enumerate(notes, 1)
    ]
    for detail in details:
        home = next((k for k, n in enumerate(notes) if set(n.windows) & set(detail.windows)), None)
        if home is not None:
            made[home]["details"].append({"start_s": detail.start_s, "end_s": detail.end_s, "text": detail.text})
    return made
