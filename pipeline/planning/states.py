"""The states of the segments of all videos, concatenated in one array."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from operators.store.store import Failed
from pipeline.planning.outcomes import DONE, FAILED
from pipeline.planning.videos import Ints, Videos


@dataclass(frozen=True, kw_only=True)
class States:
    """The states of the segments of all videos, concatenated in one array.

    Attributes:
        state: state of each segment.
        begins: index of each video's first segment.
        tries: index -> the last failure, for segments that were tried.
    """

    state: npt.NDArray[np.uint8]
    begins: Ints
    tries: dict[int, Failed]


def states_of(
    videos: Videos,
    batches: Iterable[pa.RecordBatch],
    failures: dict[tuple[str, int | None], Failed],
    lost: Mapping[int, Failed] = MappingProxyType({}),
) -> States:
    """Compare the planned segments with a table.

    Args:
        videos: the planned videos; their `keys` are keys of the table.
        batches: `key` and `segment_index` of the rows of the table.
        failures: result of `Store.failed`; the failures of `lost` are added.
        lost: index of a segment that is not made -> the failure in the required parent.
    """
    begins = np.cumsum(videos.counts) - videos.counts
    state = np.zeros(int(videos.counts.sum()), np.uint8)
    at = {key: i for i, key in enumerate(videos.keys)}
    _mark_done(batches, at, begins, videos.counts, state)
    tries: dict[int, Failed] = {}
    places = np.fromiter(lost, np.int64, len(lost))
    for place, of in zip(places.tolist(), np.searchsorted(begins, places, side="right").tolist(), strict=True):
        failures[videos.keys[of - 1], place - int(begins[of - 1])] = lost[place]
    for (key, index), failed in failures.items():
        found = at.get(key)
        if found is None or index is None or index >= videos.counts[found] or state[begins[found] + index] == DONE:
            continue
        tries[int(begins[found]) + index] = failed
        if failed.final:
            state[begins[found] + index] = FAILED
    return States(state=state, begins=begins, tries=tries)


def _mark_done(
    batches: Iterable[pa.RecordBatch], at: Mapping[str, int], begins: Ints, counts: Ints, state: Any
) -> None:
    for some in batches:
        no_videos = some["segment_index"].null_count == 0  # else the table once had another level
        batch = some if no_videos else some.filter(some["segment_index"].is_valid())
        keys = batch["key"].dictionary_encode()
        places = np.array([at.get(key, -1) for key in keys.dictionary.to_pylist()], np.int64)
        if not (places >= 0).any():
            continue
        of = places[keys.indices.to_numpy(zero_copy_only=False)]
        index = batch["segment_index"].to_numpy(zero_copy_only=False).astype(np.int64)
        planned = (of >= 0) & (index < counts[of])
        state[begins[of[planned]] + index[planned]] = DONE
