"""Frames of a video of an output at given times, as small JPEGs: for filmstrips in reports and in the viewer.

Decoding runs in a child process, as in a run. The file is decoded only if it still is the version that was captioned,
so that no frame of another video stands beside a caption.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from operators.core.base import ItemError
from operators.video.frames import SAMPLE_JOB
from operators.video.isolation import DecodeChild
from operators.video.pictures import to_jpeg
from operators.video.protocol import LAST_RESORTS, Backend
from operators.video.size import Size

_AT_ONCE = 64  # frames a job: the pixels of all of them are in memory at the same time
_TRIES: tuple[Backend, ...] = ("pyav", *LAST_RESORTS)
_NEEDED = ("uri", "first_pts_s", "duration_s")


@dataclass(frozen=True, kw_only=True)
class Still:
    """One frame of a video.

    Attributes:
        requested_s: the time that was asked for, seconds from the first presented frame.
        time_s: when this frame begins to be shown, on the same clock; it is the one on screen at `requested_s`.
        pts_s: the same on the container's clock.
        jpeg: RGB, upright, square pixels.
        width_px, height_px: its size.
    """

    requested_s: float
    time_s: float
    pts_s: float
    jpeg: bytes = field(repr=False)
    width_px: int
    height_px: int

    @property
    def data_uri(self) -> str:
        """The JPEG as a `data:` URI, for a page that is one file."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode()}"


class Filmstrip:
    """Decodes frames of one video after the other, in one child process. Callers in several threads take turns.

    Args:
        short_side_px: of the frames; they are never enlarged.
        quality: of the JPEGs, 30 to 100.
        time_limit_s: wall-clock seconds that a batch of frames may take.
    """

    def __init__(self, *, short_side_px: int = 120, quality: int = 75, time_limit_s: float = 60.0) -> None:
        self._size = Size(short_side_px=short_side_px)
        self._quality = quality
        self._child = DecodeChild(time_limit_s=time_limit_s, no_progress_s=min(30.0, time_limit_s))

    def at(self, video: Mapping[str, Any], times_s: Sequence[float], *, uri: str | None = None) -> list[Still]:
        """The frames that are on screen at `times_s`, in order of time.

        Args:
            video: a row of `rows.VIDEO`: its `uri`, `first_pts_s`, `duration_s`, `parts` and `source_version` are
                used. A row of `rows.LONG_CAPTION` lacks `parts`, which only a video with several clocks needs.
            times_s: seconds from the first presented frame, any order. One before 0 counts as 0, one past the end as
                the last moment of the video.
            uri: where to read it; None: at `video["uri"]`, whose signature is not stored.

        Returns:
            One a time that has a frame: damaged stretches have none.

        Raises:
            ItemError: the video cannot be read (class unreadable, undecodable, storage, timeout, …), or is not the one
                that was captioned any more (changed).
        """
        if any(video.get(name) is None for name in _NEEDED):
            raise ItemError("unreadable", f"{video.get('uri')} could not be probed, so it has no frames")
        end_s = max(0.0, float(video["duration_s"]) - 1e-3)
        wanted = sorted({min(max(0.0, t), end_s) for t in times_s})
        stills: list[Still] = []
        for start in range(0, len(wanted), _AT_ONCE):
            stills += self._decode(video, wanted[start : start + _AT_ONCE], uri or video["uri"])
        return stills

    def close(self) -> None:
        """End the child process."""
        self._child.close()

    def __enter__(self) -> Filmstrip:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _decode(self, video: Mapping[str, Any], times_s: list[float], uri: str) -> list[Still]:
        job = {
            "uri": uri,
            "version": video.get("source_version"),
            "first_pts_s": video["first_pts_s"],
            "parts": video.get("parts"),
            "times_s": times_s,
            "size": self._size,
        }
        found = self._child.run_first([(b, SAMPLE_JOB, {**job, "backend": b}) for b in _TRIES])[0]
        return [
            Still(
                requested_s=one["requested_s"],
                time_s=one["time_s"],
                pts_s=one["pts_s"],
                jpeg=to_jpeg(one["pixels"], self._quality),
                width_px=one["pixels"].shape[1],
                height_px=one["pixels"].shape[0],
            )
            for one in found
        ]


def spread(duration_s: float, count: int) -> list[float]:
    """`count` times, evenly spaced, each in the middle of its stretch of the video."""
    return [(k + 0.5) * duration_s / count for k in range(count)]
