"""How large a picture leaves the decoder, so that the engine's own preprocessing has nothing left to do."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Size:
    """A rule for sizes, in pixels; applied in this order.

    Attributes:
        short_side_px: the short side is at most this; pictures are never enlarged for it.
        max_pixels: width times height is at most this; None is no limit.
        multiple_px: both sides are multiples of this, the patch of the vision model (14, 28, 32): the nearest one, the
            one below where that would pass `max_pixels`, and at least one patch.
    """

    short_side_px: int
    max_pixels: int | None = None
    multiple_px: int = 1

    def of(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Width and height for a picture of `width_px` x `height_px`, upright and with square pixels."""
        scale = min(1.0, self.short_side_px / min(width_px, height_px))
        if self.max_pixels is not None:
            scale = min(scale, math.sqrt(self.max_pixels / (width_px * height_px)))
        patches = [side * scale / self.multiple_px for side in (width_px, height_px)]
        width, height = (max(1, round(n)) * self.multiple_px for n in patches)
        if self.max_pixels is not None and width * height > self.max_pixels:
            width, height = (max(1, math.floor(n + 1e-9)) * self.multiple_px for n in patches)
        return width, height
