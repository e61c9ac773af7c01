"""The plan: which videos there are, how each is cut, and, compared with the store, what is left to do.

Only the store says what is done. `remaining` is the comparison that starts a run, that resumes one, and that finds what
a lost hint or a dead actor left undone; it reads keys, never texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from operators import rows
from operators.base import Row
from operators.grid import Grid, Span, frame_times
from operators.keys import caption_key, narrator_key, video_key
from operators.store.store import Store, narration_failure_key
from pipeline.config import Config, segment_operators, video_operators
from pipeline.selection import Selection

PLANNED = pa.schema(
    [
        pa.field("video_id", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("key", pa.string()),  # of its captions; null, as all after it, where it cannot be captioned
        pa.field("segment_count", pa.int32()),
        pa.field("duration_s", pa.float64()),
        pa.field("window_s", pa.float64()),
        pa.field("stride_s", pa.float64()),
        pa.field("segment_s", pa.float64()),
        pa.field("narrator", pa.string()),  # key of the video level
        pa.field("strict", pa.bool_()),  # whether a video with a failed segment gets no row
    ]
)


@dataclass(frozen=True, kw_only=True)
class PlannedVideo:
    """One video that can be captioned, and how it is cut."""

    facts: Row
    key: str
    grid: Grid
    segment_s: float
    segment_count: int

    @property
    def video_id(self) -> str:
        return str(self.facts["video_id"])

    def share(self, indices: Iterable[int]) -> float:
        """Share of the video's length that some of its segments are."""
        spans = self.grid.segments(self.segment_s)
        return sum(spans[i].seconds for i in indices) / self.grid.duration_s

    def segments(self, indices: Iterable[int], warm_up: int) -> Iterator[Row]:
        """Rows of `rows.SEGMENT` for some of its segments."""
        spans = self.grid.segments(self.segment_s)
        for index in indices:
            decode = self.grid.decode_span(spans[index], warm_up)
            yield {
                "video_id": self.video_id,
                "uri": self.facts["uri"],
                "subtitles_uri": self.facts["subtitles_uri"],
                "segment_index": index,
                "segment_count": self.segment_count,
                "start_s": spans[index].start_s,
                "end_s": spans[index].end_s,
                "decode_start_s": decode.start_s,
                "decode_end_s": decode.end_s,
                "duration_s": self.grid.duration_s,
                "first_pts_s": self.facts["first_pts_s"],
                "key": self.key,
            }


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """What is left to do, and what has been given up.

    Attributes:
        segments: rows of `rows.SEGMENT` to caption, a video's together.
        whole: videos whose captions are all there and that are not narrated yet.
        given_up: video_id -> why a video will not get a row in this run.
        captioned: how many segments of the plan have their captions.
    """

    segments: list[Row]
    whole: list[PlannedVideo]
    given_up: dict[str, str]
    captioned: int

    @property
    def nothing(self) -> bool:
        return not self.segments and not self.whole


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All videos of a run, in the order in which they are worked on."""

    config: Config
    videos: list[PlannedVideo]
    unusable: list[Row]  # rows of `rows.VIDEO` whose `failure` says why they cannot be captioned
    ignored: dict[str, int] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return sum(v.grid.duration_s for v in self.videos)

    @property
    def segments(self) -> int:
        return sum(v.segment_count for v in self.videos)

    @property
    def windows(self) -> int:
        return sum(v.grid.window_count for v in self.videos)

    @property
    def frames(self) -> int:
        fps = self.config.decode.grid_fps
        return sum(len(frame_times(Span(0.0, v.grid.duration_s), fps)) for v in self.videos)

    def table(self) -> pa.Table:
        """What `longcap verify` compares an output with: one row of `PLANNED` a video."""
        caption, narrator = self.config.caption, narrator_key(video_operators(self.config))
        usable = [
            {
                "video_id": v.video_id,
                "uri": v.facts["uri"],
                "key": v.key,
                "segment_count": v.segment_count,
                "duration_s": v.grid.duration_s,
                "window_s": caption.window_s,
                "stride_s": caption.stride_s,
                "segment_s": v.segment_s,
                "narrator": narrator,
                "strict": self.config.run.on_incomplete == "fail",
            }
            for v in self.videos
        ]
        unusable = [{"video_id": v["video_id"], "uri": v["uri"]} for v in self.unusable]
        return pa.Table.from_pylist([*usable, *unusable], schema=PLANNED)

    def remaining(self, store: Store) -> Remaining:
        """Compare plan and store."""
        narrator, warm_up = narrator_key(video_operators(self.config)), self.config.caption.warm_up()
        done, failed, told = store.done_segments(), store.failed(), store.done_videos()
        segments: list[Row] = []
        whole: list[PlannedVideo] = []
        given_up = {v["video_id"]: v["failure"]["message"] for v in self.unusable}
        for video in self.videos:
            have = done.get(video.key, frozenset())
            tries = {i: f for i in range(video.segment_count) if (f := failed.get((video.key, i))) and i not in have}
            todo = [i for i in range(video.segment_count) if i not in have and not (i in tries and tries[i].final)]
            for row in video.segments(todo, warm_up):
                before = tries.get(row["segment_index"])
                segments.append(
                    {**row, "passes": before.passes if before else 0, "attempts": before.attempts if before else 0}
                )
            strict = bool(tries) and self.config.run.on_incomplete == "fail"
            if todo or (told.get(video.video_id) == video_key(video.key, have, narrator) and not strict):
                continue
            narration = failed.get((narration_failure_key(video.key, narrator), None))
            if not have:
                given_up[video.video_id] = tries[min(tries)].message
            elif strict:
                given_up[video.video_id] = (
                    f"{len(tries)} of {video.segment_count} segments failed (coverage at most {video.share(have):.2f}, "
                    f"run.on_incomplete is fail): {tries[min(tries)].message}"
                )
            elif narration is not None and narration.final:
                given_up[video.video_id] = narration.message
            else:
                whole.append(video)
        captioned = sum(len(done.get(video.key, ())) for video in self.videos)
        return Remaining(segments=segments, whole=whole, given_up=given_up, captioned=captioned)


def make_plan(config: Config, probed: Sequence[Row], selection: Selection, ignored: dict[str, int]) -> Plan:
    """The plan for probed videos (rows of `rows.VIDEO`), cut off where the selection's hours are full."""
    operators = segment_operators(config)
    videos, unusable = [], []
    seconds = 0.0
    for facts in probed:
        if facts["failure"]:
            unusable.append(facts)
            continue
        if selection.max_hours is not None and seconds >= selection.max_hours * 3600:
            continue
        seconds += facts["duration_s"]
        grid = Grid(facts["duration_s"], config.caption.window_s, config.caption.stride_s)
        videos.append(
            PlannedVideo(
                facts=facts,
                key=caption_key(facts["video_id"], facts["source_version"], config.plan.segment_s, operators),
                grid=grid,
                segment_s=config.plan.segment_s,
                segment_count=len(grid.segments(config.plan.segment_s)),
            )
        )
    return Plan(config=config, videos=videos, unusable=unusable, ignored=ignored)


def segment_table(segments: Sequence[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(segments), schema=rows.SEGMENT)
