"""Notes, the input of the narrator, and the tree reduction that fits them into a token budget.

An hour of LongCaption-Agent captions is about 340,000 tokens, too long for any prompt. Neighbouring notes are rewritten
as one shorter note, level by level, until they fit. A note keeps the windows that it was made from, so that the
narration can cite them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from operators.core.text import clock
from operators.language.sentences import split_sentences
from operators.language.shorten import first_words
from operators.language.words import count_words
from operators.narrate.grounding.alike import Alike
from operators.narrate.grounding.ground import Sentence

_SHRINK = 0.5  # share of its words that a digest may keep: each level at least halves the text
_LONGEST_WORD = 24  # characters; longer sequences are text without spaces
LINE_TOKENS = 12  # tokens of a note in addition to its words: a dash, its number and time, a line break


@dataclass(frozen=True, kw_only=True)
class Note:
    """One or several merged captions over `[start_s, end_s)`; `windows` are the indices of its windows, in order."""

    text: str
    start_s: float
    end_s: float
    windows: tuple[int, ...]


Count = Callable[[str], int]
Digest = Callable[[Sequence[Note], int], str | None]
"""(notes, maximum number of words) -> one text for them, or None if there is no valid one."""


def merge_alike(notes: Sequence[Note], alike: Alike) -> list[Note]:
    """Merge neighbours of which one contains all that the other says, so that a still scene is narrated once."""
    merged: list[Note] = []
    for note in notes:
        if merged:
            last = merged[-1]
            if _holds(last.text, note.text, alike) or _holds(note.text, last.text, alike):
                text = last.text if _holds(last.text, note.text, alike) else note.text
                merged[-1] = _joined([last, note], text)
                continue
        merged.append(note)
    return merged


def _holds(whole: str, part: str, alike: Alike) -> bool:
    """Whether each sentence of `part` is contained in a single sentence of `whole`."""
    sentences = split_sentences(whole)
    return all(any(alike.holds(one, sentence) for one in sentences) for sentence in split_sentences(part))


def once(notes: Sequence[Note], alike: Alike) -> list[Note]:
    """The notes without sentences that repeat the previous note, which overlaps them in time.

    Windows overlap, so an event that both captions describe happened once. Of two such sentences the one that says more
    is kept, in the first place if its window overlaps the window there; an event that lasts through many windows must
    not move details of the last window to the first. A note of which no sentence would remain is kept unchanged and
    handled by `merge_alike` and `quoted`.
    """
    kept: list[list[_Cell]] = []  # sentences of each note
    said: list[list[_Cell]] = []  # the cells that describe the events of each note
    for k, note in enumerate(notes):
        before = said[k - 1] if k and note.start_s < notes[k - 1].end_s else []
        new: list[_Cell] = []
        telling: list[_Cell] = []
        for sentence in split_sentences(note.text):
            cell = next((c for c in before if _one_event(c.text, sentence, alike)), None)
            fuller = cell is not None and not alike.holds(cell.text, sentence)
            if cell is None or (fuller and note.start_s >= cell.end_s):
                cell = _Cell(sentence, note.end_s)
                new.append(cell)
            elif fuller:
                cell.text = sentence
            telling.append(cell)
        kept.append(new or [_Cell(s, note.end_s) for s in split_sentences(note.text)])
        said.append(telling)
    return [
        replace(note, text=" ".join(cell.text for cell in cells)) if cells else note
        for note, cells in zip(notes, kept, strict=True)
    ]


@dataclass
class _Cell:
    """A sentence at its first place, and the end of its window."""

    text: str
    end_s: float


def _one_event(one: str, other: str, alike: Alike) -> bool:
    return alike.same(one, other) or alike.holds(one, other) or alike.holds(other, one)


_HEAD = re.compile(r"\AFrom [\d:]+ to [\d:]+: ")
_TIMED = re.compile(r"\A(?:(?:From|Between|Until|Up to|At|Around) )?\d{1,3}:[0-5]\d\b")


def quoted(notes: Sequence[Note], alike: Alike) -> list[Sentence]:
    """The sentences of the notes, the first of each note with its time: "From 0:05 to 0:15: A dog barks."

    A sentence that already begins with a time ("From 0:05 to 0:10 a dog barks.") is not changed. A note that says no
    more than the previous one is left out, and its windows are added to that one.
    """
    narrated: list[Sentence] = []
    for note in merge_alike(notes, alike):
        head = f"From {clock(note.start_s)} to {clock(note.end_s)}: "
        for k, text in enumerate(split_sentences(note.text)):
            narrated.append(Sentence(text if k or _TIMED.match(text) else head + text, note.windows))
    return narrated


def untimed(text: str) -> str:
    """A sentence without the time that `quoted` puts before it."""
    return _HEAD.sub("", text)


def fit(notes: Sequence[Note], budget: int, *, room: int, count: Count, digest: Digest) -> list[Note]:
    """Fit the notes into at most `budget` tokens, in order, without losing a window.

    Args:
        budget: token budget of all notes.
        room: tokens for notes in the prompt of one digest.
        count: counts the tokens of a text.
        digest: rewrites several notes as one; if it returns None, the first sentence of each note is used.
    """
    left = list(notes)
    while len(left) > 1 and tokens_of(left, count) > budget:
        groups = _groups(left, max(1, min(room, math.ceil(tokens_of(left, count) / 2))), count)
        fewer = [_digested(group, digest) for group in groups]
        if len(fewer) == len(left) and tokens_of(fewer, count) >= tokens_of(left, count):
            break
        left = fewer
    return _cut(left, budget, count)


def tail(text: str, tokens: int, count: Count) -> str:
    """The last complete sentences of `text` that fit into `tokens`."""
    kept: list[str] = []
    for sentence in reversed(split_sentences(text)):
        if count(" ".join([sentence, *kept])) > tokens:
            break
        kept.insert(0, sentence)
    return " ".join(kept)


def _groups(notes: Sequence[Note], room: int, count: Count) -> list[list[Note]]:
    """Groups of at least two neighbouring notes that fit one prompt, so that each level reduces their number."""
    groups: list[list[Note]] = []
    taken = 0
    for note in notes:
        takes = count(note.text) + LINE_TOKENS
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
    """Cut the texts of notes at the end, if rewriting did not reduce them enough."""
    while (takes := tokens_of(notes, count)) > budget:
        share = budget / takes * 0.9
        shorter = [replace(n, text=_beginning(n.text, share)) for n in notes]
        if shorter == notes:
            break
        notes = shorter
    return notes


def _beginning(text: str, share: float) -> str:
    """The given share of a text from its beginning: whole words, at least one, or characters if it has no spaces."""
    words = text.split()
    if len(words) > 1:
        return first_words(text, max(1, int(count_words(text) * share)))
    return text if len(text) <= _LONGEST_WORD else text[: max(_LONGEST_WORD, int(len(text) * share))]


def tokens_of(notes: Sequence[Note], count: Count) -> int:
    """Number of tokens of notes in a prompt, one line each."""
    return sum(count(n.text) + LINE_TOKENS for n in notes)
