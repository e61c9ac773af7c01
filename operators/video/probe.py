"""The operator `probe`: determines the facts of a video, from which its processing is planned."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from operators.core.base import Apply, ItemError, Row
from operators.core.rows import VIDEO_FACTS
from operators.core.text import repaired
from operators.video.facts import probe
from operators.video.limits import Isolated

__all__ = ["Probe", "plausible", "probe"]

_NEEDED = frozenset({"duration_s", "width_px", "height_px", "first_pts_s"})


@dataclass(frozen=True, kw_only=True)
class Probe(Isolated):
    """Adds the facts of `row["uri"]` (see `operators.video.facts.probe`), read in an isolated process."""

    name: ClassVar[str] = "probe"
    version: ClassVar[int] = 3
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"uri", "source_version"})
    writes: ClassVar[frozenset[str]] = frozenset(field.name for field in VIDEO_FACTS)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        """Yield the function that adds the facts to a row; it raises `ItemError` if it cannot be captioned."""
        with self.child() as child:

            def apply(row: Row) -> Row:
                asked = {"uri": row.get("access_uri") or row["uri"], "version": row.get("source_version")}
                once = ("pyav", "operators.video.facts:probe", asked)
                facts, _, _ = child.run_first([once, once])
                return {**row, **plausible(facts, row["uri"])}

            yield apply


def plausible(facts: Row, uri: str) -> Row:
    """The facts with null in place of numbers that are not finite or do not fit their column.

    Raises:
        ItemError: class undecodable, if planning needs the fact.
    """
    kinds = {field.name: field.type for field in VIDEO_FACTS}
    sound = {name: _sound(value, kinds[name]) if name in kinds else value for name, value in facts.items()}
    for name in sorted(_NEEDED & set(facts)):
        if sound[name] is None:
            raise ItemError("undecodable", f"{uri}: its header gives no usable {name} ({str(facts[name])[:40]})")
    return sound


def _sound(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, str):
        return repaired(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if pa.types.is_floating(kind):
        return value if math.isfinite(value) else None
    return value if -(2 ** (kind.bit_width - 1)) <= value < 2 ** (kind.bit_width - 1) else None
