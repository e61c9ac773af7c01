"""`clean`: every rule in its order, for text and for structured answers, and which of them removed something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from operators.cleaning.characters import characters, entities, escapes, markup
from operators.cleaning.classifier import classified
from operators.cleaning.context import NOTHING, Context, Rule
from operators.cleaning.endings import closing, repeated_end, unfinished
from operators.cleaning.foreign import foreign_sentences, impossible_times
from operators.cleaning.forms import clean_form
from operators.cleaning.framing import framing
from operators.cleaning.headings import announcements, headings
from operators.cleaning.impressions import impressions
from operators.cleaning.introductions import acknowledgements, lead_in
from operators.cleaning.lines import labels, line_heads, markdown, paragraph, signs
from operators.cleaning.medium import medium
from operators.cleaning.notes import citations, echo, notes
from operators.cleaning.phrases import phrase
from operators.cleaning.stamps import heads, marks
from operators.cleaning.talk import holds_a_place
from operators.cleaning.thinking import thinking
from operators.cleaning.tokens import roles, template_tokens
from operators.cleaning.wrapping import as_json, fences, versions, wrapping_quotes

_AROUND: tuple[Rule, ...] = (characters, thinking, template_tokens)
_WORDING: tuple[Rule, ...] = (entities, characters, escapes, markup)
_LAYOUT: tuple[Rule, ...] = (
    versions,
    heads,
    markdown,
    line_heads,
    acknowledgements,
    announcements,
    labels,
    headings,
    lead_in,
    wrapping_quotes,
    signs,
)
SENTENCES: tuple[Rule, ...] = (
    closing,  # before framing, which would hide some
    framing,
    medium,
    notes,
    echo,
    citations,
    foreign_sentences,
    impossible_times,
    marks,
    impressions,
    repeated_end,
    unfinished,
    closing,
    classified,  # last: what a rule knows is counted as that rule
)

TEXT: tuple[Rule, ...] = (
    entities,
    characters,
    thinking,
    wrapping_quotes,
    template_tokens,
    roles,
    fences,
    as_json,
    *_WORDING,
    *_LAYOUT,
)
"""For an answer that is text, before its lines are joined to one paragraph; `SENTENCES` come after that."""
PHRASE: tuple[Rule, ...] = (*_WORDING, template_tokens, markdown, labels, citations, phrase, wrapping_quotes)
"""For a field that is no whole caption: a name, a topic, what the camera does."""
VERBATIM: tuple[Rule, ...] = (characters,)
"""For a field that quotes what stands in the frame."""
FORM = "form"
"""Counted where an answer's JSON was found among other text or mended."""
LONG_LISTS = "long_lists"
"""Counted where a list of an answer had more items than its form allows, and the last ones were removed."""


@dataclass(frozen=True)
class Cleaned:
    """An answer without what rules removed.

    Attributes:
        text: one paragraph; of a structured answer its JSON, in the form that was asked for.
        rules: names of the rules that changed it, each once, in order.
    """

    text: str
    rules: tuple[str, ...] = ()


def clean(text: str, context: Context = NOTHING) -> Cleaned:
    """An answer without what models write around and behind captions."""
    used: dict[str, None] = {}
    if context.form is None:
        return Cleaned(_prose(text, context, used), tuple(used))
    around = text if text.lstrip()[:1] == "{" else _applied(_AROUND, text, context, used)

    def field(name: str, value: str) -> str:
        if name in context.prose_fields:
            return _prose(value, replace(context, form=None), used) or " "  # for the gate `empty`, not `malformed`
        rules = VERBATIM if name in context.verbatim_fields else PHRASE
        value = paragraph(_applied(rules, value, context, used))
        return "" if holds_a_place(value) else value

    cleaned, mended, cut = clean_form(around, context.form, field)
    used.update(dict.fromkeys(name for name, did in ((FORM, mended), (LONG_LISTS, cut)) if did))
    return Cleaned(cleaned, tuple(used))


def _prose(text: str, context: Context, used: dict[str, None]) -> str:
    text = paragraph(_applied(TEXT, text, context, used))
    return paragraph(_applied(SENTENCES, text, context, used))


def _applied(rules: Sequence[Rule], text: str, context: Context, used: dict[str, None]) -> str:
    for rule in rules:
        changed = rule(text, context)
        if changed != text:
            if "".join(changed.split()) != "".join(text.split()):  # white space alone is no removal
                used[rule.__name__] = None
            text = changed
    return text
