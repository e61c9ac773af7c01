"""The measures of every long caption of an output, as columns; no texts are kept in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from operators.store.store import Store

Floats = npt.NDArray[np.float64]

SECTIONS_READ = 20_000
"""Number of long captions whose sentences are read; in a larger output, the first ones in the order of its files."""

_COLUMNS = ("video_id", "uri", "duration_s", "words", "coverage", "integrity")


@dataclass(frozen=True, kw_only=True)
class Measures:
    """One value per long caption, all arrays in the same order.

    Attributes:
        duration_s, words, coverage: the columns of the dataset.
        words_a_minute: words per minute of video.
        integrity: whether all of the video was decoded and captioned.
        grounding: mean support of the sentences by the captions, 0 to 1; NaN if the sentences were not read. A sentence
            without a score (measured, or quoted from a caption) counts 1 if it cites a window, else 0.
        uncited: share of the sentences that cite no window, 0 to 1; NaN as above.
        fallback: share of the sections that quote the captions because the model gave no valid answer, 0 to 1; NaN as
            above.
    """

    video_ids: list[str]
    uris: list[str]
    duration_s: Floats
    words: Floats
    coverage: Floats
    integrity: npt.NDArray[np.bool_]
    grounding: Floats
    uncited: Floats
    fallback: Floats

    def __len__(self) -> int:
        return len(self.video_ids)

    @property
    def words_a_minute(self) -> Floats:
        return self.words / (np.maximum(self.duration_s, 1e-3) / 60.0)

    @property
    def looked_at(self) -> int:
        """Return how many captions have `grounding`, `uncited` and `fallback`."""
        return int(np.count_nonzero(~np.isnan(self.grounding)))


def measures_of(store: Store, *, sections: int = SECTIONS_READ) -> Measures:
    """Read the columns of all long captions, and the sentences of the first `sections` of them."""
    table = pa.Table.from_batches(
        store.dataset.batches(_COLUMNS), schema=pa.schema([store.dataset.schema.field(n) for n in _COLUMNS])
    )
    grounding, uncited, fallback = _grounding(store, sections, table["video_id"])
    return Measures(
        video_ids=table["video_id"].to_pylist(),
        uris=table["uri"].to_pylist(),
        duration_s=_floats(table["duration_s"]),
        words=_floats(table["words"]),
        coverage=_floats(table["coverage"]),
        integrity=np.asarray(pc.fill_null(table["integrity"], False)),
        grounding=grounding,
        uncited=uncited,
        fallback=fallback,
    )


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(pc.fill_null(column.cast(pa.float64()), 0.0), dtype=np.float64)


def _grounding(store: Store, most: int, video_ids: pa.ChunkedArray) -> Floats:
    """Return the measures of the sentences of these videos, shape (3, n); NaN where they were not read.

    Joined by `video_id`: a run may commit between the two reads, so the second may have other rows in another order.
    """
    ids, found = [pa.array([], pa.string())], [np.full((3, 1), np.nan)]
    left = most
    for batch in store.dataset.batches(["video_id", "sections"]):
        if left <= 0:
            break
        ids.append(batch["video_id"].slice(0, left))
        found.append(_of_sections(batch["sections"].slice(0, left)))
        left -= len(batch)
    at = pc.fill_null(pc.index_in(video_ids, value_set=pa.concat_arrays(ids)), -1)
    measures: Floats = np.concatenate(found, axis=1)[:, np.asarray(at) + 1]
    return measures


def _of_sections(sections: pa.ListArray) -> Floats:
    count = len(sections)
    of_section = np.asarray(pc.list_parent_indices(sections))
    flat = sections.flatten()
    sentences = pc.struct_field(flat, "sentences")
    of_sentence = of_section[np.asarray(pc.list_parent_indices(sentences))]
    each = sentences.flatten()
    cited = pc.list_value_length(pc.struct_field(each, "windows"))
    cites = np.asarray(pc.greater(pc.fill_null(cited, 0), 0))
    fell_back = np.asarray(pc.is_valid(pc.struct_field(flat, "problem")))
    support = np.asarray(pc.cast(pc.struct_field(each, ["grounding", "support"]), pa.float64()), dtype=np.float64)
    support = np.where(np.isnan(support), cites, support)
    return np.stack(
        [
            _mean(of_sentence, support, count),
            1.0 - _mean(of_sentence, cites, count),
            1.0 - _mean(of_section, ~fell_back, count),
        ]
    )


def _mean(of: npt.NDArray[np.int64], values: npt.NDArray[Any], count: int) -> Floats:
    """Return, for each of `count` items, the mean value of its parts; 1 if it has none."""
    parts = np.bincount(of, minlength=count)
    total = np.bincount(of, weights=values.astype(np.float64), minlength=count)
    return np.where(parts > 0, total / np.maximum(parts, 1), 1.0)
