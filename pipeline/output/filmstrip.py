"""Decode frames of a video of an output at given times to small JPEGs, for filmstrips in reports and the viewer.

Decoding runs in a child process, as in a run. The file is decoded only if its version is the captioned one, so that no
frame of another video is shown with a caption.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from operators.core.base import ItemError
from operators.video.frames import SAMPLE_JOB
from operators.video.images import to_jpeg
from operators.video.isolation import DecodeChild
from operators.video.protocol import LAST_RESORTS, Backend
from operators.video.size import Size

_AT_ONCE = 64  # frames per request; the pixels of one request are in memory simultaneously
_TRIES: tuple[Backend, ...] = ("pyav", *LAST_RESORTS)
_NEEDED = ("uri", "first_pts_s", "duration_s")


@dataclass(frozen=True, kw_only=True)
class Still:
    """One frame of a video.

    Attributes:
        requested_s: the requested time, seconds from the first presented frame.
        time_s: start of the frame that is on screen at `requested_s`, seconds on the same clock.
        pts_s: the same time on the container's clock.
        jpeg: the JPEG file: RGB, upright, square pixels.
        width_px, height_px: size of the JPEG.
    """

    requested_s: float
    time_s: float
    pts_s: float
    jpeg: bytes = field(repr=False)
    width_px: int
    height_px: int

    @property
    def data_uri(self) -> str:
        """The JPEG as a `data:` URI, for self-contained pages."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode()}"


class Filmstrip:
    """Decodes frames of one video after another in one child process. It is thread-safe; calls are serialised.

    Args:
        short_side_px: short side of the frames, which are never enlarged.
        quality: JPEG quality, 30 to 100.
        time_limit_s: wall-clock limit for a batch of frames, seconds.
    """

    def __init__(self, *, short_side_px: int = 120, quality: int = 75, time_limit_s: float = 60.0) -> None:
        self._size = Size(short_side_px=short_side_px)
        self._quality = quality
        self._child = DecodeChild(time_limit_s=time_limit_s, no_progress_s=min(30.0, time_limit_s))

    def at(self, video: Mapping[str, Any], times_s: Sequence[float], *, uri: str | None = None) -> list[Still]:
        """Return the frames that are on screen at `times_s`, ordered by time.

        Args:
            video: a row of `rows.VIDEO`: its `uri`, `first_pts_s`, `duration_s`, `parts` and `source_version` are
                used. A row of `rows.LONG_CAPTION` lacks `parts`, which only a video with several clocks needs.
            times_s: seconds from the first presented frame, in any order; clamped to the video.
            uri: where to read the video; None: `video["uri"]`, which is stored without a signature.

        Returns:
            One frame per time; damaged parts of the video have none.

        Raises:
            ItemError: the video cannot be read (class unreadable, undecodable, storage, timeout, …), or is no longer
                the captioned version (changed).
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
    """Return `count` evenly spaced times, each in the middle of its part of the video."""
    return [(k + 0.5) * duration_s / count for k in range(count)]
