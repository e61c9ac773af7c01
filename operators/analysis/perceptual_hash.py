"""Perceptual hashes of one frame per second, which recognise a frame that returns in any segment.

The hash is the usual one on the discrete cosine transform (pHash; Zauner 2010), with 16 x 16 coefficients instead of
8 x 8: on ten real clips it then separates frames as well as SSIM of the thumbnails (`operators.video.duplicates`),
which needs both frames. Of 3,688 pairs, those with an SSIM of at least 0.98 differ in at most 8 bits in 95 of 100
cases, and all pairs below 0.85 in at least 28.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from operators.analysis.cuts import is_black
from operators.analysis.pieces import PerceptualHash
from operators.analysis.signals import FROZEN, Thumbs

_SIDE = 16  # coefficients per axis
NEAR_BITS = 24  # largest number of differing bits of 256 between near-duplicates
_PLAIN = 4.0  # a frame with a smaller standard deviation of luma, of 255, has no usable hash
_KEY_FRAME = 1.0  # mean luma difference, of 255: the change of a still frame at a key frame
_MOVED = 12  # grey levels in any pixel: a key frame changes all pixels a little, a small object a few pixels much
_STEP_S = 1.0


def perceptual_hashes(thumbs: Thumbs) -> tuple[PerceptualHash, ...]:
    """Return one hash per whole second, of its first thumbnail; none if that is black or plain."""
    seconds = np.floor(thumbs.times_s / _STEP_S + 1e-6)
    first = np.flatnonzero(np.r_[True, np.diff(seconds) > 0])
    changes = np.abs(np.diff(thumbs.luma.astype(np.int16), axis=0)).mean(axis=(1, 2))
    prints: list[PerceptualHash] = []
    last = -1
    for k in first.tolist():
        luma = thumbs.luma[k]
        if float(luma.std()) >= _PLAIN and not is_black(luma):
            follows = last >= 0 and seconds[k] - seconds[last] == 1
            held = _rests(changes[last:k], luma, thumbs.luma[last]) if follows else None if last < 0 else False
            prints.append(PerceptualHash(time_s=float(seconds[k] * _STEP_S), bits=_bits(luma), held=held))
            last = k
    return tuple(prints)


def repeated_share(prints: Sequence[PerceptualHash]) -> float | None:
    """Return the share of hashed seconds whose frame is a near-duplicate of an earlier one, 0 to 1; None without any.

    A second is compared with every earlier new one (ShareGPT4Video compares with the last kept one, and misses
    content that returns after something else). While nothing changes, a second counts as its still run did at the
    start: a plain still run is measured by the column `still` and repeats nothing.
    """
    if not prints:
        return None
    bits = np.array([list(bytes.fromhex(p.bits)) for p in prints], np.uint8).view(np.uint64)
    new = np.empty_like(bits)
    count, repeats, again, held = 0, 0, False, False
    for k, one in enumerate(prints):
        if one.held is not None:
            held = one.held
        elif held:  # first of a segment, without a known previous frame: the still run continues if it looks equal
            held = one.time_s - prints[k - 1].time_s < 1.5 * _STEP_S and _near(bits[k - 1 : k], bits[k])
        if not held:
            again = _near(new[:count], bits[k])
            if not again:
                new[count] = bits[k]
                count += 1
        repeats += again
    return round(repeats / len(prints), 4)


def _rests(changes: Any, now: Any, before: Any) -> bool:
    """Return whether nothing changes except the redrawing of a key frame, and no small object moves."""
    calm = bool((changes < _KEY_FRAME).all()) and int((changes >= FROZEN).sum()) <= 1
    return calm and int(np.abs(now.astype(np.int16) - before).max()) < _MOVED


def _bits(luma: Any) -> str:
    import cv2

    small = cv2.resize(luma, (2 * _SIDE, 2 * _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = cv2.dct(small)[:_SIDE, :_SIDE].ravel()
    return np.packbits(waves > np.median(waves[1:])).tobytes().hex()  # the median excludes the first, the mean


def _near(some: Any, one: Any) -> bool:
    """Return whether any row is a near-duplicate of `one`."""
    return bool(len(some)) and bool(np.bitwise_count(some ^ one).sum(axis=1).min() <= NEAR_BITS)
