"""A cache of decoded images, for models that run in this process. Each frame is used in its own prompt and in those of
two windows; the cache makes it likely that its JPEG is decoded only once."""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from operators.engines.base import FrameImage

KEPT_BYTES = 256 * 2**20
"""Size of the cache of a process: about 430 frames of 588x336. The windows of 40 concurrent chains have 400."""


class Decoded:
    """A cache of the most recently used decoded frames, by their JPEG bytes. Thread-safe.

    Args:
        kept_bytes: maximum size of all cached pixels; the last frame is cached whatever its size.
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._images: OrderedDict[str, Any] = OrderedDict()
        self._bytes = 0
        self._guard = threading.Lock()

    def image(self, jpeg: bytes) -> Any:
        """The decoded PIL image, RGB. All callers share it and must not modify it."""
        from PIL import Image

        key = jpeg_id(jpeg)
        with self._guard:
            if key in self._images:
                self._images.move_to_end(key)
                return self._images[key]
        image = Image.open(io.BytesIO(jpeg)).convert("RGB")
        with self._guard:
            if key not in self._images:
                self._bytes += _bytes_of(image)
            self._images[key] = image
            while self._bytes > self._kept_bytes and len(self._images) > 1:
                _, oldest = self._images.popitem(last=False)
                self._bytes -= _bytes_of(oldest)
        return image


_DECODED = Decoded()


def images(frames: Iterable[FrameImage]) -> list[Any]:
    """Decode frames to RGB PIL images, which are shared with other callers."""
    return [_DECODED.image(p.jpeg) for p in frames]


def jpeg_id(data: bytes) -> str:
    """An id of `data` by content: 32 hex digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _bytes_of(image: Any) -> int:
    return int(image.width * image.height * 3)
