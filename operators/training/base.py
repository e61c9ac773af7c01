"""What the operators of this folder have in common: where events come from, and the column `items`."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from operators.core.base import Apply, Level, Needs, Operator, Row
from operators.core.fingerprint import digest
from operators.training.timeline import READS, Source

SPANS = pa.list_(pa.struct([pa.field("start_s", pa.float64()), pa.field("end_s", pa.float64())]))


@dataclass(frozen=True, kw_only=True)
class FromCaptions(Operator):
    """An operator that makes `items` of a finished video; a video that gives none has an empty list."""

    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "training"
    reads: ClassVar[frozenset[str]] = READS
    writes: ClassVar[frozenset[str]] = frozenset({"items"})

    source: Annotated[Source, Field(description="unit that counts as an event: a sentence, a section or a window")] = (
        "sentences"
    )
    seed: Annotated[int, Field(description="seed of the selection of items")] = 0

    @abc.abstractmethod
    def items(self, row: Row) -> list[dict[str, Any]]:
        """The items of one video."""

    def made(self, row: Row) -> dict[str, Any]:
        """The columns of `writes`."""
        return {"items": self.items(row)}

    def needs(self) -> Needs:
        return Needs(cpus=0.5)

    def draw(self, row: Row) -> Random:
        """Draws the same for the same video and seed, on any machine."""
        return Random(digest([self.name, self.seed, row["video_id"]]))

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, **self.made(row)}
