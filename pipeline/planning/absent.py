"""Segments that a parent lacks for good: which rows are made without them, and which are not made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from operators.store.store import MAX_PASSES, Failed
from pipeline.planning.outcomes import DONE, FAILED
from pipeline.planning.states import States
from pipeline.planning.videos import Ints, Mask


@dataclass(frozen=True, kw_only=True)
class Absent:
    """What the parents of a table of segments lack, with all segments of the plan end to end.

    Attributes:
        without: table -> which segments are made without its row.
        lost: place of a segment that is not made -> the failure of the parent that it needs.
    """

    without: Mapping[str, Mask] = field(default_factory=dict)
    lost: Mapping[int, Failed] = field(default_factory=dict)

    def marks(self, begins: Ints, counts: Ints) -> dict[int, list[tuple[str, list[int]]]]:
        """Position of a video -> each table that some of its segments are made without, and the indices of those."""
        found: dict[int, list[tuple[str, list[int]]]] = {}
        for table in sorted(self.without):
            places = np.flatnonzero(self.without[table])
            of = np.searchsorted(begins + counts, places, side="right")
            for i in np.unique(of).tolist():
                found.setdefault(i, []).append((table, (places[of == i] - begins[i]).tolist()))
        return found


def absent_of(
    parents: Mapping[str, States],
    foreign: frozenset[str],
    missing: Literal["partial", "fail"],
    suffices: Callable[[frozenset[str]], bool],
) -> Absent:
    """Sort the segments that parents lack for good.

    A segment is made without some parents where at least one of them has its row, and where the steps find there all
    that they read. Where only parents of finished outputs lack it, it is tried, and its failure says so.

    Args:
        parents: those that are of segments, by table.
        foreign: those of finished outputs: what is not there will not be made.
        missing: of the table; see `pipeline.config.table.TableSpec`.
        suffices: whether the steps can do without these parents.
    """
    names = list(parents)
    if not names:
        return Absent()
    gone = {n: s.state != DONE if n in foreign else s.state == FAILED for n, s in parents.items()}
    codes = sum(gone[name].astype(np.int64) << bit for bit, name in enumerate(names))
    without: dict[str, Mask] = {}
    lost: dict[int, Failed] = {}
    for code in np.unique(codes[codes > 0]).tolist():
        lacking = [name for bit, name in enumerate(names) if code >> bit & 1]
        here = codes == code
        if missing == "partial" and len(lacking) < len(names) and suffices(frozenset(lacking)):
            for name in lacking:
                without[name] = without.get(name, False) | here
        elif own := next((name for name in lacking if name not in foreign), None):
            unknown = Failed(own, "internal", f"{own} has no row of it", attempts=0, passes=MAX_PASSES)
            lost |= {place: parents[own].tries.get(place, unknown) for place in np.flatnonzero(here).tolist()}
    return Absent(without=without, lost=lost)
