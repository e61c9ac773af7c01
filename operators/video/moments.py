"""Frames of a video at given times, decoded on demand."""

from __future__ import annotations

from collections.abc import Sequence

from operators.core.base import Row
from operators.video.frames import SAMPLE_JOB
from operators.video.images import to_jpeg
from operators.video.isolation import DecodeChild
from operators.video.size import Size

READS = frozenset({"uri", "source_version", "first_pts_s", "parts"})
"""Columns of a video that `frames_at` reads."""

_QUALITY = 90


def frames_at(child: DecodeChild, row: Row, times_s: Sequence[float], size: Size) -> list[Row]:
    """The frames on screen at `times_s` as `operators.core.structs.FRAME_IMAGE`, in order; undecodable ones are
    missing.

    Raises:
        ItemError: the input cannot be read, changed after it was probed, or made the decoder fail twice.
    """
    if not times_s:
        return []
    job = {
        "uri": row.get("access_uri") or row["uri"],
        "backend": "pyav",
        "first_pts_s": float(row["first_pts_s"] or 0.0),
        "parts": row.get("parts"),
        "times_s": list(times_s),
        "size": size,
        "version": row.get("source_version"),
    }
    found = child.run_first([("pyav", SAMPLE_JOB, job)] * 2)[0]
    return [
        {
            "time_s": float(frame["requested_s"]),
            "pts_s": frame["pts_s"],
            "until_s": None,
            "jpeg": to_jpeg(frame["pixels"], _QUALITY),
        }
        for frame in found
    ]
