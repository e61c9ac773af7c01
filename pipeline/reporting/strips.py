"""Filmstrips for pages: a few small frames per video, within a time limit."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from operators.core.base import ItemError, Row
from operators.store.store import Store
from pipeline.output.filmstrip import Filmstrip, Still, spread

FRAMES = 6
SHORT_SIDE_PX = 90
_QUALITY = 60  # 20 strips of such frames are about half a megabyte
_LEAST_S = 1.0  # least remaining time to start another video
_VIDEO_LIMIT_S = 20.0


@dataclass(frozen=True)
class Strip:
    """Frames of one video, or the reason why there are none."""

    stills: Sequence[Still] = ()
    problem: str | None = None


@dataclass
class Strips:
    """Filmstrips by video id; videos are decoded one after the other.

    Args:
        limit_s: seconds for all of them together; videos beyond the limit get a strip with a note.
    """

    store: Store
    limit_s: float
    made: dict[str, Strip] = field(default_factory=dict)

    def make(self, video_ids: Iterable[str], *, frames: int = FRAMES, short_side_px: int = SHORT_SIDE_PX) -> None:
        """Decode `frames` evenly spaced frames of each video. An unreadable video gets a note instead."""
        wanted = [v for v in dict.fromkeys(video_ids) if v not in self.made]
        if not wanted:
            return
        found = self.store.videos.lookup("video_id", *wanted).to_pylist()
        videos: dict[str, Row] = {row["video_id"]: row for row in found}
        end = time.monotonic() + self.limit_s
        limit_s = max(_LEAST_S, min(self.limit_s, _VIDEO_LIMIT_S))
        with Filmstrip(short_side_px=short_side_px, quality=_QUALITY, time_limit_s=limit_s) as film:
            for video_id in wanted:
                self.made[video_id] = (
                    _strip(film, videos[video_id], frames)
                    if video_id in videos and time.monotonic() + _LEAST_S < end
                    else Strip(problem="no frames: the time limit was reached before this video")
                )


def _strip(film: Filmstrip, video: Row, frames: int) -> Strip:
    if video["duration_s"] is None:
        return Strip(problem="no frames: the video could not be probed")
    try:
        stills = film.at(video, spread(video["duration_s"], frames))
    except ItemError as error:
        return Strip(problem=f"no frames: {error.message}")
    distinct = {still.pts_s: still for still in stills}  # a short video has fewer than requested
    return Strip(stills=list(distinct.values())) if distinct else Strip(problem="no frames could be decoded")
