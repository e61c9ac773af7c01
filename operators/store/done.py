"""A compact set of the durable segments of millions of videos, and shares of the videos among several writers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

_BITS = 60  # segment indices in one machine word of the vectorised part


@dataclass(frozen=True)
class Share:
    """One of `count` shares of the videos, by a hash of their id; `index` counts from 0.

    Args:
        of: name of the division. Different divisions use different hashes, so that they are independent of each other.
    """

    index: int = 0
    count: int = 1
    of: str = "gather"

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(f"share {self.index} of {self.count}: the first is 0, the last {self.count - 1}")

    def holds(self, video_id: str) -> bool:
        """Whether the video is in this share."""
        return self.count == 1 or share_of(video_id, self.count, self.of) == self.index


def share_of(video_id: str, count: int, of: str = "gather") -> int:
    """The share of a video, from 0 to `count` - 1."""
    return int.from_bytes(hashlib.sha256(f"{of}\n{video_id}".encode()).digest()[:8], "big") % count


class Done(Mapping[str, frozenset[int]]):
    """Key of a video's captions → the indices of its durable segments.

    Uses one bit per segment: 30 of the 60 million segments of a million videos take about 0.2 GB.

    Args:
        share: the share of the videos to record; `add` then needs the column `video_id`.
    """

    COLUMNS = ("key", "segment_index")

    def __init__(self, share: Share | None = None) -> None:
        self._share = share if share is not None and share.count > 1 else None
        self._bits: dict[str, int] = {}

    @property
    def columns(self) -> list[str]:
        """The columns that `add` reads."""
        return [*self.COLUMNS, "video_id"] if self._share is not None else list(self.COLUMNS)

    def add(self, rows: pa.Table) -> None:
        """Record durable rows."""
        for batch in rows.to_batches(max_chunksize=2**18):
            table = pa.Table.from_batches([batch])
            if table["segment_index"].null_count:  # rows of videos: the table once had another level
                table = table.filter(table["segment_index"].is_valid())
            if self._share is not None:
                table = table.filter(self._mine(table["video_id"]))
            if table.num_rows:
                self._add(table)

    def note(self, key: str, index: int) -> None:
        """Record one durable row."""
        self._bits[key] = self._bits.get(key, 0) | 1 << index

    def has(self, key: str, index: int) -> bool:
        """Whether this row is durable."""
        return bool(self._bits.get(key, 0) >> index & 1)

    def count(self, key: str) -> int:
        """Number of durable rows."""
        return self._bits.get(key, 0).bit_count()

    def _add(self, table: pa.Table) -> None:
        """Merge rows of one key and one word of bits with numpy, so that Python handles about one item per video."""
        encoded = table["key"].combine_chunks().dictionary_encode()
        keys = encoded.dictionary.to_pylist()
        codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        index = table["segment_index"].to_numpy().astype(np.int64)
        words = int(index.max()) // _BITS + 1
        place = codes * words + index // _BITS
        order = np.argsort(place, kind="stable")
        place, bits = place[order], np.left_shift(np.int64(1), index[order] % _BITS)
        first = np.flatnonzero(np.r_[True, place[1:] != place[:-1]])
        masks = np.bitwise_or.reduceat(bits, first)
        for at, mask in zip(place[first].tolist(), masks.tolist(), strict=True):
            key = keys[at // words]
            self._bits[key] = self._bits.get(key, 0) | mask << (at % words * _BITS)

    def _mine(self, ids: pa.ChunkedArray) -> pa.Array:
        assert self._share is not None
        encoded = ids.combine_chunks().dictionary_encode()
        mine = pa.array([self._share.holds(v) for v in encoded.dictionary.to_pylist()], pa.bool_())
        return mine.take(encoded.indices)

    def __getitem__(self, key: str) -> frozenset[int]:
        bits = self._bits[key]
        return frozenset(i for i in range(bits.bit_length()) if bits >> i & 1)

    def __iter__(self) -> Iterator[str]:
        return iter(self._bits)

    def __len__(self) -> int:
        return len(self._bits)
