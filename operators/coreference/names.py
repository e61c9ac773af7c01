"""The operator `names`: give a recurring person or thing the same name in all captions of a video.

This is the reduce step of MR. Video: candidates come from the windows' fields, similar ones are paired by the words
that describe them, a model decides each pair, and captions are rewritten. Stored segments are not changed; only the row
that is passed to the narrator has the names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from operators.cleaning.forms import read_form
from operators.core.base import SIZING, Apply, Level, Operator, Row
from operators.core.fingerprint import digest
from operators.coreference.candidates import Candidate, candidates, likely_pairs
from operators.coreference.rewriting import rewritten
from operators.engines.ask import Answer, Usage, ask
from operators.engines.base import Request, RunningEngine
from operators.engines.gates import About, gates_of
from operators.engines.registry import AnyEngine
from operators.engines.shared import shared
from operators.engines.template import MeasureEngine
from operators.prompts import Prompt, load_prompt


class Same(BaseModel):
    """The model's decision on one pair."""

    model_config = ConfigDict(extra="forbid")
    same: bool
    name: Annotated[str, Field(max_length=80)]


@dataclass(frozen=True, kw_only=True)
class Names(Operator):
    """Adds `names` (`structs.NAME`) and rewrites the captions in `captioned` with them.

    Needs windows with fields (`caption.fields: true`); without fields, nothing is renamed. A pair without a valid
    answer of the model stays separate.
    """

    name: ClassVar[str] = "names"
    version: ClassVar[int] = 2
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"video_id", "captioned"})
    writes: ClassVar[frozenset[str]] = frozenset({"captioned", "names", "usage"})

    engine: Annotated[
        AnyEngine, Field(description="the model that decides on pairs; default: the narrator's engine")
    ] = field(default_factory=MeasureEngine)
    nearest: Annotated[int, Field(ge=1, le=50, description="number of most similar pairs per mention to ask about")] = 4
    prompt: Annotated[str, Field(description="prompt of a pair: a name or a path to a .j2 file")] = "names"
    language: Annotated[str, Field(min_length=1, description="language of the names, as the prompt names it")] = (
        "English"
    )
    tries: Annotated[int, Field(ge=1, le=10, description="tries of a request before the pair stays separate")] = 3
    concurrency: Annotated[int, Field(ge=1, description="videos that an actor processes simultaneously"), SIZING] = 4

    def identity_extra(self) -> dict[str, Any]:
        """Return the text of the prompt, so that a changed prompt changes the key."""
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
        answers = [future.result().given("names could not be asked for") for future in asked]
        same = [
            (i, j, parse_same(answer.text).name)
            for (_, i, j), answer in zip(pairs, answers, strict=True)
            if answer.valid and parse_same(answer.text).same
        ]
        names = name_all(found, same)
        renamed = [rewritten(segment, names, self.language) for segment in row["captioned"]]
        return {
            **row,
            "names": with_renames(names, [rename for _, renames in renamed for rename in renames]),
            "captioned": [segment for segment, _ in renamed],
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
            instructions=prompt.instructions,
            texts=tuple(f"{c.name}, {c.looks}" for c in (first, second)),
            schema=same_schema(),
            seed=seed,
        )
        about = About(form=Same, parse=parse_same)
        gates, clean = gates_of(self.engine), self.engine.generative
        return ask(engine, request, tries=self.tries, gates=gates, about=about, clean=clean)


@lru_cache(maxsize=1)
def same_schema() -> str:
    """JSON Schema of `Same`, as text."""
    return json.dumps(Same.model_json_schema(), sort_keys=True)


def parse_same(text: str) -> Same:
    """Raises `ValueError` for anything but a decision."""
    return read_form(text, Same)


def name_all(found: Sequence[Candidate], same: Sequence[tuple[int, int, str]]) -> list[Row]:
    """Return `structs.NAME` of all, given the pairs (i, j, proposed name) that are the same, the most certain first.

    A pair is not merged if two mentions of one window would become the same. Names are unique.
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
        looks = list(dict.fromkeys(one.looks for one in ones if one.looks))
        seen = sorted(windows[key])
        named.append(
            {"name_id": f"n{number}", "name": name, "aliases": aliases, "windows": seen, "looks": looks, "renames": []}
        )
    return named


def with_renames(names: Sequence[Row], renames: Sequence[Row]) -> list[Row]:
    """Return `names`, each with its renames, so that each rename can be undone."""
    fields = ("window_index", "time_s", "start", "was", "now")
    renames = sorted(
        renames, key=lambda r: (r["time_s"] is not None, r["time_s"] or 0.0, r["window_index"] or 0, r["start"])
    )
    kept = {n["name_id"]: [{f: r[f] for f in fields} for r in renames if r["name_id"] == n["name_id"]] for n in names}
    return [{**n, "renames": kept[n["name_id"]]} for n in names]


def _unique(name: str, looks: str, used: set[str]) -> str:
    """Return `name`, made unique by its looks or by a number."""
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
