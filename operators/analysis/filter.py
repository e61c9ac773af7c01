"""The operator `filter`: bounds on measurements of whole videos, applied before narration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any, ClassVar

from pydantic import Field

from operators.analysis.columns import Columns, columns_of
from operators.analysis.facts import Facts
from operators.core.base import Apply, Level, Operator, Row

_HEARD = ("speech_share", "silence_share", "music_share")
_SCORED = ("match_score", "rating")
_SHARES = ("motion", "moving_camera", "still", "duplicate", "text_share", *_HEARD)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Inclusive bounds of a column."""

    min: Annotated[float | None, Field(ge=0, description="minimum; null: no bound")] = None
    max: Annotated[float | None, Field(ge=0, description="maximum; null: no bound")] = None

    def __post_init__(self) -> None:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min is {self.min:g} and max is {self.max:g}; min must not be above max: swap them")

    def hold(self, value: float) -> bool:
        """Return whether `value` is within the bounds."""
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    def text(self) -> str:
        """Return text such as "at least 0.1 and at most 0.5"; empty without bounds."""
        ends = (("at least", self.min), ("at most", self.max))
        return " and ".join(f"{word} {end:g}" for word, end in ends if end is not None)


@dataclass(frozen=True, kw_only=True)
class Among:
    """The allowed values of a text column."""

    among: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...], Field(description="the allowed values; []: all")
    ] = ()

    def hold(self, value: str) -> bool:
        """Return whether `value` is allowed."""
        return not self.among or value in self.among

    def text(self) -> str:
        """Return text such as "one of de, en"; empty if all are allowed."""
        return f"one of {', '.join(self.among)}" if self.among else ""


@dataclass(frozen=True, kw_only=True)
class Filter(Operator):
    """Bounds on columns of the dataset, with shares from 0 to 1. A video outside of a bound is not narrated; it is
    stored in the table `filtered` with the reason. Values that were not measured satisfy all bounds. See
    docs/filter.md.

    Reads `captioned` (see `operators.narrate.narrate`). Writes the measurements of the video
    (`operators.analysis.columns`) and `filtered`: the violated bounds as rows of `structs.MISS`, None if there are
    none.
    """

    name: ClassVar[str] = "filter"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"captioned", "segments", "duration_s"})
    may_read: ClassVar[frozenset[str]] = frozenset({*_HEARD, "speech_language", *_SCORED})
    writes: ClassVar[frozenset[str]] = frozenset({*Columns.__annotations__, "filtered"})

    duration_s: Bounds = field(default_factory=Bounds)
    motion: Bounds = field(default_factory=Bounds)
    moving_camera: Bounds = field(default_factory=Bounds)
    still: Bounds = field(default_factory=Bounds)
    duplicate: Bounds = field(default_factory=Bounds)
    text_share: Bounds = field(default_factory=Bounds)
    shots: Bounds = field(default_factory=Bounds)
    longest_shot_s: Bounds = field(default_factory=Bounds)
    speech_share: Bounds = field(default_factory=Bounds)
    silence_share: Bounds = field(default_factory=Bounds)
    music_share: Bounds = field(default_factory=Bounds)
    speech_language: Among = field(default_factory=Among)
    match_score: Bounds = field(default_factory=Bounds)
    rating: Bounds = field(default_factory=Bounds)

    def __post_init__(self) -> None:
        for name in _SHARES:
            for end in ("min", "max"):
                bound = getattr(getattr(self, name), end)
                if bound is not None and bound > 1:
                    raise ValueError(f"{name}.{end} is {bound:g}; it must be a share from 0 to 1")

    @property
    def limits(self) -> dict[str, Bounds | Among]:
        """Return column -> bounds, for the columns with bounds."""
        every = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: bounds for name, bounds in every.items() if bounds.text()}

    def misses(self, row: Mapping[str, Any]) -> list[Row]:
        """Return rows of `structs.MISS`: the bounds that the columns in `row` violate; missing values violate none."""
        return [
            _miss(name, row[name], bounds)
            for name, bounds in self.limits.items()
            if row.get(name) is not None and not bounds.hold(row[name])
        ]

    def unmeasured(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the columns with bounds that have no value in `row`."""
        return tuple(name for name in self.limits if row.get(name) is None)

    def text(self) -> str:
        """Return the bounds as one line; empty if there are none."""
        return ", ".join(f"{name} {bounds.text()}" for name, bounds in self.limits.items())

    def dump(self) -> str | None:
        """Return the bounds as JSON, for `parse`; None if there are none."""
        limits = {name: asdict(bounds) for name, bounds in self.limits.items()}
        return json.dumps(limits) if limits else None

    @staticmethod
    def parse(text: str | None) -> Filter:
        """Parse the output of `dump`."""
        limits: dict[str, Any] = {}
        for name, said in json.loads(text or "{}").items():
            limits[name] = Among(among=tuple(said["among"])) if "among" in said else Bounds(**said)
        return Filter(**limits)

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield self._apply

    def _apply(self, row: Row) -> Row:
        measured = [facts for s in row["captioned"] if (facts := Facts.of(s)) is not None]
        facts = Facts.merge(measured) if measured else None
        row = {**row, **columns_of(facts, whole=len(measured) == row["segments"])}
        return {**row, "filtered": self.misses(row) or None}


def reason_of(misses: Sequence[Row]) -> str:
    """Describe misses in one line, such as "motion is 0.01, wanted is at least 0.05"."""
    return "; ".join(
        f"{m['column']} is none of those that are wanted"
        if m["value"] is None
        else f"{m['column']} is {m['value']:g}, wanted is {Bounds(min=m['min'], max=m['max']).text()}"
        for m in misses
    )


def _miss(name: str, value: Any, bounds: Bounds | Among) -> Row:
    """Return a row of `structs.MISS`; the value of a text column is in the column itself."""
    if isinstance(bounds, Among):
        return {"column": name, "value": None, "min": None, "max": None}
    return {"column": name, "value": float(value), "min": bounds.min, "max": bounds.max}
