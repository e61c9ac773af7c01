"""Conversion of decoded frames to the images in rows: upright, scaled, encoded as JPEG."""

from __future__ import annotations

import io
import threading
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from operators.core.base import ItemError
from operators.video.size import Size

_QUALITIES = (90, 80, 70, 60, 50, 40, 30)  # below 30 the blocks of JPEG dominate the image


def turn_deg(frame: Any) -> int:
    """The clockwise rotation in degrees (0, 90, 180, 270) that turns `frame` upright.

    `av.VideoFrame.rotation` is FFmpeg's `av_display_rotation_get`: counter-clockwise.
    """
    return int(round(-frame.rotation / 90) % 4 * 90)


def shown_size(frame: Any, aspect: Fraction) -> tuple[int, int]:
    """Width and height in pixels with which a player shows `frame`: upright, with square pixels.

    Args:
        aspect: width of a stored pixel divided by its height; 1 except for anamorphic video.
    """
    width, height = square_size(frame, aspect)
    return (height, width) if turn_deg(frame) in (90, 270) else (width, height)


def to_rgb(frame: Any, *, aspect: Fraction, size: Size) -> np.ndarray[Any, Any]:
    """Convert `frame` to upright RGB in the size that `size` specifies: uint8, shape (height, width, 3)."""
    turned = turn_deg(frame) in (90, 270)
    width, height = size.of(*shown_size(frame, aspect))
    if turned:
        width, height = height, width
    return _upright(_scaled(frame, width, height), frame)


class _Scaler(threading.local):
    """FFmpeg's scaler, reused for the next frame, which mostly has the same size: creating one costs 0.2 ms."""

    @cached_property
    def convert(self) -> Any:
        from av.video.reformatter import VideoReformatter

        return VideoReformatter()


_SCALER = _Scaler()


def _scaled(frame: Any, width: int, height: int) -> np.ndarray[Any, Any]:
    """Scale to RGB. Each branch is the cheapest filter that is as close to the mean of a pixel's area as FFmpeg's."""
    import cv2

    across, down = frame.width / width, frame.height / height
    if frame.format.name == "yuv420p" and min(across, down) >= 1 and 1 < max(across, down) <= 2:
        # a linear filter of two pixels leaves none of them out, and to RGB of the same size FFmpeg is quickest
        every = _SCALER.convert.reformat(frame, frame.width, frame.height, "rgb24", interpolation="POINT", threads=1)
        pixels = _rows(every.planes[0])[:, : 3 * every.width].reshape(every.height, every.width, 3)
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR))
    # AREA averages all pixels that fall into one: no aliasing, and cheaper than bicubic (1.6 against 4.3 ms for 1080p);
    # to planes of RGB FFmpeg is twice as quick as to packed pixels
    small = _SCALER.convert.reformat(frame, width, height, "gbrp", interpolation="AREA", threads=1)
    green, blue, red = planes(small)
    return np.asarray(cv2.merge([red, green, blue]))


def planes(frame: Any) -> list[np.ndarray[Any, Any]]:
    """The planes of an 8-bit planar frame, uint8 (height, width) each. Views: they must not outlive the frame."""
    return [_rows(plane)[:, : plane.width] for plane in frame.planes]


def _rows(plane: Any) -> np.ndarray[Any, Any]:
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)


def to_jpeg(pixels: np.ndarray[Any, Any], quality: int) -> bytes:
    """Encode RGB pixels as JPEG."""
    from PIL import Image

    return _encode(Image.fromarray(pixels), quality)


def fit(jpegs: list[bytes], budget_bytes: int, quality: int) -> list[bytes]:
    """Re-encode `jpegs` at decreasing quality until their total size is at most `budget_bytes`.

    Raises:
        ItemError: class undecodable, if they do not fit at the lowest quality that is usable for captions.
    """
    from PIL import Image

    found = jpegs
    for lower in (q for q in _QUALITIES if q < quality):
        if sum(map(len, found)) <= budget_bytes:
            return found
        found = [_encode(Image.open(io.BytesIO(jpeg)), lower) for jpeg in jpegs]
    if sum(map(len, found)) > budget_bytes:
        raise ItemError(
            "undecodable",
            f"{len(jpegs)} frames take {sum(map(len, found)) / 2**20:.1f} MiB even at JPEG quality {_QUALITIES[-1]}, "
            f"and a row has room for {max(0, budget_bytes) / 2**20:.1f} MiB: lower fps, short_side_px or segment_s",
        )
    return found


def square_size(frame: Any, aspect: Fraction) -> tuple[int, int]:
    """Width and height with square pixels: anamorphic video is stretched as players do."""
    return max(1, round(frame.width * aspect)), int(frame.height)


def _upright(pixels: np.ndarray[Any, Any], frame: Any) -> np.ndarray[Any, Any]:
    turn = turn_deg(frame)
    return np.ascontiguousarray(np.rot90(pixels, -turn // 90)) if turn else pixels


def _encode(image: Any, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
