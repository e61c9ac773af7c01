"""The operator `probe`: finds out what a video is before anything is planned for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal

from operators.base import Apply, Row
from operators.rows import VIDEO_FACTS
from operators.video.facts import probe
from operators.video.limits import Isolated

__all__ = ["Probe", "probe"]


@dataclass(frozen=True, kw_only=True)
class Probe(Isolated):
    """Adds the facts of `row["uri"]` (see `operators.video.facts.probe`), found in a process that may die."""

    name: ClassVar[str] = "probe"
    version: ClassVar[int] = 2
    pool: ClassVar[Literal["decode", "caption", "narrate"]] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"uri", "source_version"})
    writes: ClassVar[frozenset[str]] = frozenset(field.name for field in VIDEO_FACTS)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        """Yields the function that adds the facts to a row; it raises `ItemError` for what cannot be captioned."""
        with self.child() as child:

            def apply(row: Row) -> Row:
                asked = {"uri": row.get("access_uri") or row["uri"], "version": row.get("source_version")}
                once = ("pyav", "operators.video.facts:probe", asked)
                facts, _, _ = child.run_first([once, once])
                return {**row, **facts}

            yield apply
