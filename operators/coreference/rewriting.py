"""Captions in which everybody has his name: which mentions are meant, how they then read, and how it is undone.

A mention is renamed only where the words around it say nothing else: not "another man", not "the man-made pond", not
"the car door", not "the man in a blue shirt" where the one who is meant wears red, not what somebody says in quotes.
A mention that is left alone costs a repetition; a wrong name makes a caption wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from operators.cleaning.quotes import HIDDEN, masked
from operators.core.base import Row
from operators.coreference.words import COLOURS, FUNCTION, OTHER, OTHER_ELSEWHERE, PLURAL, TOGETHER, WORN
from operators.language.identify import language_code

_ARTICLE = r"(?:(?:a|an|the|this|that)\s+)?"
_VERB = re.compile(r"(?:s|ed|ing|ly)\Z", re.IGNORECASE)
_BE = frozenset(("is", "are", "was", "were", "has", "have", "had"))
_LOOKS = re.compile(
    r"\A\s+(?:,\s*)?(?:who (?:is|was) )?(?:in|with|wearing|dressed in|clad in|having|sporting)\s+"
    r"(?P<looks>[^.,;:!?()]{1,60})",
    re.IGNORECASE,
)
_STEM = 5


@dataclass(frozen=True)
class Rename:
    """One mention that was renamed: `now` stands at `start` of the new text, where `was` stood."""

    name_id: str
    start: int
    was: str
    now: str


def rewritten(segment: Row, names: Sequence[Row], language: str = "English") -> tuple[Row, list[Row]]:
    """A captioned segment in which everybody has his name, in the windows where he was seen and the frames of these.

    Args:
        language: of the captions; in English more is known of what stands beside a mention.

    Returns:
        The segment, and its renames: `name_id`, and the fields of `structs.RENAME`.
    """
    renaming = {w["window_index"]: [n for n in names if w["window_index"] in n["windows"]] for w in segment["windows"]}
    spans = [(w["start_s"], w["end_s"], renaming[w["window_index"]]) for w in segment["windows"]]
    windows, frames, renames = [], [], []
    english = language_code(language) == "en"
    for window in segment["windows"]:
        text, done = renamed(window["text"], renaming[window["window_index"]], english=english)
        windows.append({**window, "text": text})
        renames += [{"window_index": window["window_index"], "time_s": None, **vars(one)} for one in done]
    for frame in segment["frames"]:
        here = [n for start_s, end_s, named in spans if start_s <= frame["time_s"] < end_s for n in named]
        text, done = renamed(frame["text"], list({n["name_id"]: n for n in here}.values()), english=english)
        frames.append({**frame, "text": text})
        renames += [{"window_index": None, "time_s": frame["time_s"], **vars(one)} for one in done]
    return {**segment, "windows": windows, "frames": frames}, renames


def undone(segment: Row, names: Sequence[Row]) -> Row:
    """The segment as it was before `rewritten`, by the renames that `names` keep."""
    return _each_text(segment, names, _before)


def redone(segment: Row, names: Sequence[Row]) -> Row:
    """The segment as `rewritten` made it, by the renames that `names` keep.

    Raises:
        ValueError: the renames are of other captions.
    """
    return _each_text(segment, names, _after)


def _each_text(segment: Row, names: Sequence[Row], change: Callable[[str, list[Row]], str]) -> Row:
    of_window: dict[int, list[Row]] = {}
    of_frame: dict[float, list[Row]] = {}
    for one in (rename for name in names for rename in name["renames"]):
        if one["time_s"] is None:
            of_window.setdefault(one["window_index"], []).append(one)
        else:
            of_frame.setdefault(one["time_s"], []).append(one)
    return {
        **segment,
        "windows": [{**w, "text": change(w["text"], of_window.get(w["window_index"], []))} for w in segment["windows"]],
        "frames": [{**f, "text": change(f["text"], of_frame.get(f["time_s"], []))} for f in segment["frames"]],
    }


def _before(text: str, renames: list[Row]) -> str:
    for one in sorted(renames, key=lambda r: -int(r["start"])):
        text = text[: one["start"]] + one["was"] + text[one["start"] + len(one["now"]) :]
    return text


def _after(text: str, renames: list[Row]) -> str:
    made, at = "", 0
    for one in sorted(renames, key=lambda r: int(r["start"])):
        here = at + int(one["start"]) - len(made)
        if here < at or not text.startswith(one["was"], here):
            raise ValueError(f"the captions hold no {one['was']!r} where one was renamed")
        made += text[at:here] + one["now"]
        at = here + len(one["was"])
    return made + text[at:]


@dataclass
class _Text:
    """What one text has said so far."""

    met: set[str] = field(default_factory=set)  # name_id of everybody who was mentioned
    unclear: set[str] = field(default_factory=set)  # words that also stood for somebody else


def renamed(text: str, names: Sequence[Row], *, english: bool = True) -> tuple[str, list[Rename]]:
    """Aliases become names in one pass, the longest first, so that no name is taken for an alias of another."""
    meant: dict[str, dict[str, Row]] = {}
    proper: set[str] = set()
    for one in names:
        # a name stands for itself: what is called right already is not called so twice
        for alias in (*one["aliases"], one["name"]):
            plain = bare(alias)
            meant.setdefault(plain.lower(), {})[one["name_id"]] = one
            if plain == alias and plain[:1].isupper():
                proper.add(plain.lower())
    if not meant:
        return text, []
    words = "|".join(re.escape(a) for a in sorted(meant, key=lambda a: (-len(a), a)))
    pattern = re.compile(rf"(?<![\w-])(?P<article>{_ARTICLE})(?P<alias>{words})(?![\w-])", re.IGNORECASE)
    hidden, said = masked(text), _Text()
    parts, at, length, done = [], 0, 0, []
    for found in pattern.finditer(text):
        alias = found.group("alias").lower()
        ones = list(meant.get(alias, {}).values())
        if hidden[found.start()] == HIDDEN:
            continue
        if len(ones) != 1:  # one alias of two who are both here names neither
            said.unclear.add(alias)
            said.met |= {one["name_id"] for one in ones}
            continue
        (one,) = ones
        itself = alias == bare(one["name"]).lower()
        if not itself and not _is_meant(found, one, said, proper=alias in proper, english=english):
            said.unclear.add(alias)
            continue
        said.met.add(one["name_id"])
        now = found.group(0) if itself else _in_place(found, one["name"], proper=alias in proper)
        if now == found.group(0):
            continue
        parts += [text[at : found.start()], now]
        length += found.start() - at
        done.append(Rename(one["name_id"], length, found.group(0), now))
        length += len(now)
        at = found.end()
    return "".join([*parts, text[at:]]), done


def _is_meant(found: re.Match[str], one: Row, said: _Text, *, proper: bool, english: bool) -> bool:
    """Whether a mention is the person or thing that its alias stands for."""
    text, alias = found.string, found.group("alias").lower()
    article = found.group("article").strip().lower()
    before = re.search(r"([^\W\d_][\w'’-]*)\s+\Z", text[: found.start()])
    word = before.group(1).lower() if before else ""
    if alias in said.unclear or word in OTHER or word in OTHER_ELSEWHERE:
        return False
    indefinite = not proper and article in ("", "a", "an")
    if indefinite and one["name_id"] in said.met:  # "a man" behind "the man" is another one
        return False
    if not english:
        return True
    if not article and not proper and word and word not in FUNCTION and not _known(word, one):
        return False  # "the tall man": whether he is tall is not known
    return not _in_compound(text, found.end(), joined=word in ("and", "or")) and not _differs(text[found.end() :], one)


def _known(word: str, one: Row) -> bool:
    """Whether a word is of the looks or the aliases of somebody."""
    return word[:_STEM] in _stems(" ".join([*(one.get("looks") or ()), *one["aliases"], one["name"]]))


def _in_compound(text: str, end: int, *, joined: bool) -> bool:
    """Whether the word behind a mention makes one thing with it: "the car door", "a man cave"."""
    behind = re.match(r"\s+([^\W\d_][\w'’-]*)(?:\s+([^\W\d_]\w*))?", text[end:])
    if behind is None or not behind.group(1).isascii():
        return False
    word = behind.group(1)
    if word.lower() in FUNCTION or word[0].isupper():
        return False
    if not _VERB.search(word):
        return not (joined and word in TOGETHER)  # "he and a man walk"
    return word.lower() in PLURAL or (word.endswith("s") and (behind.group(2) or "").lower() in _BE)


def _differs(behind: str, one: Row) -> bool:
    """Whether a mention is followed by looks that are not the ones of the person: "in a blue shirt"."""
    known = _stems(" ".join([*(one.get("looks") or ()), *one["aliases"], one["name"]]))
    found = _LOOKS.match(behind)
    if found is None or not one.get("looks"):
        return False
    worded = re.findall(r"[\w-]+", found.group("looks").lower())
    if not any(w in COLOURS or w in WORN or w.rstrip("s") in WORN for w in worded):
        return False  # "in the kitchen"
    colours = {w for w in worded if w in COLOURS}
    worn = {w[:_STEM] for w in worded if w in WORN or w.rstrip("s") in WORN}
    if any(c[:_STEM] not in known for c in colours):
        return True
    return bool(worn) and not worn & known


def _stems(text: str) -> frozenset[str]:
    return frozenset(w[:_STEM] for w in re.findall(r"[\w-]+", text.lower()))


def _in_place(found: re.Match[str], name: str, *, proper: bool) -> str:
    """`name` as it reads where an alias was found: with the article and the capital letter that stood there.

    Args:
        proper: the alias is a proper name, which has no article of its own.
    """
    article, plain = found.group("article"), bare(name)
    if proper:
        put = article + name
    elif plain[:1].isupper():
        put = name
    elif article.strip().lower() in ("a", "an"):
        put = article[0] + ("n " if plain[:1].lower() in "aeiou" else " ") + plain
    else:
        put = article + plain
    before = found.string[: found.start()].rstrip(" \"'“”‘’(")
    begins = not before or before[-1] in ".!?…\n"
    return put[:1].upper() + put[1:] if begins and found.group(0)[:1].isupper() else put


def bare(name: str) -> str:
    """`name` without its article."""
    return re.sub(r"\A(?:(?:a|an|the|another|one|this|that)\s+)?", "", name.strip(), flags=re.IGNORECASE)
