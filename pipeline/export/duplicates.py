"""Which videos show the same: clusters of videos that share frames, so that no split leaks into another.

Frames are compared by the perceptual hashes that `measure` keeps in the facts of each segment, one a second, 256 bits
(`operators.analysis.perceptual_hash`). Two are near-duplicates where at most 24 bits differ. Comparing all pairs of a
large dataset is out of reach, so that only frames are compared that agree in one of 12 bands of 21 bits: hashes that
differ in at most 11 bits always do, those that differ in 24 bits in 4 of 5 cases, and a copied video has many frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from operators.analysis.perceptual_hash import NEAR_BITS

_BANDS, _WIDTH = 12, 21  # of 256 bits
_MOST = 400  # frames of one video that are kept, evenly chosen
_COMMON = 64  # frames that agree in a band; of more, such as a title that many videos have, not all pairs are compared
_NEXT = 4  # but each with so many that follow it in order of their hashes: copies of one frame stand beside each other
_SHARE = 0.25  # of the frames of the shorter video that must be found in the other


class Clusters:
    """Collects videos one by one; `groups` then says which belong together."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._hashes: list[Any] = []

    def add(self, video_id: str, prints: Iterable[str]) -> None:
        """A video with the hashes of its frames, 64 hexadecimal digits each; every video is added once."""
        some = sorted(set(prints)) if not isinstance(prints, list) else list(dict.fromkeys(prints))
        if len(some) > _MOST:
            some = [some[int(k)] for k in np.linspace(0, len(some) - 1, _MOST)]
        self._ids.append(video_id)
        bits = np.array([list(bytes.fromhex(text)) for text in some], np.uint8).reshape(len(some), 32)
        self._hashes.append(bits)

    def groups(self) -> dict[str, str]:
        """video_id -> the smallest video_id of its cluster."""
        parent = list(range(len(self._ids)))
        firsts: dict[bytes, int] = {}
        for k, bits in enumerate(self._hashes):  # of videos with the same frames, one is compared with the others
            if len(bits):
                parent[k] = firsts.setdefault(bits.tobytes(), k)
        kept = sorted(firsts.values())
        if kept:
            sizes = np.array([len(self._hashes[k]) for k in kept], np.int64)
            owner = np.repeat(np.arange(len(kept)), sizes)
            for one, other in _alike(np.concatenate([self._hashes[k] for k in kept]), owner, sizes):
                parent[_root(parent, kept[one])] = _root(parent, kept[other])
        smallest: dict[int, str] = {}
        for k, video_id in enumerate(self._ids):
            root = _root(parent, k)
            smallest[root] = min(smallest.get(root, video_id), video_id)
        return {video_id: smallest[_root(parent, k)] for k, video_id in enumerate(self._ids)}


def _alike(bits: Any, owner: Any, sizes: Any) -> list[tuple[int, int]]:
    """Pairs of videos that share enough frames."""
    words = bits.view(np.uint64)
    unpacked = np.unpackbits(bits, axis=1)
    weights = (1 << np.arange(_WIDTH, dtype=np.int64))[::-1]
    firsts, seconds = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for band in range(_BANDS):
        keys = unpacked[:, band * _WIDTH : (band + 1) * _WIDTH] @ weights
        order = np.argsort(keys, kind="stable")
        ends = np.flatnonzero(np.diff(keys[order], append=-1)) + 1
        starts = np.r_[0, ends[:-1]]
        for start, end in zip(starts[ends - starts > 1], ends[ends - starts > 1], strict=True):
            some = order[start:end]
            a, b = _pairs(words[some]) if len(some) <= _COMMON else _neighbours(words[some])
            firsts.append(some[a])
            seconds.append(some[b])
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    apart = owner[first] != owner[second]
    first, second = first[apart], second[apart]
    turned = owner[first] > owner[second]
    first, second = np.where(turned, second, first), np.where(turned, first, second)
    pairs = owner[first] * len(sizes) + owner[second]
    found = []
    shared = [_counts(pairs, frames) for frames in (first, second)]  # frames of either video that stand in the other
    for pair, counts in shared[0].items():
        one, other = divmod(pair, len(sizes))
        count, size = (counts, sizes[one]) if sizes[one] <= sizes[other] else (shared[1][pair], sizes[other])
        if count >= max(1.0, _SHARE * size):
            found.append((one, other))
    return found


def _counts(pairs: Any, frames: Any) -> dict[int, int]:
    """pair -> how many different frames stand beside it."""
    unique = np.unique(np.stack([pairs, frames]), axis=1)[0]
    keys, counts = np.unique(unique, return_counts=True)
    return dict(zip(keys.tolist(), counts.tolist(), strict=True))


def _pairs(words: Any) -> tuple[Any, Any]:
    """All pairs of near-duplicates among some hashes, as two arrays of places."""
    near = np.bitwise_count(words[:, None] ^ words[None]).sum(axis=2) <= NEAR_BITS
    rows, columns = np.nonzero(np.triu(near, 1))
    return rows, columns


def _neighbours(words: Any) -> tuple[Any, Any]:
    """Pairs of near-duplicates that stand near each other in order of their hashes."""
    order = np.lexsort(words.T)
    first, second = [], []
    for step in range(1, _NEXT + 1):
        a, b = order[:-step], order[step:]
        near = np.bitwise_count(words[a] ^ words[b]).sum(axis=1) <= NEAR_BITS
        first.append(a[near])
        second.append(b[near])
    return np.concatenate(first), np.concatenate(second)


def _root(parent: list[int], k: int) -> int:
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k
