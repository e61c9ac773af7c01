"""The size of decoded frames, chosen so that the engine need not scale them again."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Size:
    """A rule for frame sizes in pixels. The attributes are applied in this order.

    Attributes:
        short_side_px: maximum of the short side; frames are never enlarged to it.
        max_pixels: maximum of width times height; None for no limit.
        multiple_px: both sides are rounded to multiples of this, the patch of the vision model (14, 28, 32): to the
            nearest one, or down if that would exceed `max_pixels`, and to at least one patch.
    """

    short_side_px: int
    max_pixels: int | None = None
    multiple_px: int = 1

    def of(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Width and height for a frame of `width_px` x `height_px`, upright and with square pixels."""
        scale = min(1.0, self.short_side_px / min(width_px, height_px))
        if self.max_pixels is not None:
            scale = min(scale, math.sqrt(self.max_pixels / (width_px * height_px)))
        patches = [side * scale / self.multiple_px for side in (width_px, height_px)]
        width, height = (max(1, round(n)) * self.multiple_px for n in patches)
        if self.max_pixels is not None and width * height > self.max_pixels:
            width, height = (max(1, math.floor(n + 1e-9)) * self.multiple_px for n in patches)
        return width, height
