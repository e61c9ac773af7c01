"""A picture a second as a perceptual hash, so that a picture is known again in whatever segment it comes back.

The hash is the usual one on the discrete cosine transform (pHash; Zauner 2010), with 16 x 16 coefficients instead of
8 x 8: on ten real clips it then tells pictures apart as SSIM of the thumbnails does (`operators.video.duplicates`),
which needs both pictures. Of 3,688 pairs those of an SSIM of 0.98 and more lay at most 8 bits apart in 95 of 100 cases,
those below 0.85 at least 28 in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from operators.analysis.cuts import is_black
from operators.analysis.pieces import PerceptualHash
from operators.analysis.signals import FROZEN, Thumbs

_SIDE = 16  # coefficients each way
NEAR_BITS = 24  # bits of 256 that differ at most between near-duplicates
_PLAIN = 4.0  # standard deviation of luma, of 255, below which there is nothing to know a picture by
_KEY_PICTURE = 1.0  # mean luma difference, of 255: what a coder changes at once in a picture that stands still
_MOVED = 12  # grey levels in any pixel of a thumbnail: a coder redraws all of a picture a little, a fly one place much
_STEP_S = 1.0


def perceptual_hashes(thumbs: Thumbs) -> tuple[PerceptualHash, ...]:
    """One for each whole second, of the first thumbnail in it; none where that is black or plain."""
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
    """Share of the printed seconds whose picture is a near-duplicate of an earlier one, 0 to 1; None without prints.

    A second is compared with every earlier one that was new (ShareGPT4Video compares with the last one that was kept,
    and so does not see what comes back after something else). While nothing at all changes, a second counts as what
    the still picture counted as when it came: a plain still run is told by the column `still` and repeats nothing.
    """
    if not prints:
        return None
    bits = np.array([list(bytes.fromhex(p.bits)) for p in prints], np.uint8).view(np.uint64)
    new = np.empty_like(bits)
    count, repeats, again, held = 0, 0, False, False
    for k, one in enumerate(prints):
        if one.held is not None:
            held = one.held
        elif held:  # the first of a segment whose picture before nobody saw: the still run goes on if it looks so
            held = one.time_s - prints[k - 1].time_s < 1.5 * _STEP_S and _near(bits[k - 1 : k], bits[k])
        if not held:
            again = _near(new[:count], bits[k])
            if not again:
                new[count] = bits[k]
                count += 1
        repeats += again
    return round(repeats / len(prints), 4)


def _rests(changes: Any, now: Any, before: Any) -> bool:
    """Whether nothing changes but for what a key picture redraws; nor does anything small move on."""
    calm = bool((changes < _KEY_PICTURE).all()) and int((changes >= FROZEN).sum()) <= 1
    return calm and int(np.abs(now.astype(np.int16) - before).max()) < _MOVED


def _bits(luma: Any) -> str:
    import cv2

    small = cv2.resize(luma, (2 * _SIDE, 2 * _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = cv2.dct(small)[:_SIDE, :_SIDE].ravel()
    return np.packbits(waves > np.median(waves[1:])).tobytes().hex()  # the first is the mean, of no use for a median


def _near(some: Any, one: Any) -> bool:
    """Whether any row is a near-duplicate of `one`."""
    return bool(len(some)) and bool(np.bitwise_count(some ^ one).sum(axis=1).min() <= NEAR_BITS)
