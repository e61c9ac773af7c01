"""Quality gates: functions that check an answer and return the reason if it is not acceptable.

A gate takes an answer, cleaned by `operators.cleaning`, and its context, and returns None or a reason of one line.
`operators.engines.ask` retries a request whose answer fails a gate, and records a failure if all attempts fail. A
rejected answer is never merged into a caption.

The first three gates apply to every engine. The others detect typical failures of language models and are not applied
to engines without a model. Gates are rules, not learned models, so that they are predictable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from operators.cleaning import talk, times
from operators.cleaning.context import Context
from operators.cleaning.endings import breaks_off
from operators.cleaning.quotes import unquoted
from operators.engines.base import EngineSpec, Generation
from operators.language.identify import language_code, other_language
from operators.language.sentences import split_sentences

_LOOP_TIMES = 4  # the same words four times without a break are a loop, in any language with spaces
_LOOP_WORDS = 32  # minimum length of all repetitions together: "no, no, no, no" is not a loop
_LOOP_PERIOD = 200  # maximum number of repeated words; longer answers reach their token limit first
_LOOP_CHARS = 96  # for a text without spaces, or one whose words never end
_END_CHARS = 6000  # of a text that is being written, in which a loop is looked for
_STUCK_WORDS = 10
_FEW_FROM, _FEW_SHARE = 60, 0.2  # English prose of 60 to 400 words has 45 to 75 % different ones
_TIME_SLACK_S = 1.0  # models round


@dataclass(frozen=True, kw_only=True)
class About(Context):
    """The context in which gates check an answer.

    Attributes:
        parse: converts the answer to the requested value; raises `ValueError` if it cannot.
        prose: extracts the text in the requested language from a parsed answer; None for all of it. Names of fields and
            quoted text on screen may be in another language.
        covers: returns the reason why an answer does not cover its events, or None.
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
    """The answer repeats the same words without a break. Other repetition is allowed: an interview does alternate
    between the same two shots."""
    if generation.finish_reason == "loop" or loops(generation.text):
        return "the answer repeats itself in a loop"
    return None


def repetitive(generation: Generation, about: About = ANYTHING) -> str | None:
    """The answer has one word ten times in succession, or is long and has very few different words."""
    words = _prose(generation, about).lower().split()
    stuck = _run(words, 1, _STUCK_WORDS)
    if stuck or (len(words) >= _FEW_FROM and len(set(words)) < _FEW_SHARE * len(words)):
        return "the answer says the same few words again and again"
    return None


def refusal(generation: Generation, about: About = ANYTHING) -> str | None:
    """The model refuses to answer, or writes about itself, its task or its input instead of the video."""
    if generation.finish_reason == "refusal":
        return f"the model or its server refused to answer ({' '.join(generation.text.split())[:80]!r})"
    sentences = split_sentences(_prose(generation, about), about.language)
    found = next((s for s in sentences if talk.refuses(s) or talk.addresses(s)), None)
    return f"the answer is about the model or its task ({found[:40]!r})" if found else None


def wrong_language(generation: Generation, about: About = ANYTHING) -> str | None:
    """The answer is in another language than requested. Short texts, of which this is uncertain, pass.

    Quotations may be in any language, unless the answer is nothing else.
    """
    wanted = language_code(about.language) if about.language else None
    if wanted is None:
        return None
    prose = _prose(generation, about)
    outside = unquoted(prose)
    found = other_language(outside if any(map(str.isalpha, outside)) else prose, wanted)
    if found is None:
        return None
    return f"the answer is in another language ({found}) than {about.language}"


def outside_video(generation: Generation, about: About = ANYTHING) -> str | None:
    """The answer names a time after the end of the video."""
    if about.duration_s is None:
        return None
    sentences = split_sentences(_prose(generation, about), about.language)
    latest = max((point.at_s for s in sentences for point in times.points_in(s)), default=0.0)
    if latest <= about.duration_s + _TIME_SLACK_S:
        return None
    return f"the answer names {latest:g} s, and the video ends at {about.duration_s:g} s"


def unfinished(generation: Generation, about: About = ANYTHING) -> str | None:
    """The last sentence of the answer is incomplete, although the engine did not report a cut answer."""
    sentences = split_sentences(_prose(generation, about), about.language)
    return "the answer ends in the middle of a sentence" if sentences and breaks_off(sentences[-1]) else None


def malformed(generation: Generation, about: About = ANYTHING) -> str | None:
    """The answer does not have the requested structure."""
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
    """The gates for answers of this engine, in order."""
    return (*ALWAYS, *GENERATIVE) if spec.generative else ALWAYS


def first_failed(gates: tuple[Gate, ...], generation: Generation, about: About) -> tuple[str, str] | None:
    """Name and reason of the first gate that the answer fails; None if it passes all."""
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
        return generation.text  # `malformed` reports the error


# -- what the gates look for -------------------------------------------------------------------------------------------


def loops(text: str) -> bool:
    """Whether the same words, or characters in a text without spaces, are repeated four times without a break."""
    words = text.split()
    if _run(words, _LOOP_PERIOD, _LOOP_WORDS):
        return True
    longest = max(words, key=len, default="")
    return len(longest) >= _LOOP_CHARS and _run(list(longest), _LOOP_PERIOD, _LOOP_CHARS)


def ends_in_loop(text: str) -> bool:
    """Whether the end of a text that is still being generated loops; cheap enough to call every few tokens.

    Endless white space also counts as a loop: a JSON grammar allows it, and some models never leave it.
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
