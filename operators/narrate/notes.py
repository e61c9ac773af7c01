"""Notes that a narrator tells from, and the tree reduce that brings them under a budget of tokens.

An hour of LongCaption-Agent captions is about 340,000 tokens: no prompt holds it. Neighbouring notes are rewritten as
one shorter note, level by level, until the rest fits. A note keeps the windows that it was made from, so that what is
told from it can still name them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from operators.engines.measure.words import clock
from operators.language.sentences import split_sentences
from operators.narrate.sentences import Sentence, count_words, says

_SHRINK = 0.5  # of its words a digest may keep: each level halves at least
_LONGEST_WORD = 24  # characters: what is longer has no spaces between its words
_LINE_TOKENS = 12  # that a note takes beside its words: a dash, its time, a line break


@dataclass(frozen=True, kw_only=True)
class Note:
    """A caption, or several as one, over `[start_s, end_s)`; `windows` are those it rests on, in order."""

    text: str
    start_s: float
    end_s: float
    windows: tuple[int, ...]


Count = Callable[[str], int]
Digest = Callable[[Sequence[Note], int], str | None]
"""(notes, at most so many words) -> one text for them; None where no good one could be had."""


def merge_alike(notes: Sequence[Note]) -> list[Note]:
    """Join neighbours of which one says all that the other says: a still scene is told once, not sixty times.

    Likeness (LifelongMemory merges from a similarity of 0.8) would also join a red cross with a blue one.
    """
    merged: list[Note] = []
    for note in notes:
        if merged:
            last = merged[-1]
            if _holds(last.text, note.text) or _holds(note.text, last.text):
                merged[-1] = _joined([last, note], last.text if _holds(last.text, note.text) else note.text)
                continue
        merged.append(note)
    return merged


def _holds(whole: str, part: str) -> bool:
    """Whether each sentence of `part` is in one of `whole`: words of two sentences do not make a third."""
    sentences = split_sentences(whole)
    return all(any(says(one, sentence) for one in sentences) for sentence in split_sentences(part))


def once(notes: Sequence[Note]) -> list[Note]:
    """The notes without the sentences that the note before, which overlaps them in time, says word for word.

    Windows overlap so that nothing falls between two of them; what stands in both was seen by both, and happened once.
    A note of which nothing would stay is kept as it is: `merge_alike` and `quoted` see to it.
    """
    kept: list[Note] = []
    for k, note in enumerate(notes):
        before = notes[k - 1] if k else None
        if before is not None and note.start_s < before.end_s:
            said = {s.casefold() for s in split_sentences(before.text)}
            new = [s for s in split_sentences(note.text) if s.casefold() not in said]
            note = replace(note, text=" ".join(new)) if new else note  # noqa: PLW2901
        kept.append(note)
    return kept


def quoted(notes: Sequence[Note]) -> list[Sentence]:
    """The notes' own sentences, each note's first with its time: "From 0:05 to 0:15: A dog barks."

    A note that says no more than the one before it is left out, its windows counting for that one.
    """
    told: list[Sentence] = []
    for note in merge_alike(notes):
        head = f"From {clock(note.start_s)} to {clock(note.end_s)}: "
        for k, text in enumerate(split_sentences(note.text)):
            told.append(Sentence(text if k else head + text, note.windows))
    return told


def fit(notes: Sequence[Note], budget: int, *, room: int, count: Count, digest: Digest) -> list[Note]:
    """The notes in at most `budget` tokens, in order, no window lost.

    Args:
        budget: tokens for all of them.
        room: tokens that one digest's prompt has for the notes it rewrites.
        count: tokens of a text.
        digest: writes several notes as one; where it gives none, the first sentence of each stands for it.
    """
    left = list(notes)
    while len(left) > 1 and _tokens(left, count) > budget:
        groups = _groups(left, max(1, min(room, math.ceil(_tokens(left, count) / 2))), count)
        fewer = [_digested(group, digest) for group in groups]
        if len(fewer) == len(left) and _tokens(fewer, count) >= _tokens(left, count):
            break
        left = fewer
    return _cut(left, budget, count)


def tail(text: str, tokens: int, count: Count) -> str:
    """The last whole sentences of `text` that fit."""
    kept: list[str] = []
    for sentence in reversed(split_sentences(text)):
        if count(" ".join([sentence, *kept])) > tokens:
            break
        kept.insert(0, sentence)
    return " ".join(kept)


def _groups(notes: Sequence[Note], room: int, count: Count) -> list[list[Note]]:
    """Runs of neighbours that fit one prompt, at least two each, so that every level leaves fewer."""
    groups: list[list[Note]] = []
    taken = 0
    for note in notes:
        takes = count(note.text) + _LINE_TOKENS
        if groups and (taken + takes <= room or len(groups[-1]) < 2):
            groups[-1].append(note)
            taken += takes
        else:
            groups.append([note])
            taken = takes
    return groups


def _digested(group: Sequence[Note], digest: Digest) -> Note:
    if len(group) == 1:
        return group[0]
    words = sum(count_words(n.text) for n in group)
    text = digest(group, max(10, int(words * _SHRINK)))
    if text is None:
        text = " ".join(sentences[0] for n in group if (sentences := split_sentences(n.text)))
    return _joined(group, text)


def _joined(group: Sequence[Note], text: str) -> Note:
    windows = tuple(sorted({w for note in group for w in note.windows}))
    return Note(text=text, start_s=group[0].start_s, end_s=max(n.end_s for n in group), windows=windows)


def _cut(notes: list[Note], budget: int, count: Count) -> list[Note]:
    """What rewriting could not bring down: each note's text, less from its end."""
    while (takes := _tokens(notes, count)) > budget:
        share = budget / takes * 0.9
        shorter = [replace(n, text=_beginning(n.text, share)) for n in notes]
        if shorter == notes:
            break
        notes = shorter
    return notes


def _beginning(text: str, share: float) -> str:
    """So much of a text from its beginning: whole words, at least one; characters where there are no spaces."""
    words = text.split()
    if len(words) > 1:
        return " ".join(words[: max(1, int(len(words) * share))])
    return text if len(text) <= _LONGEST_WORD else text[: max(_LONGEST_WORD, int(len(text) * share))]


def _tokens(notes: Sequence[Note], count: Count) -> int:
    return sum(count(n.text) + _LINE_TOKENS for n in notes)
