"""Transitions between sections: removal of introductions that name the section, and the order of sentences."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from operators.core.grid import Span
from operators.narrate.grounding.ground import Sentence
from operators.narrate.grounding.words import words

_PART = frozenset(
    "part section segment portion stretch passage paragraph chapter scene clip sequence video footage".split()
)
_AROUND = frozenset(
    """in during throughout within at on for from of to the this that these next following second first third last
    final previous new current part section segment portion stretch passage paragraph chapter scene clip sequence
    video footage here now then and as we see can it begins beginning start starts continues continuing progresses
    unfolds moves on goes film our with opens along later point stage moment""".split()
)
_SAYS = (
    r"shows|depicts|describes|covers|presents|features|captures|follows|focuses on|begins with|starts with|opens with|"
    r"continues with|goes on with|moves on to|is about|includes|involves|displays|highlights|consists of|picks up with|"
    r"(?:continues|goes on|moves on|begins|starts|opens) (?:to show|by showing|to depict)"
)
_LEAD = re.compile(r"\A(?P<lead>[^,.!?;:]{2,70})[,:]\s+(?P<rest>\S.*)\Z", re.DOTALL)
_SUBJECT = re.compile(
    rf"\A(?:(?:in|during|throughout)\s+)?(?:the|this|that|our)\s+(?:(?:next|following|second|third|last|final|current|new)\s+)?"
    rf"(?:{'|'.join(sorted(_PART))})(?:\s+of\s+(?:the|this)\s+(?:video|film|clip|footage))?\s+(?:then\s+|now\s+)?"
    rf"(?:(?:{_SAYS})\s+(?P<what>(?:how\s+|that\s+)?\S.*))\Z",
    re.IGNORECASE | re.DOTALL,
)
_GERUND = re.compile(
    r"\A(?P<one>(?:an?|the|one|another|his|her|this)\s(?:(?!and\b)[\w'-]+\s){1,4}?)(?P<verb>[a-z]{3,}ing)\b",
    re.IGNORECASE,
)
_MANY = re.compile(
    r"\A(?P<many>(?:two|three|four|five|six|several|some|many|people|men|women|children|kids)\s(?:[\w'-]+\s){0,3}?)"
    r"(?P<verb>[a-z]{3,}ing)\b",
    re.IGNORECASE,
)


_SEEN = re.compile(
    r"\Awe\s+(?:now\s+|then\s+|next\s+)?(?:can\s+)?see\s+(?P<what>(?:how\s+|that\s+)?\S.*)\Z", re.IGNORECASE | re.DOTALL
)
_FINITE = re.compile(r"\b(?:is|are|was|were|has|have|had|does|do|did|can)\b", re.IGNORECASE)
_MANY_NOUNS = re.compile(r"(?:two|three|four|five|six|several|some|many|people|men|women|children|kids|various)\b")
_ONE_NOUN = re.compile(r"(?:an?|one|another)\b")
_JOINS = frozenset(
    """next then now later meanwhile afterwards after that this following subsequently finally soon moving on
    additionally furthermore moreover also again first second third at the same time moment once in addition shortly
    here""".split()
)


def without_seam(text: str, leads: Collection[str] = ()) -> str:
    """Remove an introduction that names the section: "In this part of the video, a man …" becomes "A man …".

    "This section shows a man lifting a box." becomes "A man is lifting a box."

    Args:
        leads: `lead` of the previous sections, so that a word such as "Next, …" is used only once.
    """
    made = text.lstrip()
    for _ in range(2):  # "In this part, we see …" has two
        found = _LEAD.match(made)
        if found and (_names_part(found["lead"]) or lead(made) in leads):
            made = _capital(found["rest"])
        said = _SUBJECT.match(made) or _SEEN.match(made)
        if said:
            made = _whole(said["what"]) or made
    return made


def lead(text: str) -> str | None:
    """The words before the first comma if they only connect sentences, such as "next" or "after that"; else None."""
    found = _LEAD.match(text.lstrip())
    said = words(found["lead"]) if found else ()
    return " ".join(said) if said and all(word in _JOINS for word in said) else None


def _names_part(lead: str) -> bool:
    said = words(lead)
    return bool(said) and all(word in _AROUND for word in said) and any(word in _PART for word in said)


def _whole(text: str) -> str | None:
    """ "a man lifting a box" as a sentence: "A man is lifting a box"; None where it is none and cannot be made one."""
    plain = re.sub(r"\A(?:how|that)\s+", "", text)
    if plain != text:
        return _capital(plain)
    made = _MANY.sub(r"\g<many>are \g<verb>", _GERUND.sub(r"\g<one>is \g<verb>", text, count=1), count=1)
    first = re.split(r"[,;]|\s(?:and|while|as|who|which|where|that)\s", text, maxsplit=1)[0]
    if made != text or _FINITE.search(first):
        return _capital(made)
    if _MANY_NOUNS.match(text):
        return f"There are {text}"
    return f"There is {text}" if _ONE_NOUN.match(text) else None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_LEANS = frozenset(
    """he she it they his her their its this that these those then next after afterwards finally later again also and
    but while meanwhile soon another both""".split()
)


def in_order(sentences: Sequence[Sentence], spans: Mapping[int, Span]) -> tuple[list[Sentence], list[Sentence]]:
    """Order the sentences by cited time; return them, and the sentences that had to be removed.

    The longest subsequence of sentences with ascending windows stays in place, without citations of windows before the
    previous sentence. Any other sentence moves to its place in time. It is removed if it refers to the previous
    sentence ("He …", "Then …") and would have another meaning there.
    """
    chosen = _longest_run([_starts(s, spans) for s in sentences])
    kept = [(start, _from(sentences[k], start, spans)) for k, start in chosen]
    stays = {k for k, _ in chosen}
    gone: list[Sentence] = []
    for k, sentence in enumerate(sentences):
        if k in stays:
            continue
        if words(sentence.text)[:1] and words(sentence.text)[0] in _LEANS:
            gone.append(sentence)
            continue
        first = min(_starts(sentence, spans)[0])
        at = next((i for i, (start, _) in enumerate(kept) if start > first), len(kept))
        kept.insert(at, (first, sentence))
    return [sentence for _, sentence in kept], gone


def _starts(sentence: Sentence, spans: Mapping[int, Span]) -> tuple[list[float], list[float]]:
    """Starts of the windows of a sentence, and of those that support it a little less."""
    near, also = (sorted(spans[w].start_s for w in some if w in spans) for some in (sentence.windows, sentence.also))
    return near or [0.0], also


def _from(sentence: Sentence, start_s: float, spans: Mapping[int, Span]) -> Sentence:
    """The sentence with its windows from `start_s` on, or one that supports it less if none starts then."""
    later = [w for w in sentence.windows if w not in spans or spans[w].start_s >= start_s]
    if not any(w in spans and spans[w].start_s == start_s for w in later):
        later += [w for w in sentence.also if w in spans and spans[w].start_s == start_s]
    return replace(sentence, windows=tuple(sorted(later)))


def _longest_run(starts: Sequence[tuple[list[float], list[float]]]) -> list[tuple[int, float]]:
    """Indices and starts of the longest non-descending subsequence of starts; of equally long ones the earliest."""
    best: list[list[tuple[int, float]]] = []  # for each place the longest runs that end there, of both kinds of starts
    for k, kinds in enumerate(starts):
        ending: list[list[tuple[int, float]]] = []
        for times in kinds:
            longest: list[tuple[int, float]] = []
            for run in ([], *best):
                start = next((t for t in times if not run or t >= run[-1][1]), None)
                if start is not None and len(run) + 1 > len(longest):
                    longest = [*run, (k, start)]
            ending.append(longest)
        best += [run for run in ending if run]
    return max(best, key=len, default=[])
