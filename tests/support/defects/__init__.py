"""Defects of model output by kind: answers of models, and the parts that must not reach a row.

Written by hand after outputs of instruction-tuned, reasoning and vision-language models. In an answer `{c}` is
the caption, and `{a}` and `{b}` are its two sentences.
"""

from __future__ import annotations

from tests.support.defects import (
    characters,
    endings,
    instead,
    judgements,
    layout,
    marks,
    notes,
    templates,
    thoughts,
    wording,
)
from tests.support.defects.defect import CAPTION, DURATION_S, FIRST, PROMPT, SECOND, Around, Defect, Instead
from tests.support.defects.structured import STRUCTURED

__all__ = ["CAPTION", "DEFECTS", "DURATION_S", "FIRST", "PROMPT", "SECOND", "STRUCTURED", "Defect", "filled"]

_AROUND: Around = {
    **thoughts.AROUND,
    **templates.AROUND,
    **wording.AROUND,
    **judgements.AROUND,
    **notes.AROUND,
    **marks.AROUND,
    **layout.AROUND,
    **characters.AROUND,
    **endings.AROUND,
}
_INSTEAD: Instead = {**thoughts.INSTEAD, **marks.INSTEAD, **endings.INSTEAD, **instead.INSTEAD}


def filled(answer: str) -> str:
    return answer.replace("{c}", CAPTION).replace("{a}", FIRST).replace("{b}", SECOND)


DEFECTS: tuple[Defect, ...] = (
    *(
        Defect(kind, filled(answer).replace("{{", "{").replace("}}", "}"), gone)
        for kind, answers in _AROUND.items()
        for answer, gone in answers
    ),
    *(
        Defect(kind, answer, (answer.strip(".")[:12] or answer,), kept=False)
        for kind, answers in _INSTEAD.items()
        for answer in answers
    ),
)
"""All defects, without duplicates."""
