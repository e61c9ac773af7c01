"""Near-duplicate videos: clusters of videos that share frames, which must be in the same split.

Frames are compared by the perceptual hashes that `measure` stores in the facts of each segment: one per second, 256
bits (`operators.analysis.perceptual_hash`). Two frames are near-duplicates if at most 24 bits differ. Comparing all
pairs of a large dataset is infeasible, so frames are compared only if they agree in one of 12 bands of 21 bits. Hashes
that differ in at most 11 bits always agree in one; hashes that differ in 24 bits do in 4 of 5 cases, and a copied video
has many frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from operators.analysis.perceptual_hash import NEAR_BITS

_BANDS, _WIDTH = 12, 21  # bands, and bits of each, of a hash of 256 bits
_MOST = 400  # frames of one video that are kept, evenly spaced
_COMMON = 64  # all pairs are compared among at most so many frames of a band; more share, say, a title card
_NEXT = 4  # beyond that each is compared with so many successors in order of the hashes, where copies are adjacent
_SHARE = 0.25  # share of the shorter video's frames that the other one must contain


class Clusters:
    """Collects videos one by one; `groups` returns the clusters."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._hashes: list[Any] = []

    def add(self, video_id: str, hashes: Iterable[str]) -> None:
        """Add a video with the hashes of its frames, 64 hexadecimal digits each. Add each video once."""
        some = sorted(set(hashes)) if not isinstance(hashes, list) else list(dict.fromkeys(hashes))
        if len(some) > _MOST:
            some = [some[int(k)] for k in np.linspace(0, len(some) - 1, _MOST)]
        self._ids.append(video_id)
        bits = np.array([list(bytes.fromhex(text)) for text in some], np.uint8).reshape(len(some), 32)
        self._hashes.append(bits)

    def groups(self) -> dict[str, str]:
        """Return video_id -> the smallest video_id of its cluster."""
        parent = list(range(len(self._ids)))
        firsts: dict[bytes, int] = {}
        for k, bits in enumerate(self._hashes):  # of videos with identical frames, only one is compared
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
    """Return the pairs of videos that share enough frames."""
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
    shared = [_counts(pairs, frames) for frames in (first, second)]  # frames of each video that the other contains
    for pair, counts in shared[0].items():
        one, other = divmod(pair, len(sizes))
        count, size = (counts, sizes[one]) if sizes[one] <= sizes[other] else (shared[1][pair], sizes[other])
        if count >= max(1.0, _SHARE * size):
            found.append((one, other))
    return found


def _counts(pairs: Any, frames: Any) -> dict[int, int]:
    """pair -> number of distinct frames with it."""
    unique = np.unique(np.stack([pairs, frames]), axis=1)[0]
    keys, counts = np.unique(unique, return_counts=True)
    return dict(zip(keys.tolist(), counts.tolist(), strict=True))


def _pairs(words: Any) -> tuple[Any, Any]:
    """Return all pairs of near-duplicates among some hashes, as two arrays of indices."""
    near = np.bitwise_count(words[:, None] ^ words[None]).sum(axis=2) <= NEAR_BITS
    rows, columns = np.nonzero(np.triu(near, 1))
    return rows, columns


def _neighbours(words: Any) -> tuple[Any, Any]:
    """Return the near-duplicates among hashes that are near each other in sorted order, as two arrays of indices."""
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
