"""The operator `layout`: windows of a segment without captions, for recipes that caption from stored rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from operators.analysis.facts import Facts, cuts_of
from operators.core.base import ADDED, FROM_PLAN, Apply, Operator, Row
from operators.core.grid import Grid, Span
from operators.core.spoken import talk_of
from operators.core.windows import WindowRule, Windows
from operators.engines.ask import Usage


@dataclass(frozen=True, kw_only=True)
class Layout(Operator):
    """Writes `windows` with their times and without text, and an empty `frames`; a later step, such as `ask`, adds
    texts.

    It decodes nothing. A recipe can therefore caption other windows of stored rows after a change of the section
    `plan`.
    """

    name: ClassVar[str] = "layout"
    version: ClassVar[int] = 1
    pool: ClassVar[str] = "decode"
    reads: ClassVar[frozenset[str]] = frozenset({"start_s", "end_s", "duration_s"})
    may_read: ClassVar[frozenset[str]] = frozenset({"facts", "speech"})
    writes: ClassVar[frozenset[str]] = frozenset({"windows", "frames"})

    window_s: Annotated[float, Field(gt=0, description="length of a window in s"), FROM_PLAN] = 10.0
    stride_s: Annotated[float, Field(gt=0, description="distance between window starts in s"), FROM_PLAN] = 5.0
    windows: Annotated[WindowRule, Field(description="grid, shots or lines, as plan.windows"), FROM_PLAN] = "grid"
    min_shot_s: Annotated[float, Field(ge=0, description="as plan.min_shot_s"), FROM_PLAN] = 0.0
    line_reach_s: Annotated[float, Field(ge=0, description="as plan.line_reach_s"), FROM_PLAN, ADDED] = 5.0

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield self._apply

    def _apply(self, row: Row) -> Row:
        grid = Grid(row["duration_s"], self.window_s, self.stride_s)
        layout = Windows(
            grid=grid,
            rule=self.windows,
            min_shot_s=self.min_shot_s,
            talk=talk_of(row.get("speech")) if self.windows == "lines" else (),
            line_reach_s=self.line_reach_s,
        )
        facts = Facts.parse(row["facts"]) if row.get("facts") else None
        own = layout.of(Span(row["start_s"], row["end_s"]), cuts_of(facts))
        made: list[Row] = [
            {
                "window_index": window.index,
                "start_s": window.span.start_s,
                "end_s": window.span.end_s,
                "text": "",
                "fields": None,
                "pts_s": [],
                "previous_window": None,
                "valid": False,
                "prompt_hash": None,
                "sampling": None,
                "attempts": 0,
                "problem": "it was not asked about",
                "usage": Usage().row(),
            }
            for window in own
        ]
        return {**row, "windows": made, "frames": []}
