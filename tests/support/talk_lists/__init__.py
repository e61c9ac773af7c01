"""Sentences that models write beside captions, true captions that look like them, and lists that are held out.

Written by hand. `bench/talk.py` fits `operators/cleaning/talk.npz` and `talk_meaning.npz` on TALK and TRUE; nothing is
fitted on the lists HELD_…: they show what cleaning does with wordings that nobody has seen. HELD_ODD_… are of kinds
that no other list has. The first half of HELD_LATE_TALK is ordinary, the second odd.
"""

from __future__ import annotations

from pathlib import Path


def _lines(name: str) -> tuple[str, ...]:
    return tuple(Path(__file__).with_name(name).read_text("utf-8").splitlines())


TALK, TRUE = _lines("talk.txt"), _lines("true.txt")
HEADS, ODD_HEADS = _lines("heads.txt"), _lines("odd_heads.txt")
"""Words before a caption that are none; each ends in a space."""
HELD_TALK, HELD_TRUE = _lines("held_talk.txt"), _lines("held_true.txt")
HELD_ODD_TALK, HELD_ODD_TRUE = _lines("held_talk_odd.txt"), _lines("held_true_odd.txt")
HELD_LATE_TALK, HELD_LATE_TRUE = _lines("held_late_talk.txt"), _lines("held_late_true.txt")
HELD_HEADS = _lines("held_heads.txt")
"""Words before a caption after which no rule was written."""
