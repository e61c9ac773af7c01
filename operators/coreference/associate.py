"""The operator `associate`: find persons and things that are the same in different scenes by comparing frames."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from operators.cleaning.forms import read_form
from operators.core import structs
from operators.core.base import Apply, Level, Row
from operators.core.fingerprint import digest
from operators.engines.ask import Answer, Usage, ask
from operators.engines.base import FrameImage, Request, RunningEngine
from operators.engines.gates import About, gates_of, malformed
from operators.engines.provenance import provenance
from operators.engines.registry import AnyEngine
from operators.engines.shared import shared
from operators.language.words import stems
from operators.prompts import Prompt, load_prompt
from operators.video.isolation import DecodeChild
from operators.video.limits import Isolated
from operators.video.moments import READS, frames_at
from operators.video.size import Size

MENTION = pa.struct(
    [
        pa.field("item", pa.int32()),  # index of the scene in the list `of` of the whole video
        pa.field("name", pa.string()),  # its name in that scene
        pa.field("looks", pa.string()),
        pa.field("best_s", pa.float64()),  # time of the best view
    ]
)
ENTITY = pa.struct(
    [
        pa.field("entity_id", pa.string()),  # e0, e1, ... in the order of appearance
        pa.field("name", pa.string()),  # one name for the whole video: the most frequent name, with a number if needed
        pa.field("mentions", pa.list_(MENTION)),
    ]
)
PAIR = pa.struct(
    [
        pa.field("first", pa.string()),  # "item:name" of the earlier mention
        pa.field("second", pa.string()),
        pa.field("likeness", pa.float64()),  # similarity of their descriptions, 0 to 1
        pa.field("same", pa.bool_()),  # decision of the model; null if it gave no answer
    ]
)

_WINDOWS = "segments.windows"


class Same(BaseModel):
    """An answer."""

    model_config = ConfigDict(extra="forbid")
    same: bool


@dataclass(frozen=True)
class _Mention:
    item: int
    name: str
    looks: str
    best_s: float

    @property
    def words(self) -> frozenset[str]:
        return frozenset(stems(f"{self.name} {self.looks}"))

    @property
    def label(self) -> str:
        return f"{self.item}:{self.name}"


@dataclass(frozen=True, kw_only=True)
class Associate(Isolated):
    """Gives each person and thing one name in the whole video; writes `entities` and `pairs`.

    Items of `of` are answers or window captions whose fields hold `subjects`, a list with `name`, `looks` and
    `best_s`. Pairs of mentions whose descriptions share at least `likeness` of their words are shown to the model side
    by side, the most similar first, at most `max_pairs` per video. Two mentions in one scene are never the same,
    nor are groups that contain such a pair. MR. Video asks a model about pairs of salient frames (text of the paper);
    preselecting pairs by words is added here, since a long video has too many pairs.
    """

    name: ClassVar[str] = "associate"
    version: ClassVar[int] = 2  # 2: scenes of different segments are different ones
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "associate"
    reads: ClassVar[frozenset[str]] = READS | {"video_id", "duration_s"}
    writes: ClassVar[frozenset[str]] = frozenset({"entities", "pairs", "entities_provenance", "usage"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "entities": pa.list_(ENTITY),
        "pairs": pa.list_(PAIR),
        "entities_provenance": structs.PROVENANCE,
    }

    engine: Annotated[AnyEngine, Field(description="a vision-language model")]
    of: Annotated[str, Field(min_length=1, description="the list of answers with subjects, or segments.windows")] = (
        "scenes"
    )
    prompt: Annotated[str, Field(description="a prompt's name or a path to a .j2 file")] = "associate"
    likeness: Annotated[float, Field(ge=0, le=1, description="least share of common words of a pair")] = 0.25
    max_pairs: Annotated[int, Field(ge=0, description="maximum number of requests per video")] = 200
    short_side_px: Annotated[int, Field(ge=64, le=1080, description="short side of a frame in pixels")] = 336
    tries: Annotated[int, Field(ge=1, le=10, description="tries of a request before the pair counts as different")] = 3

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", type(self).reads | {"captioned" if self.of == _WINDOWS else self.of})

    def identity_extra(self) -> dict[str, Any]:
        """Return the text of the prompt."""
        return {"prompts": [load_prompt(self.prompt).hash]}

    @contextmanager
    def open(self) -> Iterator[Apply]:
        prompt = load_prompt(self.prompt)
        with self.child() as child, shared(self.engine) as engine:
            yield lambda row: {**row, **self._associated(row, child, engine, prompt)}

    def _associated(self, row: Row, child: DecodeChild, engine: RunningEngine, prompt: Prompt) -> Row:
        if self.of == _WINDOWS:
            items = [window for segment in row["captioned"] for window in segment["windows"]]
        else:
            items = row[self.of] or []
        mentions = list(_mentions(items, float(row["duration_s"])))
        groups = {k: {k} for k in range(len(mentions))}  # mention -> its set; members share one object
        usage = Usage()
        pairs: list[Row] = []
        looking = _Looking(self, row, child, engine, prompt)
        for likeness, a, b in self._candidates(mentions):
            if len(pairs) >= self.max_pairs:
                break
            scenes = [{mentions[k].item for k in groups[x]} for x in (a, b)]
            if groups[a] is groups[b] or scenes[0] & scenes[1]:
                continue
            answer = looking.compare(mentions[a], mentions[b])
            usage += answer.usage
            same = read_form(answer.text, Same).same if answer.valid else None
            pairs.append({"first": mentions[a].label, "second": mentions[b].label, "likeness": likeness, "same": same})
            if same:
                joined = groups[a] | groups[b]
                groups |= dict.fromkeys(joined, joined)
        return {
            "entities": _entities(mentions, groups),
            "pairs": pairs,
            "entities_provenance": provenance(self.engine, [prompt], {"tries": self.tries}),
            "usage": usage.row(),
        }

    def _candidates(self, mentions: list[_Mention]) -> list[tuple[float, int, int]]:
        words = [m.words for m in mentions]
        found = []
        for a, b in combinations(range(len(mentions)), 2):
            either = len(words[a] | words[b])
            likeness = len(words[a] & words[b]) / either if either else 0.0
            if mentions[a].item != mentions[b].item and likeness >= self.likeness:
                found.append((round(likeness, 4), a, b))
        return sorted(found, key=lambda x: (-x[0], x[1], x[2]))


class _Looking:
    """Shows two mentions of one video side by side; each frame is decoded once, on demand."""

    def __init__(self, spec: Associate, row: Row, child: DecodeChild, engine: RunningEngine, prompt: Prompt) -> None:
        self._spec, self._row, self._child, self._engine, self._prompt = spec, row, child, engine, prompt
        self._held: dict[float, FrameImage | None] = {}

    def compare(self, a: _Mention, b: _Mention) -> Answer:
        """Ask the model whether both are the same."""
        shown = tuple(p for p in (self._frame(a.best_s), self._frame(b.best_s)) if p is not None)
        if len(shown) < 2:
            return Answer("", 0, "undecodable", "a frame of it cannot be decoded")
        spec, prompt = self._spec, self._prompt
        rendered = prompt.render(first=vars(a), second=vars(b))
        request = Request(
            kind="associate",
            start_s=a.best_s,
            end_s=b.best_s,
            prompt=rendered.text,
            instructions=prompt.instructions,
            images=shown,
            images_at=rendered.images_at,
            schema=json.dumps(Same.model_json_schema(), sort_keys=True),
            seed=int(digest([self._row["video_id"], a.label, b.label], hex_digits=8), 16),
        )
        gates = gates_of(spec.engine)
        about = About(form=Same, parse=lambda text: read_form(text, Same), prose=lambda _: "Yes.")
        asked = ask(
            self._engine,
            request,
            tries=spec.tries,
            gates=gates if malformed in gates else (*gates, malformed),
            about=about,
            clean=spec.engine.generative,
        )
        return asked.result().given(f"{a.label} and {b.label} could not be compared")

    def _frame(self, time_s: float) -> FrameImage | None:
        if time_s not in self._held:
            found = frames_at(self._child, self._row, [time_s], Size(short_side_px=self._spec.short_side_px))
            self._held[time_s] = FrameImage(**{**found[0], "time_s": time_s}) if found else None
        return self._held[time_s]


def _mentions(items: Any, duration_s: float) -> Iterator[_Mention]:
    for k, item in enumerate(items):
        fields = item.get("fields")
        said = json.loads(fields) if isinstance(fields, str) else fields
        for subject in (said or {}).get("subjects") or ():
            # written by a model: it must be within the scene
            low, high = float(item["start_s"]), min(float(item["end_s"]), duration_s)
            best = subject.get("best_s")
            inside = isinstance(best, int | float) and low <= best < high
            name = " ".join(str(subject.get("name") or "").split())
            if name:
                best_s = float(best) if inside else (low + high) / 2
                # `index` counts within a segment
                yield _Mention(k, name, str(subject.get("looks") or ""), best_s)


def _entities(mentions: list[_Mention], groups: Mapping[int, set[int]]) -> list[Row]:
    """Return one row per group; its name is the most frequent one, with a number if it is not unique."""
    found: list[Row] = []
    taken: dict[str, int] = {}
    for members in {min(group): sorted(group) for group in groups.values()}.values():
        named = [mentions[k].name for k in members]
        base = max(dict.fromkeys(named), key=named.count)
        taken[base] = taken.get(base, 0) + 1
        name = base if taken[base] == 1 else f"{base} ({taken[base]})"
        kept = [vars(mentions[k]) for k in members]
        found.append({"entity_id": f"e{len(found)}", "name": name, "mentions": kept})
    return found
