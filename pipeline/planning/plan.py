"""The plan: the videos of a run and their segments. `pipeline.planning.diff` compares it with the store.

Completed work is determined by the store alone. The same comparison starts a run, resumes one, and finds work that a
lost hint or a dead actor left undone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from operators.core import rows
from operators.core.base import Row
from operators.core.fingerprint import digest
from operators.core.keys import caption_keys
from operators.store.store import Failed
from operators.video.plausible import MAX_DURATION_S, check_length
from pipeline.config.parents import speech_parent
from pipeline.config.table import TableSpec
from pipeline.config.tables import narrator, parents_of, segment_operators, strict, tables_of
from pipeline.config.types import Config
from pipeline.planning.videos import Cut, Mask, Videos
from pipeline.sources.selection import Selection

_FAR = 4.0  # a far longer video has this many times the mean duration
PLANNED = pa.schema(
    [
        pa.field("video_id", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("key", pa.string()),  # key of its captions; this and the following are null if it cannot be captioned
        pa.field("segment_count", pa.int32()),
        pa.field("duration_s", pa.float64()),
        pa.field("window_s", pa.float64()),
        pa.field("stride_s", pa.float64()),
        pa.field("segment_s", pa.float64()),
        pa.field("window_rule", pa.string()),  # how windows are placed: operators.core.windows.WindowRule
        pa.field("min_shot_s", pa.float64()),
        pa.field("line_reach_s", pa.float64()),  # this and the next two are null unless windows follow lines
        pa.field("speech", pa.string()),  # name of the table that has the lines
        pa.field("speech_key", pa.string()),  # key of the video's row there; null: no row, windows follow the grid
        pa.field("narrator", pa.string()),  # key of its long caption
        pa.field("strict", pa.bool_()),  # true: a video with a failed segment gets no row
        pa.field("filter", pa.string()),  # bounds of operators.analysis.filter.Filter as JSON; null: none
    ]
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All videos of a run, in the order of processing."""

    config: Config
    videos: Videos
    unusable: list[Row]  # rows of `rows.VIDEO` with `failure` set: they cannot be captioned
    parent_keys: Mapping[str, Sequence[str | None]] = field(default_factory=dict)  # of the segments' parents, by table
    without: Mapping[str, Mask] = field(default_factory=dict)  # see `absent.Absent`
    lost: Mapping[int, Failed] = field(default_factory=dict)  # see `absent.Absent`
    ignored: dict[str, int] = field(default_factory=dict)
    beside: Mapping[str, Sequence[str | None]] = field(default_factory=dict)  # of the other parents of long captions
    apart: Sequence[str] = ()  # for each video, what those keys contain beyond the config
    refused: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # see `Derived.refused`, for both tables

    @cached_property
    def narrators(self) -> list[str]:
        """The key of the long caption of each video. It depends on the config and, if a parent's row is missing or was
        made in an unusual way, on that as well, so that the caption is made again once that changes."""
        own = narrator(self.config)
        return [digest([own, said]) if said else own for said in self.apart] or [own] * len(self.videos)

    @cached_property
    def tables(self) -> dict[str, TableSpec]:
        """The tables of the config, parents first."""
        return tables_of(self.config)

    @cached_property
    def sources(self) -> list[tuple[str, str]]:
        """Id of each video, and what its rows depend on: its version and, if it has several clocks, its parts."""
        return list(zip(self.videos.ids, _versions(self.videos.facts), strict=True))

    @cached_property
    def unwanted(self) -> Mask:
        """Mask of the videos that the filter excludes by their duration, which is known before anything is decoded.

        Nothing more is made of them, in any table. A job that reads finished outputs makes no dataset to filter.
        """
        bounds, lengths = self.config.filter.duration_s, self.videos.durations_s
        if "dataset" not in self.tables:
            return np.zeros(len(lengths), bool)
        return (lengths < (-np.inf if bounds.min is None else bounds.min)) | (
            lengths > (np.inf if bounds.max is None else bounds.max)
        )

    @property
    def seconds(self) -> float:
        return float(self.videos.durations_s.sum())

    @property
    def segments(self) -> int:
        return int(self.videos.counts.sum())

    @property
    def windows(self) -> int:
        return int(self.videos.cut.windows(self.videos.durations_s).sum())

    @property
    def frames(self) -> int:
        fps = self.config.decode.grid_fps  # the same count as operators.core.grid.frame_times
        return int(np.ceil(self.videos.durations_s * fps - 1e-6).sum())

    def table(self) -> pa.Table:
        """Return the table with which `longcap verify` compares an output: one row of `PLANNED` per video."""
        videos, cut = self.videos, self.videos.cut
        by_lines = self.config.plan.windows == "lines" and "segments" in self.tables
        speech = speech_parent(self.config, self.tables, self.tables["segments"]) if by_lines else None
        every = {
            "window_s": cut.window_s,
            "stride_s": cut.stride_s,
            "segment_s": cut.segment_s,
            "window_rule": self.config.plan.windows,
            "min_shot_s": self.config.plan.min_shot_s,
            "line_reach_s": self.config.plan.line_reach_s if speech else None,
            "speech": speech,
            "strict": strict(self.config),
            "filter": self.config.filter.dump(),
        }
        columns = {
            "video_id": videos.facts["video_id"],
            "uri": videos.facts["uri"],
            "key": pa.array(videos.keys, pa.string()),
            "segment_count": videos.counts.astype(np.int32),
            "duration_s": videos.durations_s,
            "narrator": pa.array(self.narrators, pa.string()),
            "speech_key": pa.array(self.parent_keys.get(speech or "", [None] * len(videos)), pa.string()),
            **{n: pa.repeat(pa.scalar(value, PLANNED.field(n).type), len(videos)) for n, value in every.items()},
        }
        usable = pa.table([columns[name] for name in PLANNED.names], schema=PLANNED)
        unusable = [{"video_id": v["video_id"], "uri": v["uri"]} for v in self.unusable]
        return pa.concat_tables([usable, pa.Table.from_pylist(unusable, schema=PLANNED)])


