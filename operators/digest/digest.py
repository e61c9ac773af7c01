"""`digest`: drop vague window captions of a video and merge similar neighbours (LifelongMemory)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from operators.core.base import ItemError, Level, Row
from operators.core.missing import gaps
from operators.embedding.embedders.base import RunningEmbedder
from operators.embedding.texts import ComparesTexts
from operators.language.words import WORD, occurrences

VAGUE = (
    *("walks around", "walking around", "looks around", "looking around", "moves around", "moving around"),
    *("nothing happens", "nothing changes", "stays as it is", "is still", "remains still"),
)
# words that a vague caption may contain besides a vague phrase
_FILLERS = """
    a an the in on at of and with is are c camera man woman person people someone he she they it there this that wearer
    room picture image video frame frames scene shows still
"""
_FILLING = frozenset(_FILLERS.split())
_STILL = " still"
_NOT_CAPTIONED = "not captioned"
_DIGEST = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # items and dropped captions together tile the video
        pa.field("end_s", pa.float64()),
        pa.field("text", pa.string()),  # the longest of the merged captions
        pa.field("windows", pa.list_(pa.int32())),  # window_index of each
    ]
)
_DROPPED = pa.struct(
    [
        *(f for f in _DIGEST if f.name != "windows"),
        pa.field("window_index", pa.int32()),  # null: a segment failed, so that the span has no windows
        pa.field("why", pa.string()),  # "not captioned", or the vague phrase
    ]
)


@dataclass(frozen=True, kw_only=True)
class Digest(ComparesTexts):
    """Writes `digest` and `dropped` for the window captions of a video.

    A caption is vague if it contains a phrase of `vague` as whole words and fewer than `least_words` other words that
    are not fillers. A phrase that ends with "still" counts only if it says that something does not move: "He is still
    running" is not vague. A caption is merged with the previous one if their cosine is above `similarity`, unless a
    dropped one is between them. Each caption covers the span in which its window is the latest, so that the items and
    the dropped spans tile the video; the span of a failed segment is dropped as "not captioned".
    """

    name: ClassVar[str] = "digest"
    version: ClassVar[int] = 2
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "embed"
    reads: ClassVar[frozenset[str]] = frozenset({"captioned", "duration_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"digest", "dropped"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"digest": pa.list_(_DIGEST), "dropped": pa.list_(_DROPPED)}

    similarity: Annotated[
        float, Field(gt=0, le=1, description="neighbours above this cosine are merged; 0.8 in LifelongMemory")
    ] = 0.8
    vague: Annotated[tuple[str, ...], Field(description="vague phrases, in lower case; (): none")] = VAGUE
    least_words: Annotated[int, Field(ge=1, description="words besides a vague phrase that keep a caption")] = 3

    def made(self, row: Row, running: RunningEmbedder) -> Row:
        windows = [w for segment in row["captioned"] for w in segment["windows"]]
        if not windows:
            raise ItemError("gate", "there is no caption to digest")
        missing = gaps(row["captioned"], row["duration_s"])
        stops = sorted([*(gap.start_s for gap in missing), max(row["duration_s"], windows[-1]["start_s"])])
        nexts = [*(w["start_s"] for w in windows[1:]), stops[-1]]
        ends = [min([after, *(s for s in stops if s > w["start_s"])]) for w, after in zip(windows, nexts, strict=True)]
        valid = [w for w in windows if w["valid"]]
        vectors = dict(zip([w["window_index"] for w in valid], running.texts([w["text"] for w in valid]), strict=True))
        digest: list[Row] = []
        dropped: list[Row] = [
            {"start_s": g.start_s, "end_s": g.end_s, "text": "", "window_index": None, "why": _NOT_CAPTIONED}
            for g in missing
        ]
        before: int | None = None
        reached = 0.0
        for window, end_s in zip(windows, ends, strict=True):
            if window["start_s"] > reached:  # a segment is missing
                before = None
            reached = end_s
            at = {"start_s": window["start_s"], "end_s": end_s, "text": window["text"]}
            index, why = window["window_index"], self._why_not(window)
            if why is not None:
                dropped.append({**at, "window_index": index, "why": why})
                before = None
            elif before is not None and float(np.dot(vectors[before], vectors[index])) > self.similarity:
                last = digest[-1]
                last |= {"end_s": end_s, "windows": [*last["windows"], index]}
                last["text"] = max(last["text"], window["text"], key=len)
                before = index
            else:
                digest.append({**at, "windows": [index]})
                before = index
        return {"digest": digest, "dropped": sorted(dropped, key=lambda d: float(d["start_s"]))}

    def _why_not(self, window: Mapping[str, Any]) -> str | None:
        if not window["valid"]:
            return _NOT_CAPTIONED
        for phrase in self.vague:
            for found in occurrences(window["text"], phrase):
                if phrase.endswith(_STILL) and _acts(found.string[found.end() :]):
                    continue
                rest = f"{found.string[: found.start()]} {found.string[found.end() :]}"
                own = [word for word in WORD.findall(rest) if word not in _FILLING]
                return f"vague: {phrase}" if len(own) < self.least_words else None
        return None


def _acts(rest: str) -> bool:
    """Whether what follows "still" is what is still done: "still running", not "still in the room"."""
    following = re.match(r"\s+(\w+)", rest)
    return following is not None and following.group(1) not in _FILLING
