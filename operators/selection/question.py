"""`question`: the question about a video, for steps that choose frames, search or answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, ItemError, Level, Operator, Row


@dataclass(frozen=True, kw_only=True)
class Question(Operator):
    """Writes `question`: the key `field` of the video's own metadata, else `text`."""

    name: ClassVar[str] = "question"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"metadata"})
    writes: ClassVar[frozenset[str]] = frozenset({"question"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"question": pa.string()}

    text: Annotated[str | None, Field(description="the question for videos without one in their metadata")] = None
    field: Annotated[str, Field(description="key of the metadata, a column of a manifest")] = "question"

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "question": self._question(row)}

    def _question(self, row: Row) -> str:
        own = json.loads(row["metadata"]).get(self.field) if row["metadata"] else None
        found = own if isinstance(own, str) and own.strip() else self.text
        if not found:
            raise ItemError(
                "invalid", f"it has no question: give its manifest a column {self.field}, or the step a text"
            )
        return found
