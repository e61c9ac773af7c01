"""Which videos are wanted: bounds on what a whole video measures, asked before anything is narrated."""

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
_SHARES = ("motion", "moving_camera", "still", "duplicate", "text_share", *_HEARD)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a column must lie within, both ends allowed."""

    min: Annotated[float | None, Field(ge=0, description="least that is wanted; null: no bound")] = None
    max: Annotated[float | None, Field(ge=0, description="most that is wanted; null: no bound")] = None

    def __post_init__(self) -> None:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min is {self.min:g} and max is {self.max:g}; nothing lies between them: swap them")

    def hold(self, value: float) -> bool:
        """Whether `value` lies within."""
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    def text(self) -> str:
        """Such as "at least 0.1 and at most 0.5"; empty without bounds."""
        ends = (("at least", self.min), ("at most", self.max))
        return " and ".join(f"{word} {end:g}" for word, end in ends if end is not None)


@dataclass(frozen=True, kw_only=True)
class Among:
    """Which values of a column of texts are wanted."""

    among: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...], Field(description="those that are wanted; []: all are")
    ] = ()

    def hold(self, value: str) -> bool:
        """Whether `value` is one of them."""
        return not self.among or value in self.among

    def text(self) -> str:
        """Such as "one of de, en"; empty where all are wanted."""
        return f"one of {', '.join(self.among)}" if self.among else ""


@dataclass(frozen=True, kw_only=True)
class Filter(Operator):
    """Bounds on columns of the dataset, shares being 0 to 1. A video that misses one is not narrated and stands in the
    table `filtered`, with the reason; what was not measured misses nothing. See docs/filter.md.

    Reads `captioned` (see `operators.narrate.narrate`); writes what the video measures (`operators.analysis.columns`)
    and `filtered`: the bounds that it misses, rows of `structs.MISS`, None where it keeps them all.
    """

    name: ClassVar[str] = "filter"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "narrate"
    reads: ClassVar[frozenset[str]] = frozenset({"captioned", "segments", "duration_s"})
    may_read: ClassVar[frozenset[str]] = frozenset({*_HEARD, "speech_language"})
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

    def __post_init__(self) -> None:
        for name in _SHARES:
            for end in ("min", "max"):
                bound = getattr(getattr(self, name), end)
                if bound is not None and bound > 1:
                    raise ValueError(f"{name}.{end} is {bound:g}; it is a share, from 0 to 1")

    @property
    def limits(self) -> dict[str, Bounds | Among]:
        """Column -> bounds, of those that have any."""
        every = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: bounds for name, bounds in every.items() if bounds.text()}

    def misses(self, row: Mapping[str, Any]) -> list[Row]:
        """Rows of `structs.MISS`: the bounds that the columns in `row` miss; one that is None or absent misses none."""
        return [
            _miss(name, row[name], bounds)
            for name, bounds in self.limits.items()
            if row.get(name) is not None and not bounds.hold(row[name])
        ]

    def unmeasured(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """Columns that have bounds and no value in `row`."""
        return tuple(name for name in self.limits if row.get(name) is None)

    def text(self) -> str:
        """The bounds as one line; empty where there are none."""
        return ", ".join(f"{name} {bounds.text()}" for name, bounds in self.limits.items())

    def dump(self) -> str | None:
        """The bounds as JSON, for `parse`; None where there are none."""
        limits = {name: asdict(bounds) for name, bounds in self.limits.items()}
        return json.dumps(limits) if limits else None

    @staticmethod
    def parse(text: str | None) -> Filter:
        """What `dump` wrote."""
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
    """Misses as one plain line, such as "motion is 0.01, wanted is at least 0.05"."""
    return "; ".join(
        f"{m['column']} is none of those that are wanted"
        if m["value"] is None
        else f"{m['column']} is {m['value']:g}, wanted is {Bounds(min=m['min'], max=m['max']).text()}"
        for m in misses
    )


def _miss(name: str, value: Any, bounds: Bounds | Among) -> Row:
    """A row of `structs.MISS`; the value of a column of texts stands in the column itself."""
    if isinstance(bounds, Among):
        return {"column": name, "value": None, "min": None, "max": None}
    return {"column": name, "value": float(value), "min": bounds.min, "max": bounds.max}
