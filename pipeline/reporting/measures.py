"""The numbers of every long caption of an output, as columns: of a million videos no text is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from operators.store.store import Store

Floats = npt.NDArray[np.float64]

SECTIONS_READ = 20_000
"""Long captions whose sentences are looked at; of a larger output, the first so many in the order of its files."""

_COLUMNS = ("video_id", "uri", "duration_s", "words", "coverage", "integrity")


@dataclass(frozen=True, kw_only=True)
class Measures:
    """One value a long caption, all in the same order.

    Attributes:
        duration_s, words, coverage: the columns of the dataset.
        words_a_minute: words per minute of video.
        integrity: whether all of the video was decoded and captioned.
        grounding: mean support of the sentences by the captions, 0 to 1; NaN where it was not looked at. A sentence
            without a score (measured, or quoted from a caption) counts 1 where it cites a window, else 0.
        uncited: share of the sentences that cite no window, 0 to 1; NaN as above.
        fallback: share of the sections whose sentences are the captions' own, since the model gave no valid answer, 0
            to 1; NaN as above.
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
        """How many have `grounding`, `uncited` and `fallback`."""
        return int(np.count_nonzero(~np.isnan(self.grounding)))


def measures_of(store: Store, *, sections: int = SECTIONS_READ) -> Measures:
    """Read the columns of all long captions, and the sentences of the first `sections` of them."""
    table = pa.Table.from_batches(
        store.dataset.batches(_COLUMNS), schema=pa.schema([store.dataset.schema.field(n) for n in _COLUMNS])
    )
    looked = list(_grounding(store, sections))
    pieces = [np.full((3, table.num_rows - sum(p.shape[1] for p in looked)), np.nan)]
    grounding, uncited, fallback = np.concatenate([*looked, *pieces], axis=1)
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


def _grounding(store: Store, most: int) -> Iterator[Floats]:
    """For each long caption, in the order of the files, what is known of its sentences: arrays of shape (3, n)."""
    left = most
    for batch in store.dataset.batches(["sections"]):
        if left <= 0:
            return
        yield _of_sections(batch["sections"].slice(0, left))
        left -= len(batch)


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
    """Of each of `count` things, the mean value of its parts; 1 where it has none."""
    parts = np.bincount(of, minlength=count)
    total = np.bincount(of, weights=values.astype(np.float64), minlength=count)
    return np.where(parts > 0, total / np.maximum(parts, 1), 1.0)
