"""Names that stay the same: a recurring person or thing is called one name in all captions of a video.

The reduce step of MR. Video: candidates from the windows' fields, near ones paired by the words that describe them,
each pair decided by the model, captions rewritten. The segments in the store keep what was said; the row that goes on
to the narrator has the names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from operators.base import SIZING, Apply, ItemError, Level, Operator, Row
from operators.engines.ask import Answer, Usage, ask
from operators.engines.base import Request, RunningEngine
from operators.engines.gates import About, gates_of
from operators.engines.measure import MeasureEngine
from operators.engines.registry import AnyEngine
from operators.engines.shared import shared
from operators.fingerprint import digest
from operators.names.candidates import Candidate, candidates, likely_pairs
from operators.prompts import Prompt, load_prompt

_ARTICLE = r"(?:(?:a|an|the|another|one|this|that)\s+)?"


class Same(BaseModel):
    """The model's word on one pair."""

    model_config = ConfigDict(extra="forbid")
    same: bool
    name: Annotated[str, Field(max_length=80)]


@dataclass(frozen=True, kw_only=True)
class Names(Operator):
    """Adds `names` (`rows.NAME`) and rewrites the captions in `captioned` with them.

    Needs windows with fields (`caption.fields: true`); where none has any, nothing is renamed. A pair that the model
    gives no good answer on stays two.
    """

    name: ClassVar[str] = "names"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"video_id", "captioned"})
    writes: ClassVar[frozenset[str]] = frozenset({"captioned", "names", "usage"})

    engine: Annotated[
        AnyEngine, Field(description="the model that decides who is who; left out it is the narrator's engine")
    ] = field(default_factory=MeasureEngine)
    nearest: Annotated[
        int, Field(ge=1, le=50, description="pairs that are asked about for each mention, the likeliest")
    ] = 4
    prompt: Annotated[str, Field(description="prompt of a pair: a name or a path to a .j2 file")] = "names"
    language: Annotated[str, Field(min_length=1, description="language of the names, as the prompt names it")] = (
        "English"
    )
    tries: Annotated[int, Field(ge=1, le=10, description="times a pair is asked about before it stays two")] = 3
    concurrency: Annotated[int, Field(ge=1, description="videos in one actor at once"), SIZING] = 4

    def identity_extra(self) -> dict[str, Any]:
        """The prompt's text: a changed prompt names anew."""
        return {"prompts": [load_prompt(self.prompt).hash]}

    @contextmanager
    def open(self) -> Iterator[Apply]:
        prompt = load_prompt(self.prompt)
        with shared(self.engine) as engine:
            yield lambda row: self._apply(row, engine, prompt)

    def _apply(self, row: Row, engine: RunningEngine, prompt: Prompt) -> Row:
        windows = sorted((w for s in row["captioned"] for w in s["windows"]), key=lambda w: int(w["window_index"]))
        found = candidates(windows)
        pairs = likely_pairs(found, self.nearest)
        seed = int(digest(["names", row["video_id"]], hex_digits=8), 16)
        asked = [self._ask(engine, prompt, found[i], found[j], seed + k) for k, (_, i, j) in enumerate(pairs)]
        answers = [future.result() for future in asked]
        broken = next((a for a in answers if a.failure_class not in (None, "gate")), None)
        if broken is not None:  # the engine failed, not its answer: another time it may say who is who
            raise ItemError(
                broken.failure_class or "internal",
                f"names could not be asked for: {broken.problem}",
                attempts=broken.attempts,
            )
        same = [
            (i, j, parse_same(answer.text).name)
            for (_, i, j), answer in zip(pairs, answers, strict=True)
            if answer.valid and parse_same(answer.text).same
        ]
        names = name_all(found, same)
        return {
            **row,
            "names": names,
            "captioned": [rewritten(segment, names) for segment in row["captioned"]],
            "usage": sum((a.usage for a in answers), Usage.of(row.get("usage"))).row(),
        }

    def _ask(
        self, engine: RunningEngine, prompt: Prompt, first: Candidate, second: Candidate, seed: int
    ) -> Future[Answer]:
        text = prompt.render(language=self.language, first=first, second=second).text
        request = Request(
            kind="names",
            start_s=min(first.start_s, second.start_s),
            end_s=max(first.start_s, second.start_s),
            prompt=text,
            texts=tuple(f"{c.name}, {c.looks}" for c in (first, second)),
            schema=same_schema(),
            seed=seed,
        )
        return ask(engine, request, tries=self.tries, gates=gates_of(self.engine), about=About(parse=parse_same))


@lru_cache(maxsize=1)
def same_schema() -> str:
    """JSON Schema of `Same`, as text."""
    return json.dumps(Same.model_json_schema(), sort_keys=True)


