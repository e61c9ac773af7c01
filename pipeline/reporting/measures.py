"""The numbers of every long caption of an output, as columns: of a million videos no text is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
        grounding: share of the sentences that cite at least one window, 0 to 1; NaN where it was not looked at.
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
    fallback: Floats

    def __len__(self) -> int:
        return len(self.video_ids)

    @property
    def words_a_minute(self) -> Floats:
        return self.words / (np.maximum(self.duration_s, 1e-3) / 60.0)

    @property
    def looked_at(self) -> int:
        """How many have `grounding` and `fallback`."""
        return int(np.count_nonzero(~np.isnan(self.grounding)))


def measures_of(store: Store, *, sections: int = SECTIONS_READ) -> Measures:
    """Read the columns of all long captions, and the sentences of the first `sections` of them."""
    table = pa.Table.from_batches(
        store.dataset.batches(_COLUMNS), schema=pa.schema([store.dataset.schema.field(n) for n in _COLUMNS])
    )
    looked = list(_grounding(store, sections))
    pieces = [np.full((2, table.num_rows - sum(p.shape[1] for p in looked)), np.nan)]
    grounding, fallback = np.concatenate([*looked, *pieces], axis=1)
    return Measures(
        video_ids=table["video_id"].to_pylist(),
        uris=table["uri"].to_pylist(),
        duration_s=_floats(table["duration_s"]),
        words=_floats(table["words"]),
        coverage=_floats(table["coverage"]),
        integrity=np.asarray(pc.fill_null(table["integrity"], False)),
        grounding=grounding,
        fallback=fallback,
    )


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(pc.fill_null(column.cast(pa.float64()), 0.0), dtype=np.float64)


def _grounding(store: Store, most: int) -> Iterator[Floats]:
    """For each long caption, in the order of the files, `grounding` and `fallback`: arrays of shape (2, n)."""
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
    cited = pc.list_value_length(pc.struct_field(sentences.flatten(), "windows"))
    cites = np.asarray(pc.greater(pc.fill_null(cited, 0), 0))
    fell_back = np.asarray(pc.is_valid(pc.struct_field(flat, "problem")))
    return np.stack([_share(of_sentence, cites, count), 1.0 - _share(of_section, ~fell_back, count)])


def _share(of: npt.NDArray[np.int64], good: npt.NDArray[np.bool_], count: int) -> Floats:
    """Of each of `count` things, the share of its parts that are good; 1 where it has none."""
    parts = np.bincount(of, minlength=count)
    return np.where(parts > 0, np.bincount(of[good], minlength=count) / np.maximum(parts, 1), 1.0)
