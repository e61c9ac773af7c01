"""The events of a story in words that people use: several sentences and synonyms per event, and their parser.

Both directions are exact: each template parses to its event and to no other, so captions in this wording can be marked
like those in the small language (`language`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from operators.language.sentences import split_sentences
from pipeline.evaluation.exam.events import COLOURS, PLACES, SHAPES, SIDES, WAYS, WORDS, Event, Kind

_TEMPLATES: dict[Kind, tuple[str, ...]] = {
    "enter": (
        "{a} comes in from the {where}",
        "From the {where}, {a} enters the picture",
        "{a} slides into view from the {where}",
        "{a} appears at the {where} edge",
    ),
    "leave": (
        "{who} goes out of view to the {where}",
        "{who} exits at the {where}",
        "{who} disappears past the {where} edge",
    ),
    "move": ("{who} travels {where}", "{who} drifts {where}", "{who} glides {where} a little"),
    "grow": ("{who} gets bigger", "{who} becomes larger", "{who} swells in size"),
    "shrink": ("{who} gets smaller", "{who} becomes tinier", "{who} dwindles in size"),
    "meet": ("{who} bumps into {whom}", "{who} comes up to {whom}", "{who} runs into {whom}"),
    "pan": ("The camera turns {where}", "The view swings to the {where}", "The camera sweeps to the {where}"),
    "zoom": ("The camera moves {nearer}", "The view {closes}", "The camera {closes}"),
    "cut": ("The shot changes to a {where} setting", "The picture jumps to a {where} background"),
    "fade": ("The picture dissolves to a {where} setting", "The scene slowly gives way to a {where} background"),
    "night": ("It gets dark", "Darkness comes", "The light fades as night sets in"),
    "day": ("It gets light", "Daylight returns", "The morning comes"),
    "word": ("The text {where} shows up", "The screen reads {where}", "{where} is written on the screen"),
}
_SIZES = {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")}
_SHAPES = {
    "circle": ("circle", "disc"),
    "square": ("square", "box"),
    "triangle": ("triangle",),
    "cross": ("cross", "plus sign"),
}
_NEARER = {"in": "closer", "out": "further away"}
_CLOSES = {"in": "closes in", "out": "pulls back"}
_PLACES: dict[Kind, Sequence[str]] = {
    **{"enter": SIDES, "leave": SIDES, "move": WAYS, "pan": SIDES[:2]},
    **{"cut": tuple(PLACES), "fade": tuple(PLACES), "word": WORDS},
}
_JOINTS = (", and ", ", then ", " while ", " before ")
_MERGED = 0.35  # share of neighbouring sentences that are merged
_PRONOUN = 0.5  # share of repeated subjects that become "it"
_JOINT = re.compile("|".join(map(re.escape, _JOINTS)))


def worded(events: Sequence[Event], rng: random.Random) -> list[str]:
    """Return the events in order as sentences, in random words; a subject named twice in a row may become "it"."""
    clauses: list[str] = []
    for before, event in zip([None, *events], events, strict=False):
        again = before is not None and before.who is not None and before.whom is None and before.who == event.who
        clauses.append(_phrase(event, rng, pronoun=again and event.kind != "enter" and rng.random() < _PRONOUN))
    sentences: list[str] = []
    for k, clause in enumerate(clauses):
        if k and sentences and not _JOINT.search(sentences[-1]) and rng.random() < _MERGED:
            sentences[-1] += rng.choice(_JOINTS) + _lower(clause)
        else:
            sentences.append(clause)
    return [f"{s}." for s in sentences]


def _phrase(event: Event, rng: random.Random, *, pronoun: bool) -> str:
    words = {
        "a": f"a {rng.choice(_SIZES[event.size or 'small'])} {_thing(event.who, rng)}",
        "who": "it" if pronoun or event.who is None else f"the {_thing(event.who, rng)}",
        "whom": f"the {_thing(event.whom, rng)}",
        "where": event.where or "",
        "nearer": _NEARER.get(event.where or "", ""),
        "closes": _CLOSES.get(event.where or "", ""),
    }
    text = rng.choice(_TEMPLATES[event.kind]).format(**words)
    return text[:1].upper() + text[1:]


def _thing(who: str | None, rng: random.Random) -> str:
    if who is None:
        return ""
    colour, shape = who.split()
    return f"{colour} {rng.choice(_SHAPES[shape])}"


def _lower(text: str) -> str:
    return text if text.split(maxsplit=1)[0] in WORDS else text[:1].lower() + text[1:]


@cache
def _patterns() -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    thing = "(?:{}) (?:{})".format("|".join(COLOURS), "|".join(w for s in SHAPES for w in _SHAPES[s]))
    sizes = "|".join(w for words in _SIZES.values() for w in words)
    found: list[tuple[Kind, re.Pattern[str]]] = []
    for kind, templates in _TEMPLATES.items():
        words = {
            "a": f"an? (?P<size>{sizes}) (?P<who>{thing})",
            "who": f"(?:it|the (?P<who>{thing}))",
            "whom": f"(?:it|the (?P<whom>{thing}))",
            "where": f"(?P<where>{'|'.join(_PLACES.get(kind, ('',)))})",
            "nearer": f"(?P<way>{'|'.join(_NEARER.values())})",
            "closes": f"(?P<way>{'|'.join(_CLOSES.values())})",
        }
        found += [(kind, re.compile(t.format(**words), re.IGNORECASE)) for t in templates]
    return tuple(found)


def read(text: str, start_s: float = 0.0, end_s: float = 0.0) -> Iterator[Event]:
    """Yield the events of a text in order, "it" unresolved. Clauses that describe no event are skipped."""
    for sentence in split_sentences(text):
        for clause in _JOINT.split(sentence.strip().rstrip(".")):
            event = _read_clause(clause.strip(" ,"))
            if event is not None:
                yield replace(event, start_s=start_s, end_s=end_s)


def _read_clause(clause: str) -> Event | None:
    for kind, pattern in _patterns():
        found = pattern.fullmatch(clause)
        if found is None:
            continue
        said = {name: value.lower() for name, value in found.groupdict().items() if value is not None}
        where = said.get("where")
        if "way" in said:
            where = next(w for ways in (_NEARER, _CLOSES) for w, text in ways.items() if text == said["way"])
        elif kind == "word" and where:
            where = where.upper()
        size = next((s for s, words in _SIZES.items() if said.get("size") in words), None)
        return Event(
            kind=kind, start_s=0.0, end_s=0.0, who=_name(said.get("who")), where=where, whom=_name(said.get("whom")),
            size=size,
        )  # fmt: skip
    return None


def _name(thing: str | None) -> str | None:
    if thing is None:
        return None
    colour, shape = thing.split(" ", 1)
    return f"{colour} {next(s for s, words in _SHAPES.items() if shape in words)}"