def parse_same(text: str) -> Same:
    """Raises `ValueError` for anything but a decision."""
    return Same.model_validate_json(text)


def name_all(found: Sequence[Candidate], same: Sequence[tuple[int, int, str]]) -> list[Row]:
    """`rows.NAME` of everybody, given the pairs (i, j, proposed name) that are the same, the surest first.

    A pair is not joined where that would make one of two whom a window names side by side. Names are unique.
    """
    group = list(range(len(found)))
    windows = [set(c.windows) for c in found]
    proposed: dict[int, str] = {}

    def root(k: int) -> int:
        while group[k] != k:
            k = group[k]
        return k

    for i, j, name in same:
        a, b = sorted((root(i), root(j)))
        if a != b and not windows[a] & windows[b]:
            group[b] = a
            windows[a] |= windows[b]
            proposed.setdefault(a, name.strip(" ."))
    members: dict[int, list[Candidate]] = {}
    for k, one in enumerate(found):
        members.setdefault(root(k), []).append(one)
    used: set[str] = set()
    named = []
    for number, (key, ones) in enumerate(members.items()):
        name = _unique(proposed.get(key) or ones[0].name, ones[0].looks, used)
        aliases = list(dict.fromkeys(one.name for one in ones))
        named.append({"name_id": f"n{number}", "name": name, "aliases": aliases, "windows": sorted(windows[key])})
    return named


def rewritten(segment: Row, names: Sequence[Row]) -> Row:
    """A captioned segment in which everybody has his name, in the windows where he was seen and the frames of these."""
    renaming = {w["window_index"]: [n for n in names if w["window_index"] in n["windows"]] for w in segment["windows"]}
    spans = [(w["start_s"], w["end_s"], renaming[w["window_index"]]) for w in segment["windows"]]
    windows = [{**w, "text": _renamed(w["text"], renaming[w["window_index"]])} for w in segment["windows"]]
    frames = []
    for frame in segment["frames"]:
        here = [n for start_s, end_s, named in spans if start_s <= frame["time_s"] < end_s for n in named]
        unique = list({n["name_id"]: n for n in here}.values())
        frames.append({**frame, "text": _renamed(frame["text"], unique)})
    return {**segment, "windows": windows, "frames": frames}


def _renamed(text: str, names: Sequence[Row]) -> str:
    """Aliases become names in one pass, the longest first, so that no name is taken for an alias of another."""
    meant: dict[str, set[str]] = {}
    proper: set[str] = set()
    for one in names:
        # a name stands for itself: what is called right already is not called so twice
        for alias in (*one["aliases"], one["name"]):
            bare = _bare(alias)
            meant.setdefault(bare.lower(), set()).add(one["name"])
            if bare == alias and bare[:1].isupper():
                proper.add(bare.lower())
    if not meant:
        return text
    words = "|".join(re.escape(a) for a in sorted(meant, key=lambda a: (-len(a), a)))

    def replaced(found: re.Match[str]) -> str:
        alias = found.group("alias").lower()
        named = meant.get(alias, set())
        # one alias of two who are both here names neither
        if len(named) != 1 or alias in {_bare(n).lower() for n in named}:
            return found.group(0)
        return _in_place(found, min(named), proper=alias in proper)

    return re.sub(rf"(?<!\w)(?P<article>{_ARTICLE})(?P<alias>{words})(?!\w)", replaced, text, flags=re.IGNORECASE)


def _in_place(found: re.Match[str], name: str, *, proper: bool) -> str:
    """`name` as it reads where an alias was found: with the article and the capital letter that stood there.

    Args:
        proper: the alias is a proper name, which has no article of its own.
    """
    article, bare = found.group("article"), _bare(name)
    if proper:
        told = article + name
    elif bare[:1].isupper():
        told = name
    elif article.strip().lower() in ("a", "an"):
        told = article[0] + ("n " if bare[:1].lower() in "aeiou" else " ") + bare
    else:
        told = article + bare
    before = found.string[: found.start()].rstrip(" \"'“”‘’(")
    begins = not before or before[-1] in ".!?…\n"
    return told[:1].upper() + told[1:] if begins and found.group(0)[:1].isupper() else told


def _bare(name: str) -> str:
    return re.sub(rf"\A{_ARTICLE}", "", name.strip(), flags=re.IGNORECASE)


def _unique(name: str, looks: str, used: set[str]) -> str:
    """`name`, told from those in use by its looks, or by a number."""
    for wanted in (name, f"{name} ({looks})" if looks else name):
        if wanted.casefold() not in used:
            break
    else:
        number = 2
        while f"{name} {number}".casefold() in used:
            number += 1
        wanted = f"{name} {number}"
    used.add(wanted.casefold())
    return wanted
