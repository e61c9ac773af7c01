"""What a rule may know of an answer beside its text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""texts -> len(texts) x d float32, rows of length 1."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What an answer is about.

    Attributes:
        language: as the config names it; None: any.
        duration_s: of the video; None: times are not looked at.
        instructions: the fixed text of the prompt; an answer that repeats it is an echo.
        cites: the prompt asks for marks such as `[3]`, which then stay.
        form: of a structured answer; None: the answer is text.
        prose_fields: fields of `form` that are texts like a whole caption.
        verbatim_fields: fields of `form` that quote what stands in the frame: only broken characters are removed there.
        embed: sentence embeddings of all-MiniLM-L6-v2, on which the classifier of talk then depends as well; None: it
            depends on words alone.
        may_empty: the classifier of talk may remove all sentences of a text, because another text replaces it.
    """

    language: str | None = None
    duration_s: float | None = None
    instructions: str = ""
    cites: bool = False
    form: type[BaseModel] | None = None
    prose_fields: frozenset[str] = frozenset({"caption"})
    verbatim_fields: frozenset[str] = frozenset({"on_screen_text"})
    embed: Embed | None = None
    may_empty: bool = False


NOTHING = Context()
Rule = Callable[[str, Context], str]
"""(text, context) -> the text without what the rule removes; never raises."""
