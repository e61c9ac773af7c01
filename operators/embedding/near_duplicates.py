"""The operator `near_duplicates`: find videos of an output with equal content, by the vectors of their segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from operators.core.base import Apply, Level, Operator, Row
from operators.embedding.vectors import Vectors, unpacked

GROUP = pa.struct(
    [
        pa.field("video_id", pa.string()),
        pa.field("group", pa.string()),  # the smallest video_id of the group
    ]
)

_ROWS = 2048  # rows that are compared with all others at a time: 2,048 x 100,000 cosines take 800 MB


@dataclass(frozen=True, kw_only=True)
class NearDuplicates(Operator):
    """Groups videos that share segments; writes `duplicate_groups` (`GROUP`), one row per video with vectors.

    Exports put the videos of a group into one split, as they do with videos that share perceptual hashes of frames.
    Segments are compared in pairs, in memory: 100,000 segments of 1,280 dimensions take 512 MB and some minutes.
    """

    name: ClassVar[str] = "near_duplicates"
    version: ClassVar[int] = 1
    level: ClassVar[Level] = "run"
    pool: ClassVar[str] = "near_duplicates"
    reads: ClassVar[frozenset[str]] = frozenset({"tables"})
    writes: ClassVar[frozenset[str]] = frozenset({"duplicate_groups"})
    types: ClassVar[Mapping[str, pa.DataType]] = {"duplicate_groups": pa.list_(GROUP)}

    table: Annotated[str, Field(min_length=1, description="table of segments with a column embedding")] = "embeddings"
    similarity: Annotated[
        float,
        Field(gt=0, le=1, description="least cosine of two equal segments; depends on the embedder"),
    ] = 0.97
    share: Annotated[
        float, Field(gt=0, le=1, description="share of the shorter video's segments that the other must have")
    ] = 0.5

    @contextmanager
    def open(self) -> Iterator[Apply]:
        yield lambda row: {**row, "duplicate_groups": self._groups(row)}

    def _groups(self, row: Row) -> list[Row]:
        if self.table not in row["tables"]:
            known = ", ".join(sorted(row["tables"]))
            raise ValueError(f"near_duplicates.table is {self.table}, not a parent of this table; known: {known}")
        ids: list[str] = []
        values: list[bytes] = []
        for batch in row["tables"][self.table].batches(["video_id", "embedding"]):
            for one in batch.to_pylist():
                if one["embedding"]:
                    ids.append(one["video_id"])
                    values.append(one["embedding"])
        groups = groups_of(ids, unpacked(values), self.similarity, self.share)
        return [{"video_id": video_id, "group": group} for video_id, group in sorted(groups.items())]


def groups_of(ids: list[str], vectors: Vectors, similarity: float, share: float) -> dict[str, str]:
    """Return video_id -> the smallest video_id of its group.

    Args:
        ids: video id of each row of `vectors`.
    """
    names = sorted(set(ids))
    place = {name: k for k, name in enumerate(names)}
    owner: NDArray[Any] = np.array([place[i] for i in ids], np.int64)
    sizes = Counter(owner.tolist())
    found: set[tuple[int, int, int]] = set()  # row, its video, the other video
    for start in range(0, len(ids), _ROWS):
        rows, columns = np.nonzero(vectors[start : start + _ROWS] @ vectors.T >= similarity)
        first, second = owner[start + rows], owner[columns]
        apart = first != second
        found |= set(zip((start + rows)[apart].tolist(), first[apart].tolist(), second[apart].tolist(), strict=True))
    shared = Counter((one, other) for _, one, other in found)
    parent = list(range(len(names)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    for (one, other), count in shared.items():
        if sizes[one] <= sizes[other] and count >= max(1.0, share * sizes[one]):
            low, high = sorted((root(one), root(other)))
            parent[high] = low
    return {name: names[root(k)] for k, name in enumerate(names)}
