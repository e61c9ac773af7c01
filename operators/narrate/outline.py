"""Plan, then write: what each section is about and how many of the wanted words it gets.

LongWriter's AgentWrite asks for the plan first, each part with its own number of words, and then writes part by part:
a model that is asked for two thousand words at once stops after three hundred.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from operators.cleaning.forms import read_form
from operators.language.sentences import split_sentences
from operators.narrate.grounding.words import content_stems

_LEAST_WORDS = 25  # of a section: below, a sentence has no room
_MOST_TIMES = 2.0  # a section's fair share: one that is planned larger is padded


class PlannedSection(BaseModel):
    model_config = ConfigDict(extra="forbid")
    topic: Annotated[str, Field(min_length=1, max_length=160)]
    words: Annotated[int, Field(ge=0, le=5000)]


class Outline(BaseModel):
    """One entry for each section, in order."""

    model_config = ConfigDict(extra="forbid")
    sections: list[PlannedSection]


def outline_schema(sections: int) -> str:
    """JSON Schema of an outline of exactly so many sections, as text."""
    schema = Outline.model_json_schema()
    schema["properties"]["sections"] |= {"minItems": sections, "maxItems": sections}
    return json.dumps(schema, sort_keys=True)


def parse_outline(text: str, sections: int) -> Outline:
    """Raises `ValueError` for anything but an outline of so many sections."""
    outline = read_form(text, Outline)
    if len(outline.sections) != sections:
        raise ValueError(f"the outline has {len(outline.sections)} sections and {sections} are to be written")
    return outline


def topics_of(outline: Outline) -> str:
    """All topics as one text: sections may share one, so each counts once."""
    return ". ".join(dict.fromkeys(s.topic for s in outline.sections))


def share_words(total: int, weights: Sequence[float]) -> list[int]:
    """`total` words over sections by `weights`, none below 25 or over twice its even share.

    Args:
        total: wanted words of all sections together.
        weights: of each section, at least 0; what matters is their ratio.
    """
    if not weights:
        return []
    even = total / len(weights)
    weighed = [w / sum(weights) * total if sum(weights) > 0 else even for w in weights]
    bounded = [min(max(w, even / _MOST_TIMES), even * _MOST_TIMES) for w in weighed]
    scale = total / sum(bounded) if sum(bounded) else 1.0
    return [max(_LEAST_WORDS, round(w * scale)) for w in bounded]


def brief(texts: Sequence[str], words: int | None = None) -> str:
    """One sentence of every caption, the one that says most; each cut to so many words."""
    chosen = (max(split_sentences(t), key=lambda s: len(set(content_stems(s))), default="") for t in texts)
    return " ".join(_cut(sentence, words) for sentence in chosen if sentence)


def _cut(sentence: str, words: int | None) -> str:
    said = sentence.split()
    return sentence if words is None or len(said) <= words else " ".join(said[:words]) + "."
