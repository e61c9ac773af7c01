"""The keys of the window grid, which belong to the section `plan` and are copied to the captioner.

Configs of earlier versions have them in `caption`, where they are still read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipeline.config.types import Config, PlanOptions
from pipeline.terminal.errors import UsageError

KEYS = ("window_s", "stride_s", "windows", "min_shot_s", "line_reach_s")


def moved(values: Mapping[str, Any]) -> dict[str, Any]:
    """Move the grid's keys of a config, given as plain values, to `plan`.

    Raises:
        UsageError: a key is in both sections with different values.
    """
    caption, plan = values.get("caption"), values.get("plan")
    if not isinstance(caption, Mapping) or not (set(KEYS) & set(caption)) or not isinstance(plan, Mapping | None):
        return dict(values)
    grid = {key: caption[key] for key in KEYS if key in caption}
    for key, value in grid.items():
        if plan is not None and plan.get(key, value) != value:
            raise UsageError(f"plan.{key} is {plan[key]!r} and caption.{key} is {value!r}: leave caption.{key} out")
    rest = {key: value for key, value in caption.items() if key not in KEYS}
    return {**values, "caption": rest, "plan": {**(plan or {}), **grid}}


def with_grid(config: Config) -> Config:
    """The config with the grid of its plan copied to the captioner."""
    return replace(config, caption=replace(config.caption, **{key: getattr(config.plan, key) for key in KEYS}))


def agreed(config: Config) -> Config:
    """Make the grids in `plan` and `caption` equal, for a config that was created in Python.

    Raises:
        UsageError: both are set, to different values.
    """
    default, grid = PlanOptions(), {}
    for key in KEYS:
        planned, captioned, usual = getattr(config.plan, key), getattr(config.caption, key), getattr(default, key)
        if planned != captioned and usual not in (planned, captioned):
            raise UsageError(f"plan.{key} is {planned!r} and caption.{key} is {captioned!r}: leave caption.{key} out")
        grid[key] = captioned if planned == usual else planned
    return with_grid(replace(config, plan=replace(config.plan, **grid)))
