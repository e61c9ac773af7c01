"""Whether two readings say the same: a misread letter does not matter, another number or another word does.

The share of equal letters alone does not tell "Step 1: preheat the oven" from "Step 2: preheat the oven", nor "Do not
open the door" from "Do open the door".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal

from operators.reading.track import Track

Relation = Literal["same", "less", "more", "other"]
"""The second of two texts says the same as the first, or that with words or numbers missing, or more, or another."""

_WORD = 0.5  # share of equal letters below which a word is another, rather than misread
_RUN = 0.75  # likewise of words that readers part or join at other places
_LEAST = 3  # letters of a word that is compared; shorter ones are misread as a whole
_JOINED = 3  # letters that a word has more than the same word alone: another word, read without its space
_DIGITS = str.maketrans("OoQDIl|!ZSsBG", "0000111125586")  # letters that digits are read as, in a number
_AS_NUMBER = re.compile(r"[\dOoQDIl|!ZSsBG]*\d[\dOoQDIl|!ZSsBG]*\Z")
_IN_NUMBER = re.compile(r"(?<=\d)[OoIl|](?=\d)")
_IN_WORD = re.compile(r"[01](?=[^\W\d_]{3})|(?<=[^\W\d_])[01](?=[^\W\d_])")
_AS_DIGIT = re.compile(r"[OolI|]{1,2}\Z")


def alike(one: str, other: str) -> float:
    """Share of letters that two readings have in common, in order; spaces do not count."""
    a, b = "".join(one.split()), "".join(other.split())
    return 1.0 if a == b else SequenceMatcher(None, a, b, autojunk=False).ratio()


@lru_cache(maxsize=4096)
def relation(first: str, second: str) -> Relation:
    """How the second of two similar texts differs from the first, as `Relation`."""
    found = {*_numbers_differ(_numbers(first), _numbers(second)), *_words_differ(_words(first), _words(second))}
    if "other" in found or {"less", "more"} <= found:
        return "other"
    return "less" if "less" in found else "more" if "more" in found else "same"


def parted(track: Track, spans: Sequence[tuple[float, float]]) -> list[Track]:
    """A track as one for each text that it shows: of a counter, or of slides that differ in a word.

    A reading that stands alone between two of one text, or that lacks words of its neighbour, is misread and stays.

    Args:
        spans: (start_s, end_s) of each frame, in order of time.
    """
    texts = [line.text for line in track.readings]
    if len({*texts}) < 2 or (track.whole and track.scrolls):
        return [track]  # the parts of a ticker differ
    runs: list[list[int]] = []
    for k, text in enumerate(texts):
        if runs and relation(texts[runs[-1][-1]], text) == "same":
            runs[-1].append(k)
        else:
            runs.append([k])
    while (at := next((k for k, run in enumerate(runs) if len(run) == 1 and _stays(runs, k, texts)), None)) is not None:
        low, high = _stays(runs, at, texts) or (at, at + 1)
        runs[low:high] = [sorted(k for run in runs[low:high] for k in run)]
    if len(runs) == 1:
        return [track]
    return [
        Track(
            track.start_s if not run[0] else spans[track.frames[run[0]]][0],
            track.end_s if run[-1] == len(texts) - 1 else spans[track.frames[run[-1]]][1],
            [track.readings[k] for k in run],
            [track.frames[k] for k in run],
            aspect=track.aspect,
        )
        for run in runs
    ]


def _stays(runs: Sequence[Sequence[int]], at: int, texts: Sequence[str]) -> tuple[int, int] | None:
    """The runs, from and to behind, that a run of one misread text belongs to; None: its text is read right."""
    own = texts[runs[at][0]]
    before = texts[runs[at - 1][-1]] if at else None
    after = texts[runs[at + 1][0]] if at + 1 < len(runs) else None
    if before is not None and after is not None and relation(before, after) == "same":
        return at - 1, at + 2
    if after is not None and relation(after, own) == "less":
        return at, at + 2
    if before is not None and relation(before, own) == "less":
        return at - 1, at + 1
    return None


def _cores(text: str) -> Iterator[tuple[str, bool]]:
    """What stands between spaces, without punctuation and with letters and digits that are taken for each other mended;
    and whether it is a number."""
    for raw in text.split():
        token = _IN_NUMBER.sub(lambda one: one[0].translate(_DIGITS), raw)
        core = re.sub(r"[^\w|!]", "", token)
        if _AS_NUMBER.match(core) or _AS_DIGIT.match(core):
            yield core.translate(_DIGITS), True
        else:
            yield _IN_WORD.sub(lambda one: "ol"[int(one[0])], token), False


def _numbers(text: str) -> list[str]:
    """The numbers of a text, its digits without what separates them: two that no letter parts are one."""
    found: list[str] = []
    going = False
    for core, _ in _cores(text):
        for ch in core:
            if ch.isnumeric():
                found = [*found[:-1], found[-1] + ch] if going else [*found, ch]
                going = True
            elif ch.isalpha():
                going = False
    return found


def _numbers_differ(first: list[str], second: list[str]) -> Iterator[Relation]:
    if first != second:
        yield "less" if _within(second, first) else "more" if _within(first, second) else "other"


def _within(some: Sequence[str], of: Sequence[str]) -> bool:
    rest = iter(of)
    return all(one in rest for one in some)


def _words(text: str) -> list[str]:
    """The words without what is not a letter; numbers are compared apart. In scripts without spaces each character."""
    rest = " ".join(core for core, is_number in _cores(text) if not is_number)
    words = re.findall(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_\u3040-\u30ff\u3400-\u9fff]+", rest)
    return [w if len(w) == 1 else w.casefold() for w in words if not w.isnumeric()]


def _words_differ(first: list[str], second: list[str]) -> Iterator[Relation]:
    for kind, a, b, c, d in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if kind != "equal":
            yield _of_block(first[a:b], second[c:d])


def _of_block(first: list[str], second: list[str]) -> Relation:
    """How the words differ between two places where both texts are equal."""
    x, y = "".join(first), "".join(second)
    if not (x and y):
        return "same" if _weight(x or y) < 2 else "less" if x else "more"
    if len(first) != len(second):
        longer, shorter = (first, y) if len(first) > len(second) else (second, x)
        if alike(x, y) >= _RUN:
            return "same"
        if any(
            alike("".join(longer[i:j]), shorter) >= _RUN
            for i in range(len(longer))
            for j in range(i + 1, len(longer) + 1)
        ):
            return "less" if longer is first else "more"
        return "other"
    return _of_words(x, y)


def _of_words(x: str, y: str) -> Relation:
    if len(x) == len(y) == 1 and not _dense(x):
        return "other" if x != y and x.isupper() and y.isupper() else "same"
    if abs(len(x) - len(y)) >= _JOINED and min(len(x), len(y)) >= _LEAST:
        longer, shorter = (x, y) if len(x) > len(y) else (y, x)
        if longer.startswith(shorter) or longer.endswith(shorter):
            return "less" if longer is x else "more"
    return "other" if max(_weight(x), _weight(y)) >= _LEAST and alike(x, y) < _WORD else "same"


def _weight(text: str) -> int:
    return sum(2 if _dense(ch) else 1 for ch in text)


def _dense(ch: str) -> bool:
    """Whether a character of this script is as much as a short word."""
    return "\u3040" <= ch <= "\u9fff"
