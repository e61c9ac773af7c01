"""Replace mentions by names in captions, reversibly.

A mention is renamed only if the words around it do not contradict this: not "another man", "the man-made pond" or "the
car door", not "the man in a blue shirt" if the named person wears red, not "the man on the left" or "a statue of a
man", and not in quoted speech. A mention that is not renamed only causes a repetition, but a wrong name makes a caption
wrong.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from operators.cleaning.quotes import HIDDEN, masked
from operators.core.base import Row
from operators.coreference.places import ENDS, depicted, several, singled_out
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
    """One renamed mention: `now` is at `start` of the new text and replaces `was`."""

    name_id: str
    start: int
    was: str
    now: str


def rewritten(segment: Row, names: Sequence[Row], language: str = "English") -> tuple[Row, list[Row]]:
    """Return a captioned segment with names in the windows in which each person or thing was seen, and in their frames.

    Args:
        language: language of the captions; more rules about the context of a mention exist for English.

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
    """Return the segment as it was before `rewritten`, by the renames in `names`."""
    return _each_text(segment, names, _before)


def redone(segment: Row, names: Sequence[Row]) -> Row:
    """Return the segment as `rewritten` made it, by the renames in `names`.

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
            raise ValueError(f"the captions have no {one['was']!r} at the position of a rename")
        made += text[at:here] + one["now"]
        at = here + len(one["was"])
    return made + text[at:]


@dataclass
class _Text:
    """What the text has mentioned so far."""

    met: set[str] = field(default_factory=set)  # name_id of all mentioned persons and things
    unclear: set[str] = field(default_factory=set)  # words that also denoted another one


def renamed(text: str, names: Sequence[Row], *, english: bool = True) -> tuple[str, list[Rename]]:
    """Replace aliases by names in one pass, the longest first, so that no name is taken for an alias of another."""
    meant: dict[str, dict[str, Row]] = {}
    proper: set[str] = set()
    for one in names:
        # a name is an alias of itself, so that a correct mention is not renamed twice
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
    mentions = [found for found in pattern.finditer(text) if hidden[found.start()] != HIDDEN]
    of_several = _of_several(mentions, meant, proper, hidden) if english else frozenset()
    parts, at, length, done = [], 0, 0, []
    for found in mentions:
        alias = found.group("alias").lower()
        ones = list(meant.get(alias, {}).values())
        if len(ones) != 1:  # an alias of two that are both present is ambiguous
            said.unclear.add(alias)
            said.met |= {one["name_id"] for one in ones}
            continue
        (one,) = ones
        itself = alias == bare(one["name"]).lower()
        if not itself and (
            (found.start(), one["name_id"]) in of_several
            or not _is_meant(found, one, said, proper=alias in proper, english=english)
        ):
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


def _of_several(
    mentions: Sequence[re.Match[str]], meant: Mapping[str, Mapping[str, Row]], proper: set[str], hidden: str
) -> frozenset[tuple[int, str]]:
    """Return (start, `name_id`) of mentions of which a sentence has several that are not the same person or thing."""
    ends = [end.end() for end in ENDS.finditer(hidden)]
    groups: dict[tuple[int, str], list[re.Match[str]]] = {}
    persons: dict[str, Row] = {}
    for found in mentions:
        alias = found.group("alias").lower()
        for name_id, one in meant.get(alias, {}).items():
            if alias not in proper and _could_be(found, one, proper=False):
                persons[name_id] = one
                groups.setdefault((bisect_right(ends, found.start()), name_id), []).append(found)
    return frozenset(
        (found.start(), name_id)
        for (_, name_id), some in groups.items()
        if several(some, hidden, _words_of(persons[name_id]))
        for found in some
    )


def _is_meant(found: re.Match[str], one: Row, said: _Text, *, proper: bool, english: bool) -> bool:
    """Return whether a mention is the person or thing of the alias."""
    if found.group("alias").lower() in said.unclear or _word_before(found)[1] in OTHER | OTHER_ELSEWHERE:
        return False
    indefinite = not proper and found.group("article").strip().lower() in ("", "a", "an")
    if indefinite and one["name_id"] in said.met:  # "a man" after "the man" is another one
        return False
    if not english:
        return True
    if not _could_be(found, one, proper=proper):
        return False
    text = found.string
    return proper or not (depicted(text[: found.start()]) or singled_out(text[found.end() :], _words_of(one)))


def _could_be(found: re.Match[str], one: Row, *, proper: bool) -> bool:
    """Return whether the words next to a mention agree with what is known of somebody."""
    text = found.string
    article, word = _word_before(found)
    if word in OTHER:
        return False
    described = not found.group("article") and not proper and word and (article or word not in FUNCTION)
    if described and word[:_STEM] not in _words_of(one):
        return False  # "the tall man": unknown whether he is tall
    return not _in_compound(text, found.end(), joined=word in ("and", "or")) and not _differs(text[found.end() :], one)


def _word_before(found: re.Match[str]) -> tuple[str, str]:
    """Return the word before a mention, in lower case, and the article before that word; each may be empty."""
    before = re.search(r"(?:\b(the|an?|this|that)\s+)?([^\W\d_][\w'’-]*)\s+\Z", found.string[: found.start()], re.I)
    return ((before[1] or "").lower(), before[2].lower()) if before else ("", "")


def _words_of(one: Row) -> frozenset[str]:
    """Return the stems of the looks, the aliases and the name of somebody."""
    return _stems(" ".join([*(one.get("looks") or ()), *one["aliases"], one["name"]]))


def _in_compound(text: str, end: int, *, joined: bool) -> bool:
    """Return whether the word after a mention forms a compound with it: "the car door", "a man cave"."""
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
    """Return whether a mention is followed by looks that differ from the person's: "in a blue shirt"."""
    known = _words_of(one)
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
    """Return `name` with the article and capitalisation of the alias that it replaces.

    Args:
        proper: the alias is a proper name, without an article.
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
    """Return `name` without its article."""
    return re.sub(r"\A(?:(?:a|an|the|another|one|this|that)\s+)?", "", name.strip(), flags=re.IGNORECASE)
