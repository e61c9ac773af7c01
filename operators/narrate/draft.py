"""The supported part of an answer, and the repair request for an answer with unsupported parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from operators.cleaning.quotes import uncited
from operators.core.grid import Span
from operators.language.words import count_words
from operators.narrate.asking import Asking
from operators.narrate.grounding.ground import Cut, Ground, Sentence
from operators.narrate.length import words_of
from operators.narrate.notes import LINE_TOKENS

_SEED = 500  # offset of the seeds of repairs: sections of a video count from 0, continuations from 1000


@dataclass(kw_only=True)
class Draft:
    """The supported sentences of an answer, and the parts that were removed."""

    sentences: list[Sentence] = field(default_factory=list)
    cut: list[Cut] = field(default_factory=list)


def standing(ground: Ground, text: str, marks: Mapping[int, Sequence[int]] | None = None) -> Draft:
    """The sentences of a model's text that captions support, without their unsupported clauses."""
    sentences = ground.sentences(text, marks or {})
    return Draft(sentences=[s for s in sentences if s.windows], cut=[c for s in sentences for c in s.cut])


def mended(
    asking: Asking,
    span: Span,
    texts: Sequence[str],
    text: str,
    *,
    faults: Sequence[Cut],
    draft: Draft,
    keep: Callable[[str], Draft],
) -> Draft:
    """Request `text` once more without its `faults`. The answer is used only if at least as much of it is supported.

    Args:
        texts: the captions or sections that must support it.
        keep: returns the supported part of a text.
    """
    if not (faults and asking.narrate.repair):
        return draft
    words = count_words(uncited(text))
    render = partial(asking.render, "repair", span, text=text, faults=faults)
    room = asking.room("repair", render(texts=[]), words)
    if room is not None and sum(asking.engine.count_tokens(t) + LINE_TOKENS for t in texts) > room:
        return draft  # without captions in the prompt a model could only guess
    request = asking.request("repair", span, render(texts=texts), texts, words, seed=_SEED)
    answer = asking.ask(request, asking.about(cites=True), answers=1)
    if not answer.valid:
        return draft
    better = keep(answer.text)
    no_less = words_of(better.sentences) >= words_of(draft.sentences) and len(better.cut) <= len(draft.cut)
    return better if no_less else draft
