"""Frames as pixels, for models that run in this process. A frame stands in a prompt of its own and in those of two
windows: what was decoded last is kept, so that it is mostly decoded once."""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from operators.engines.base import Picture

KEPT_BYTES = 256 * 2**20
"""Of pixels, in a process: some 430 frames of 588x336. The windows of 40 chains that go on at once have 400."""


class Decoded:
    """Decoded frames by their JPEG bytes, those used last. Thread-safe.

    Args:
        kept_bytes: of pixels that are kept at most; the last frame is kept however large it is.
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._images: OrderedDict[str, Any] = OrderedDict()
        self._bytes = 0
        self._guard = threading.Lock()

    def image(self, jpeg: bytes) -> Any:
        """The PIL image, RGB, shared by all who ask: not to be written to."""
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


def images(pictures: Iterable[Picture]) -> list[Any]:
    """Frames as PIL images, RGB, that others may hold, too."""
    return [_DECODED.image(p.jpeg) for p in pictures]


def jpeg_id(data: bytes) -> str:
    """What equal bytes have in common, 32 hex digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _bytes_of(image: Any) -> int:
    return int(image.width * image.height * 3)
