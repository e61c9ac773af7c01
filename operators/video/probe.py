"""The operator `probe`: finds out what a video is before anything is planned for it."""

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
    """Adds the facts of `row["uri"]` (see `operators.video.facts.probe`), found in a process that may die."""

    name: ClassVar[str] = "probe"
    version: ClassVar[int] = 3
    pool: ClassVar[str] = "decode"
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
                return {**row, **plausible(facts, row["uri"])}

            yield apply


def plausible(facts: Row, uri: str) -> Row:
    """The facts as a row may hold them: a number that is not finite, or wider than its column, is not known.

    Raises:
        ItemError: undecodable: it is a fact that nothing can be planned without.
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
