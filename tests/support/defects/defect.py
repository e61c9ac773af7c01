"""One answer with a defect, and its expected treatment."""

from __future__ import annotations

from dataclasses import dataclass

FIRST = "A man in a red jacket walks along a wet street."
SECOND = "He stops at a wooden door and knocks twice."
CAPTION = f"{FIRST} {SECOND}"
DURATION_S = 60.0
PROMPT = (
    "Describe in English what happens in this stretch: who or what acts, how things move and change, and what the camera "
    "does. Say only what can be seen. No introduction. This stretch lasts from 0.0 s to 10.0 s of the video."
)
CITES = "citation where marks are asked for"

Around = dict[str, list[tuple[str, tuple[str, ...]]]]
"""Kind -> (answer, text that must be removed): a caption with additional text."""
Instead = dict[str, list[str]]
"""Kind -> answers without a complete caption."""


@dataclass(frozen=True)
class Defect:
    """One answer with a defect.

    Attributes:
        kind: kind of the defect.
        answer: output of the model.
        gone: none of these may be in an accepted answer; if one ends in `$`, the answer must not end with it.
        kept: whether the caption must be accepted; if False, rejecting the answer is also right.
    """

    kind: str
    answer: str
    gone: tuple[str, ...]
    kept: bool = True

    @property
    def cites(self) -> bool:
        """Return whether the prompt asked for marks such as `[3]`."""
        return self.kind == CITES

    def left_in(self, text: str) -> bool:
        """Return whether an accepted answer still has the defect."""
        return any(text.endswith(mark[:-1]) if mark.endswith("$") else mark in text for mark in self.gone)
