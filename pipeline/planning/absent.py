"""Segments that are permanently missing in a parent table: which rows are made without them, and which are not made."""

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
    """The segments that are missing in the parents of a table, by their index among all segments of the plan.

    Attributes:
        without: table -> the segments that are made without a row of this table.
        lost: index of a segment that is not made -> the failure in the required parent.
    """

    without: Mapping[str, Mask] = field(default_factory=dict)
    lost: Mapping[int, Failed] = field(default_factory=dict)

    def marks(self, begins: Ints, counts: Ints) -> dict[int, list[tuple[str, list[int]]]]:
        """Return position of a video -> each table that some of its segments are made without, with their indices."""
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
    """Classify the segments that are permanently missing in parents.

    A segment is made without some parents if at least one parent has its row and the steps find all columns that they
    need there. If only parents in finished outputs lack the row, the segment is tried, and its failure reports it.

    Args:
        parents: the parents of level segment, by table.
        foreign: the parents in finished outputs: rows missing there will not be made.
        missing: `missing` of the table; see `pipeline.config.table.TableSpec`.
        suffices: returns whether the steps can run with only these parents.
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
