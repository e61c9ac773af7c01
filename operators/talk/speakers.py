"""The operator `name_speakers`: find the names of the speakers of a whole video in the speech."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.audio.lines import LINE
from operators.core.base import Apply, Level, Operator, Row
from operators.language.words import occurrences

SPEAKER = pa.struct(
    [
        pa.field("speaker", pa.string()),  # S1, S2, …
        pa.field("name", pa.string()),  # null: none was found, or all belong to other speakers
        pa.field("votes", pa.int32()),  # number of answers that gave this name
        pa.field("others", pa.list_(pa.string())),  # other names that answers gave, the most frequent first
        pa.field("lines", pa.int32()),
        pa.field("seconds", pa.float64()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class NameSpeakers(Operator):
    """Assigns to the speakers of `speech` the names that answers about single blocks found, each name to one speaker.

    Reads the column `of` of a step `ask` over blocks, whose answers hold a list `names` of `speaker` and `name`. A name
    is valid if some line contains it as whole words. Pairs of speaker and name are assigned by the number of answers
    that give them, each speaker and each name once, so that the assignment is the same for the whole video, as in
    StoryTeller. Writes `speech` with `speaker_name`, and `speakers`.
    """

    name: ClassVar[str] = "name_speakers"
    version: ClassVar[int] = 2  # 2: names are whole words
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "talk"
    reads: ClassVar[frozenset[str]] = frozenset()
    writes: ClassVar[frozenset[str]] = frozenset({"speech", "speakers"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"speech": pa.list_(LINE), "speakers": pa.list_(SPEAKER)}

    of: Annotated[str, Field(pattern="[a-z][a-z0-9_]*", description="the column of the answers")] = "guesses"

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", frozenset({"speech", self.of}))

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, **self._named(row)}

    def _named(self, row: Row) -> Row:
        lines: list[Row] = row["speech"] or []
        said = [line["text"] for line in lines]
        known = list(dict.fromkeys(line["speaker"] for line in lines if line["speaker"]))
        votes: dict[tuple[str, str], int] = {}
        for answer in row[self.of] or ():
            for speaker, name in _guesses(answer) if answer["valid"] else ():
                if speaker in known and any(occurrences(text, name) for text in said):
                    votes[speaker, name] = votes.get((speaker, name), 0) + 1
        names = assign(votes)
        return {
            "speech": [{**line, "speaker_name": names.get(line["speaker"])} for line in lines],
            "speakers": [_about(speaker, names.get(speaker), votes, lines) for speaker in known],
        }


def assign(votes: Mapping[tuple[str, str], int]) -> dict[str, str]:
    """Return speaker -> name; names are unique. Of pairs with equal votes, the first one is used."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for (speaker, name), _ in sorted(votes.items(), key=lambda item: -item[1]):
        if speaker not in found and name.casefold() not in taken:
            found[speaker] = name
            taken.add(name.casefold())
    return found


def _guesses(answer: Row) -> Iterator[tuple[str, str]]:
    value = json.loads(answer["fields"] or "{}").get("names")
    for entry in value if isinstance(value, list) else ():
        speaker, name = (" ".join(str(entry.get(k) or "").split()) for k in ("speaker", "name"))
        if speaker and name:
            yield speaker, name


def _about(
    speaker: str, name: str | None, votes: Mapping[tuple[str, str], int], lines: Sequence[Row]
) -> dict[str, Any]:
    own = [line for line in lines if line["speaker"] == speaker]
    given = sorted(((n, v) for (s, n), v in votes.items() if s == speaker), key=lambda item: -item[1])
    return {
        "speaker": speaker,
        "name": name,
        "votes": dict(given).get(name, 0) if name else 0,
        "others": [n for n, _ in given if n != name],
        "lines": len(own),
        "seconds": sum(line["end_s"] - line["start_s"] for line in own),
    }
