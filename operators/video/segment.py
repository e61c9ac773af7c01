"""The decoding process's job: the pictures and signals of one segment, as plain bytes and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from operators.base import ItemError
from operators.video.pictures import Thumbnails, fit, to_jpeg
from operators.video.sampler import Sampler, Watch
from operators.video.source import Source

Backend = Literal["pyav", "pyav-sequential", "decord"]


def decode_segment(
    *,
    uri: str,
    backend: Backend,
    times_s: Sequence[float],
    step_s: float,
    start_s: float,
    end_s: float,
    own_start_s: float,
    own_end_s: float,
    first_pts_s: float,
    short_side_px: int,
    jpeg_quality: int,
    signals_fps: float,
    max_bytes: int,
) -> dict[str, Any]:
    """Decode `[start_s, end_s)`: pictures at `times_s` and, when `signals_fps` is above 0, its thumbnails.

    Returns:
        pictures: list of `operators.rows.PICTURE`, in order of time; a time that could not be had is not in it.
        signals: `operators.rows.SIGNALS`, or None when `signals_fps` is 0.
        damaged_packets: of the own span alone, so that segments can be summed.
        pictures_decoded: how many the decoder produced.
        ended_s: where the last picture ended, if the input ended too early; else None.

    Raises:
        ItemError: the input cannot be read, or its pictures do not fit `max_bytes`.
    """
    with Source(uri) as source:
        sampler: Any
        if backend == "decord":
            from operators.video.decord_backend import DecordSampler

            sampler = DecordSampler(source, first_pts_s=first_pts_s)
        else:
            sampler = Sampler(source, first_pts_s=first_pts_s, seek=backend == "pyav")
        thumbnails = Thumbnails(signals_fps, sampler.aspect)
        watch = Watch(start_s=start_s, end_s=end_s, see=thumbnails.see) if signals_fps > 0 else None
        pictures = []
        try:
            for time_s, pts_s, frame in sampler.sample(times_s, step_s=step_s, watch=watch):
                jpeg = to_jpeg(frame, aspect=sampler.aspect, short_side_px=short_side_px, quality=jpeg_quality)
                pictures.append({"time_s": time_s, "pts_s": pts_s, "jpeg": jpeg})
        except ItemError:
            raise
        except Exception:
            source.check()  # a read that failed is storage's error, whatever the decoder made of it
            raise
        source.check()
        damaged = sampler.damaged_packets(own_start_s, own_end_s)
    pictures.sort(key=lambda p: p["time_s"])
    signals = thumbnails.result() if watch is not None else None
    room = max_bytes - (len(signals["luma"]) + 8 * len(signals["times_s"]) if signals else 0)
    for picture, jpeg in zip(pictures, fit([p["jpeg"] for p in pictures], room, jpeg_quality), strict=True):
        picture["jpeg"] = jpeg
    return {
        "pictures": pictures,
        "signals": signals,
        "damaged_packets": damaged,
        "pictures_decoded": sampler.pictures_decoded,
        "ended_s": sampler.ended_s,
    }
