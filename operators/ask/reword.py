"""`reword`: replace window captions by answers about the windows before narration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from operators.core.base import Apply, ItemError, Level, Operator, Row


@dataclass(frozen=True, kw_only=True)
class Reword(Operator):
    """Replaces the text of each window by the answer about it; a window without a valid answer keeps its text.

    `by` is a list of answers of a step `ask` with `each: segments.windows`. Stored segments are not changed.
    """

    name: ClassVar[str] = "reword"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"captioned"})
    writes: ClassVar[frozenset[str]] = frozenset({"captioned"})

    by: Annotated[str, Field(min_length=1, description="the list of answers about `segments.windows`")] = "rewritten"

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", type(self).reads | {self.by})

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield self._apply

    def _apply(self, row: Row) -> Row:
        answers = row[self.by] or []
        if not isinstance(answers, list) or not all(isinstance(item, dict) and "index" in item for item in answers):
            raise ItemError("invalid", f"{self.by} is not a list of answers about segments.windows")
        said = {item["index"]: item["text"] for item in answers if item["valid"]}
        reworded = []
        at = 0
        for segment in row["captioned"]:
            windows = [{**w, "text": said.get(at + k, w["text"])} for k, w in enumerate(segment["windows"])]
            reworded.append({**segment, "windows": windows})
            at += len(windows)
        return {**row, "captioned": reworded}
