"""Sentences in other words with the same meaning, and sentences with one error, each drawn from a seed.

These word lists are only used here: the operators do not know them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

SYNONYMS = {
    "man": ["guy", "male", "gentleman"], "men": ["guys", "males"], "woman": ["lady", "female"], "women": ["ladies"],
    "boy": ["young boy", "lad"], "girl": ["young girl"], "people": ["individuals", "persons"], "person": ["individual"],
    "kids": ["children"], "children": ["kids"], "talks": ["speaks"], "talking": ["speaking", "chatting"],
    "speaks": ["talks"], "speaking": ["talking"], "throws": ["tosses", "hurls"], "throwing": ["tossing", "hurling"],
    "shows": ["displays", "demonstrates"], "showing": ["displaying", "demonstrating"], "begins": ["starts"],
    "begin": ["start"], "starts": ["begins"], "start": ["begin"], "jumps": ["leaps"], "jumping": ["leaping"],
    "runs": ["sprints", "races"], "running": ["sprinting", "racing"], "walks": ["strolls", "strides"],
    "walking": ["strolling", "striding"], "bike": ["bicycle"], "bikes": ["bicycles"], "car": ["automobile", "vehicle"],
    "picks": ["lifts"], "grabs": ["seizes", "takes hold of"], "large": ["big", "huge"], "big": ["large"],
    "small": ["little", "tiny"], "house": ["home", "building"], "shirt": ["top"], "hits": ["strikes"],
    "hitting": ["striking"], "holds": ["grips", "carries"], "holding": ["gripping", "carrying"], "puts": ["places", "sets"],
    "putting": ["placing", "setting"], "washes": ["cleans", "rinses"], "washing": ["cleaning", "rinsing"],
    "cuts": ["slices", "chops"], "cutting": ["slicing", "chopping"], "crowd": ["audience", "throng"],
    "screen": ["display"], "ends": ["finishes", "concludes"], "ending": ["finishing"], "field": ["pitch"],
    "looks": ["gazes", "glances"], "looking": ["gazing", "glancing"], "watch": ["observe"], "watches": ["observes"],
    "watching": ["observing"], "continues": ["keeps on", "goes on"], "various": ["different", "several"],
    "several": ["a number of", "multiple"], "uses": ["employs", "makes use of"], "using": ["with the help of"],
    "camera": ["lens"], "street": ["road"], "road": ["street"], "rides": ["travels on"], "dances": ["moves to the music"],
    "quickly": ["rapidly", "fast"], "pours": ["tips"], "mixes": ["stirs", "blends"], "mixing": ["stirring", "blending"],
    "stands": ["is standing"], "sits": ["is seated"], "together": ["with each other"], "falls": ["tumbles"],
    "game": ["match"], "ground": ["floor"], "floor": ["ground"], "water": ["the water"], "moves": ["shifts"],
    "gym": ["gymnasium"], "couch": ["sofa"], "close": ["near"], "hands": ["palms"], "spins": ["twirls", "rotates"],
    "spinning": ["twirling", "rotating"], "demonstrates": ["shows"], "performs": ["does", "carries out"],
    "performing": ["doing", "carrying out"],
}  # fmt: skip
_SUBJECT = re.compile(
    r"\A(?:A|The|One)\s+(?:\w+\s+)?(man|boy|guy|woman|lady|girl|people|men|women)\b(?!'s)", re.IGNORECASE
)
_PRONOUN = {"man": "He", "boy": "He", "guy": "He", "woman": "She", "lady": "She", "girl": "She"}
_LAST_PLACE = re.compile(
    r"\A(?P<rest>[^,]{12,})\s(?P<place>(?:in|on|at|inside|near|behind|outside)\s(?:a|an|the|his|her|their)\s[\w ]{3,30})\.\Z"
)
_SEEN = re.compile(r"\b(is|are)\s+(?:seen|shown)\s+(\w+ing)\b")


def reworded(text: str, rng: random.Random) -> str:
    """Reword a sentence: articles, synonyms, a pronoun, the place first, "is seen" removed or added."""
    made = text if text.endswith((".", "!", "?")) else text + "."
    steps: list[Callable[[str, random.Random], str]] = [_articles, _synonyms, _pronoun, _place_first, _seen]
    for step in steps:
        if step is _synonyms or rng.random() < 0.6:
            made = step(made, rng)
    return made


def _articles(text: str, rng: random.Random) -> str:
    swapped = {"a": "the", "an": "the", "the": "the", "A": "The", "An": "The", "The": "The"}
    return re.sub(r"\b(an?|An?)\b", lambda m: swapped[m[1]] if rng.random() < 0.7 else m[1], text)


def _synonyms(text: str, rng: random.Random) -> str:
    def other(found: re.Match[str]) -> str:
        choices = SYNONYMS.get(found[0].lower())
        if not choices or rng.random() < 0.25:
            return found[0]
        word = rng.choice(choices)
        return word[:1].upper() + word[1:] if found[0][0].isupper() else word

    return re.sub(r"\b\w+\b", other, text)


def _pronoun(text: str, rng: random.Random) -> str:
    found = _SUBJECT.match(text)
    if not found or rng.random() < 0.4 or re.match(r"\s(?:and|with|in)\b", text[found.end() :]):
        return text
    return _PRONOUN.get(found[1].lower(), "They") + text[found.end() :]


def _place_first(text: str, rng: random.Random) -> str:
    found = _LAST_PLACE.match(text)
    if not found:
        return text
    place, rest = found["place"], found["rest"]
    return f"{place[:1].upper()}{place[1:]}, {rest[:1].lower()}{rest[1:]}."


def _seen(text: str, rng: random.Random) -> str:
    return _SEEN.sub(r"\1 \2", text, count=1)


# -- one thing wrong ---------------------------------------------------------------------------------------------------

_COLOURS = "red blue green yellow orange purple pink brown black white gray grey".split()
_NUMBERS = "one two three four five six seven eight nine ten".split()
_ONE = re.compile(r"\b(A|An|a|an)\s+(man|woman|boy|girl|person|dog|child|player|car|lady)\b(?!')")
_PLURAL = {"man": "men", "woman": "women", "person": "people", "child": "children", "lady": "ladies"}
_BE = re.compile(r"\b(is|are|was|were)\s+(?!not\b)")
_VERB = re.compile(
    r"\b(?P<subject>man|woman|boy|girl|he|she|person|lady|player|dog|guy)\s+(?P<verb>[a-z]{3,}s)\b", re.IGNORECASE
)
_NOUN = r"(?:[Aa]n?|[Tt]he|[Oo]ne|[Tt]wo|[Tt]hree|[Ss]everal|[Aa]nother|his|her|their)\s+(?:(?!and\b|of\b|in\b|on\b|is\b|are\b)\w+\s+){0,2}?\w+"
_CLAUSE = re.compile(
    rf"(?P<one>\A{_NOUN})\s+(?P<verb>(?:(?:is|are|was|were)\s+)?(?:\w+ly\s+)?(?!is\b|are\b|this\b)\w+(?:ing|ed|s|es)\b(?:\s+(?:up|down|at|to|on|over|onto|with|into|off))?)\s+"
    r"(?P<two>(?:an?|the|his|her|their|another)\s+(?:\w+\s+)??\w+)\b"
)


def negated(text: str, rng: random.Random) -> str | None:
    if _BE.search(text):
        return _BE.sub(r"\1 not ", text, count=1)
    found = _VERB.search(text)
    if found is None:
        return None
    verb = found["verb"]
    bare = (
        verb[:-2]
        if verb.endswith(("shes", "ches", "sses", "xes"))
        else verb[:-3] + "y"
        if verb.endswith("ies")
        else verb[:-1]
    )
    return text[: found.start("verb")] + f"does not {bare}" + text[found.end() :]


def recoloured(text: str, rng: random.Random) -> str | None:
    found = re.search(rf"\b({'|'.join(_COLOURS)})\b", text, re.IGNORECASE)
    if found is None:
        return None
    others = [c for c in _COLOURS if c != found[0].lower() and {c, found[0].lower()} != {"gray", "grey"}]
    return text[: found.start()] + rng.choice(others) + text[found.end() :]


def recounted(text: str, rng: random.Random) -> str | None:
    found = re.search(rf"\b({'|'.join(_NUMBERS[1:])})\b", text, re.IGNORECASE)
    if found is not None:
        word = rng.choice([n for n in _NUMBERS[1:] if n != found[0].lower()])
        return text[: found.start()] + (word.title() if found[0][0].isupper() else word) + text[found.end() :]
    found = _ONE.search(text)
    if found is None:
        return None
    number = rng.choice(_NUMBERS[1:5])
    plural = _PLURAL.get(found[2], found[2] + "s")
    return (
        text[: found.start()] + f"{number.title() if found[1][0].isupper() else number} {plural}" + text[found.end() :]
    )


def swapped(text: str, rng: random.Random) -> str | None:
    """Swap subject and object of a sentence that begins with subject, verb and object."""
    found = _CLAUSE.match(text)
    if found is None:
        return None
    one, two = found["one"], found["two"]
    if one.split()[-1].lower() == two.split()[-1].lower():
        return None
    head = two[:1].upper() + two[1:]
    return f"{head} {found['verb']} {one[:1].lower()}{one[1:]}{text[found.end() :]}"


JOINTS = (", and ", " while ", ", then ", " and ", ", as ", " before ")


def spliced(text: str, other: str, rng: random.Random) -> str:
    """Return a true sentence with a sentence of another video added."""
    added = other.rstrip(" .!?")
    return f"{text.rstrip(' .!?')}{rng.choice(JOINTS)}{added[:1].lower()}{added[1:]}."


WRONG: dict[str, Callable[[str, random.Random], str | None]] = {
    "negation": negated,
    "colour": recoloured,
    "count": recounted,
    "subject and object": swapped,
}
