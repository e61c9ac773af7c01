"""A title for each long caption."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field

from longcap_example.shout import Shout
from operators.core.base import Apply, Level, Operator, Row
from operators.engines.base import Request
from operators.engines.registry import AnyEngine
from operators.engines.shared import shared


@dataclass(frozen=True, kw_only=True)
class Headline(Operator):
    """Asks an engine for a title of the caption; writes `headline`."""

    name: ClassVar[str] = "headline"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"caption", "duration_s"})
    writes: ClassVar[frozenset[str]] = frozenset({"headline"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"headline": pa.string()}

    engine: Annotated[AnyEngine, Field(description="what writes the title")] = field(default_factory=Shout)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        with shared(self.engine) as engine:  # booted once in an actor, whoever else uses the same

            def apply(row: Row) -> Row:
                prompt = f"Write a title for this text:\n{row['caption']}"
                request = Request(kind="headline", start_s=0.0, end_s=row["duration_s"], prompt=prompt)
                return {**row, "headline": engine.submit(request).result().text}

            yield apply