def make_plan(config: Config, probed: pa.Table | Sequence[Row], selection: Selection, ignored: dict[str, int]) -> Plan:
    """Return the plan for probed videos (`rows.VIDEO`, with or without `access_uri`), limited to `max_hours`."""
    table = probed if isinstance(probed, pa.Table) else pa.Table.from_pylist(list(probed), schema=rows.VIDEO)
    if rows.ACCESS_URI.name not in table.column_names:
        table = table.append_column(rows.ACCESS_URI, pa.nulls(table.num_rows, pa.string()))
    failed = pc.is_valid(table["failure"])
    usable, unusable = table.filter(pc.invert(failed)), table.filter(failed).to_pylist()
    usable, refused = _bounded(usable)
    unusable += refused
    if selection.max_hours is not None:  # a video that begins below the limit is included completely
        lengths = usable["duration_s"].to_numpy()
        usable = usable.filter(pa.array(np.cumsum(lengths) - lengths < selection.max_hours * 3600))
    usable = _long_first(usable)
    cut = Cut(
        window_s=config.plan.window_s,
        stride_s=config.plan.stride_s,
        segment_s=config.plan.segment_s,
        reach_s=config.plan.line_reach_s if config.plan.windows == "lines" else 0.0,
    )
    sources = zip(usable["video_id"].to_pylist(), _versions(usable), strict=True)
    parents = parents_of(config, "segments")
    keys = list(caption_keys(sources, config.plan.segment_s, segment_operators(config), parents))
    return Plan(config=config, videos=Videos(usable, keys, cut), unusable=unusable, ignored=ignored)


def _long_first(usable: pa.Table) -> pa.Table:
    """Sort videos that are far longer than the others to the front, and keep the listed order otherwise.

    A long film is narrated section by section after all its segments are captioned; if it started last, it would delay
    the end of the run.
    """
    lengths = usable["duration_s"].to_numpy()
    far = lengths > _FAR * lengths.mean() if len(lengths) else lengths > 0
    if not far.any():
        return usable
    films = np.flatnonzero(far)
    return usable.take(np.concatenate([films[np.argsort(-lengths[films], kind="stable")], np.flatnonzero(~far)]))


def _versions(usable: pa.Table) -> list[str]:
    """Return what the captions of each video depend on: its version and, if it has several clocks, its parts."""
    versions, parts = usable["source_version"].to_pylist(), usable["parts"].to_pylist()
    return [f"{version}\n{some}" if some else version for version, some in zip(versions, parts, strict=True)]


def _bounded(usable: pa.Table) -> tuple[pa.Table, list[Row]]:
    """Return the videos whose duration can be planned, and the others with their failure.

    `probe` refuses such durations; this check bounds the memory of the plan for any table.
    """
    lengths = usable["duration_s"].to_numpy(zero_copy_only=False).astype(np.float64)
    good = (lengths > 0) & (lengths <= MAX_DURATION_S)
    if good.all():
        return usable, []
    refused = usable.filter(pa.array(~good)).to_pylist()
    for row in refused:
        length = math.nan if row["duration_s"] is None else row["duration_s"]
        message = f"{row['uri']}: {check_length(length)}"
        row["failure"] = {"stage": "probe", "class": "undecodable", "message": message, "attempts": 1}
    return usable.filter(pa.array(good)), refused
