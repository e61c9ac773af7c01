"""The outline: the topic of each section and its share of the wanted words.

As in LongWriter's AgentWrite, a plan with a number of words for each part is requested first, and then part by part: a
model that is asked for two thousand words in one answer stops after three hundred.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from operators.cleaning.forms import read_form
from operators.language.sentences import split_sentences
from operators.language.shorten import first_words
from operators.language.words import count_words
from operators.narrate.grounding.words import content_stems

_LEAST_WORDS = 25  # minimum words of a section, enough for a sentence
_MOST_TIMES = 2.0  # maximum words of a section, in even shares; longer ones would be padded


class PlannedSection(BaseModel):
    model_config = ConfigDict(extra="forbid")
    topic: Annotated[str, Field(min_length=1, max_length=160)]
    words: Annotated[int, Field(ge=0, le=5000)]


class Outline(BaseModel):
    """An outline, with one entry per section, in order."""

    model_config = ConfigDict(extra="forbid")
    sections: list[PlannedSection]


def outline_schema(sections: int) -> str:
    """JSON Schema of an outline with exactly this number of sections, as text."""
    schema = Outline.model_json_schema()
    schema["properties"]["sections"] |= {"minItems": sections, "maxItems": sections}
    return json.dumps(schema, sort_keys=True)


def parse_outline(text: str, sections: int) -> Outline:
    """Parse an outline; raise `ValueError` if it is not one with this number of sections."""
    outline = read_form(text, Outline)
    if len(outline.sections) != sections:
        raise ValueError(f"the outline has {len(outline.sections)} sections and {sections} are to be written")
    return outline


def topics_of(outline: Outline) -> str:
    """All different topics as one text."""
    return ". ".join(dict.fromkeys(s.topic for s in outline.sections))


def share_words(total: int, weights: Sequence[float]) -> list[int]:
    """Distribute `total` words over sections by `weights`, at least 25 and at most twice the even share each.

    Args:
        total: wanted words of all sections together.
        weights: relative weight of each section, at least 0.
    """
    if not weights:
        return []
    even = total / len(weights)
    weighed = [w / sum(weights) * total if sum(weights) > 0 else even for w in weights]
    bounded = [min(max(w, even / _MOST_TIMES), even * _MOST_TIMES) for w in weighed]
    scale = total / sum(bounded) if sum(bounded) else 1.0
    return [max(_LEAST_WORDS, round(w * scale)) for w in bounded]


def brief(texts: Sequence[str], words: int | None = None) -> str:
    """The most informative sentence of every caption, each cut to at most `words` words."""
    chosen = (max(split_sentences(t), key=lambda s: len(set(content_stems(s))), default="") for t in texts)
    return " ".join(_cut(sentence, words) for sentence in chosen if sentence)


def _cut(sentence: str, words: int | None) -> str:
    return sentence if words is None or count_words(sentence) <= words else first_words(sentence, words) + "."
