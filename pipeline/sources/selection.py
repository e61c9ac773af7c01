"""Select which of the listed videos a run processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from operators.core.addresses import redacted
from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.core.text import nearest
from operators.store.done import share_of
from pipeline.terminal.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Options that select videos, applied in this order.

    Attributes:
        only: ids, or file names that are unique in the listing; empty selects all videos.
        sample: number of videos, drawn by a hash of the id, so that each run draws the same ones.
        limit: the first `limit` videos.
        max_hours: take no further video once the selected ones reach this duration, hours; applied after probing.
        shard: (i, n): only the i-th of n shards, counted from 1, by a hash of the id; applied first, so that n jobs
                with otherwise equal options share no video. None: all.
        recaption: ids or file names whose captions are made again although they exist.
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
            if value is not None and not 0 < value < math.inf:
                raise UsageError(f"--{name.replace('_', '-')} is {value}; it must be above 0 and finite")
        if self.shard is not None and not 1 <= self.shard[0] <= self.shard[1]:
            i, n = self.shard
            raise UsageError(f"--shard is {i}/{n}; it must be I/N with I from 1 to N, such as 1/4")

    @property
    def share_name(self) -> str:
        """Return the name of the shard that a run on this selection processes: `all`, or such as `1-of-4`."""
        return "all" if self.shard is None else "{}-of-{}".format(*self.shard)

    @property
    def is_part(self) -> bool:
        """Whether a run processes only some of the videos of its share."""
        return bool(self.only) or any(x is not None for x in (self.sample, self.limit, self.max_hours))

    def of(self, listed: Sequence[Row]) -> list[Row]:
        """Return the selected rows, in the order of the listing (without `max_hours`, which needs durations).

        Raises:
            UsageError: `only` names nothing in the listing, or several videos.
        """
        chosen = list(listed)
        if self.shard is not None:
            i, n = self.shard
            chosen = [row for row in chosen if share_of(row["video_id"], n, "job") == i - 1]
        if self.only:
            known = {row["video_id"] for row in listed}  # a retry may name very many
            ids = {name if name in known else _one_of(listed, name) for name in self.only}
            chosen = [row for row in chosen if row["video_id"] in ids]
        if self.sample is not None:
            drawn = sorted(chosen, key=lambda row: digest(["sample", row["video_id"]]))[: self.sample]
            ids = {row["video_id"] for row in drawn}
            chosen = [row for row in chosen if row["video_id"] in ids]
        return chosen[: self.limit]

    def recaptioned(self, listed: Sequence[Row]) -> set[str]:
        """Return the ids that `recaption` names, among the videos of this shard.

        Raises:
            UsageError: a name is of no video in the listing, of several, or of one that another option leaves out.
        """
        if not self.recaption:
            return set()
        named = {_one_of(listed, name): name for name in self.recaption}
        chosen = {row["video_id"] for row in replace(self, shard=None).of(listed)}
        for video_id, name in named.items():
            if video_id not in chosen:
                raise UsageError(f"--recaption {name}: --only, --sample or --limit leave this video out; name it there")
        return named.keys() & {row["video_id"] for row in self.of(listed)}


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
