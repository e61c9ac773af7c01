"""Which of the listed videos a run is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from operators.core.addresses import redacted
from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.core.text import nearest
from operators.store.done import share_of
from pipeline.terminal.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Applied in this order.

    Attributes:
        only: these ids, or file names that one video alone has; empty: all that is listed.
        sample: so many, drawn by a hash of the id: the same ones each time.
        limit: the first so many.
        max_hours: no further video once those taken make so many hours; counted once the lengths are known.
        shard: (i, n): only the i-th of n shares, from 1, by a hash of the id; applied first, so that n jobs with the
            same other options meet at no video. None: all.
        recaption: ids, or file names, whose captions are made anew although they are there.
    """

    only: tuple[str, ...] = ()
    sample: int | None = None
    limit: int | None = None
    max_hours: float | None = None
    shard: tuple[int, int] | None = None
    recaption: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("sample", "limit", "max_hours"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise UsageError(f"--{name.replace('_', '-')} is {value}; it must be above 0")
        if self.shard is not None and not 1 <= self.shard[0] <= self.shard[1]:
            i, n = self.shard
            raise UsageError(f"--shard is {i}/{n}; it must be I/N with I from 1 to N, such as 1/4")

    @property
    def share_name(self) -> str:
        """The share of the output that a run on this selection is about: `all`, or such as `1-of-4`."""
        return "all" if self.shard is None else "{}-of-{}".format(*self.shard)

    def of(self, listed: Sequence[Row]) -> list[Row]:
        """The selected rows, in the listing's order (all but `max_hours`, which needs lengths).

        Raises:
            UsageError: `only` or `recaption` names something that is not listed, or several things.
        """
        chosen = list(listed)
        if self.shard is not None:
            i, n = self.shard
            chosen = [row for row in chosen if share_of(row["video_id"], n, "job") == i - 1]
        if self.only:
            ids = {_one_of(listed, name) for name in self.only}
            chosen = [row for row in chosen if row["video_id"] in ids]
        if self.sample is not None:
            drawn = sorted(chosen, key=lambda row: digest(["sample", row["video_id"]]))[: self.sample]
            ids = {row["video_id"] for row in drawn}
            chosen = [row for row in chosen if row["video_id"] in ids]
        return chosen[: self.limit]

    def anew(self, listed: Sequence[Row]) -> set[str]:
        """The ids that `recaption` names."""
        return {_one_of(listed, name) for name in self.recaption}


def _one_of(listed: Sequence[Row], name: str) -> str:
    fits = [row for row in listed if row["video_id"] == name] or [
        row for row in listed if row["uri"] == redacted(name) or row["uri"].rsplit("/", 1)[-1] == name
    ]
    if len(fits) == 1:
        return str(fits[0]["video_id"])
    if fits:
        raise UsageError(f"{len(fits)} videos are named {name!r}: {', '.join(r['uri'] for r in fits[:3])}; give the id")
    known = [r["video_id"] for r in listed] + [r["uri"].rsplit("/", 1)[-1] for r in listed]
    raise UsageError(f"no source has the id or the file name {name!r}{nearest(name, known)}".rstrip("."))
