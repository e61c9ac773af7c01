"""Quality gates: small named functions that say why an answer is no caption.

A gate takes an answer, cleaned (`operators.cleaning`), and what it is about, and returns None or one plain reason.
`operators.engines.ask` asks again what fails a gate, and records what keeps failing. Nothing that failed is merged into
a caption.

The first three hold for every engine; the others catch what language models do, and are left out for an engine that
only measures. What they look for is written down here, not learned: a gate must be predictable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from operators.cleaning import talk, times
from operators.cleaning.context import Context
from operators.cleaning.endings import breaks_off
from operators.engines.base import EngineSpec, Generation
from operators.language.identify import language_code, likely_language
from operators.language.sentences import split_sentences

_LOOP_TIMES = 4  # the same words four times without a break are a loop, in any language with spaces
_LOOP_WORDS = 32  # so many together at least: "no, no, no, no" is none
_LOOP_PERIOD = 200  # words at most; longer answers of a model end at their token limit first
_LOOP_CHARS = 96  # for a text without spaces, or one whose words never end
_END_CHARS = 6000  # of a text that is being written, in which a loop is looked for
_STUCK_WORDS = 10
_FEW_FROM, _FEW_SHARE = 60, 0.2  # English prose of 60 to 400 words has 45 to 75 % different ones
_TIME_SLACK_S = 1.0  # models round


@dataclass(frozen=True, kw_only=True)
class About(Context):
    """What an answer is about.

    Attributes:
        parse: turns the answer into the value that was asked for; raises `ValueError` where it cannot.
        prose: the part of an answer that parses which is a text in that language; None: all of it. The names of
            fields, or what a sign in the picture says, are in whatever language they are.
        covers: says why an answer does not cover what it is to narrate, or None.
    """

    parse: Callable[[str], Any] | None = None
    prose: Callable[[Any], str] | None = None
    covers: Callable[[str], str | None] | None = None


ANYTHING = About()
Gate = Callable[[Generation, About], str | None]


def empty(generation: Generation, about: About = ANYTHING) -> str | None:
    return None if any(c.isalnum() for c in _prose(generation, about)) else "the answer is empty"


def truncated(generation: Generation, about: About = ANYTHING) -> str | None:
    return "the answer was cut at its token limit" if generation.finish_reason == "length" else None


def looping(generation: Generation, about: About = ANYTHING) -> str | None:
    """Only what repeats word for word, back to back: an interview does show the same two pictures many times."""
    if generation.finish_reason == "loop" or loops(generation.text):
        return "the answer repeats itself in a loop"
    return None


def repetitive(generation: Generation, about: About = ANYTHING) -> str | None:
    """Not quite a loop: one word ten times running, or a long text of very few different words."""
    words = _prose(generation, about).lower().split()
    stuck = _run(words, 1, _STUCK_WORDS)
    if stuck or (len(words) >= _FEW_FROM and len(set(words)) < _FEW_SHARE * len(words)):
        return "the answer says the same few words again and again"
    return None


def refusal(generation: Generation, about: About = ANYTHING) -> str | None:
    """The model will not answer, or speaks of itself, its task or its input in place of the video."""
    if generation.finish_reason == "refusal":
        return f"the model or its server refused to answer ({' '.join(generation.text.split())[:80]!r})"
    sentences = split_sentences(_prose(generation, about), about.language)
    found = next((s for s in sentences if talk.refuses(s) or talk.addresses(s)), None)
    return f"the answer is about the model or its task ({found[:40]!r})" if found else None


def wrong_language(generation: Generation, about: About = ANYTHING) -> str | None:
    """A language other than the one asked for, where the text is long enough to tell."""
    wanted = language_code(about.language) if about.language else None
    found = likely_language(_prose(generation, about)) if wanted else None
    if wanted is None or found is None or found == wanted:
        return None
    return f"the answer is in another language ({found}) than {about.language}"


def outside_video(generation: Generation, about: About = ANYTHING) -> str | None:
    """A time of the text lies behind the end of the video."""
    if about.duration_s is None:
        return None
    sentences = split_sentences(_prose(generation, about), about.language)
    latest = max((point.at_s for s in sentences for point in times.points_in(s)), default=0.0)
    if latest <= about.duration_s + _TIME_SLACK_S:
        return None
    return f"the answer names {latest:g} s, and the video ends at {about.duration_s:g} s"


def unfinished(generation: Generation, about: About = ANYTHING) -> str | None:
    """All of the answer is one sentence that breaks off: its engine does not say that it was cut."""
    sentences = split_sentences(_prose(generation, about), about.language)
    return "the answer ends in the middle of a sentence" if sentences and breaks_off(sentences[-1]) else None


def malformed(generation: Generation, about: About = ANYTHING) -> str | None:
    """The answer is not the structure that was asked for."""
    if about.parse is None:
        return None
    try:
        about.parse(generation.text)
    except ValueError as error:
        return f"the answer does not parse: {' '.join(str(error).split())[:160]}"
    return None


def covers_nothing(generation: Generation, about: About = ANYTHING) -> str | None:
    return about.covers(generation.text) if about.covers else None


ALWAYS: tuple[Gate, ...] = (empty, truncated, looping)
GENERATIVE: tuple[Gate, ...] = (
    refusal,
    malformed,
    repetitive,
    wrong_language,
    unfinished,
    outside_video,
    covers_nothing,
)


def gates_of(spec: EngineSpec) -> tuple[Gate, ...]:
    """The gates that answers of this engine must pass, in order."""
    return (*ALWAYS, *GENERATIVE) if spec.generative else ALWAYS


def first_failed(gates: tuple[Gate, ...], generation: Generation, about: About) -> tuple[str, str] | None:
    """Name and reason of the first gate that says no; None where all let it pass."""
    for gate in gates:
        reason = gate(generation, about)
        if reason is not None:
            return gate.__name__, reason
    return None


def _prose(generation: Generation, about: About) -> str:
    if about.parse is None or about.prose is None:
        return generation.text
    try:
        return about.prose(about.parse(generation.text))
    except ValueError:
        return generation.text  # `malformed` says what is wrong with it


# -- what the gates look for -------------------------------------------------------------------------------------------


def loops(text: str) -> bool:
    """Whether the same words, or in a text without spaces the same characters, come four times without a break."""
    words = text.split()
    if _run(words, _LOOP_PERIOD, _LOOP_WORDS):
        return True
    longest = max(words, key=len, default="")
    return len(longest) >= _LOOP_CHARS and _run(list(longest), _LOOP_PERIOD, _LOOP_CHARS)


def ends_in_loop(text: str) -> bool:
    """`loops` for the end of a text that is still being written; cheap enough to be asked every few tokens.

    White space without end is a loop, too: a JSON grammar allows it, and some models do not find out of it.
    """
    if len(text) - len(text.rstrip()) >= _LOOP_CHARS:
        return True
    return loops(" ".join(text[-_END_CHARS:].split()[-_LOOP_TIMES * 50 :]))


def _run(items: list[str], longest: int, least: int) -> bool:
    for period in range(1, min(longest, len(items) // _LOOP_TIMES) + 1):
        enough, run = max(period * _LOOP_TIMES, least) - period, 0
        for item, later in zip(items, items[period:], strict=False):
            run = run + 1 if item == later else 0
            if run >= enough:
                return True
    return False
