"""Vectors of the segments of each video in order, for models of long sequences (LV-MAE): one array per video."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from operators.embedding.vectors import unpacked
from pipeline.export.base import Media, Row, Sample, Shard, Spans, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.formats.lines import PARTS, Lines


@dataclass(frozen=True, kw_only=True)
class Embeddings(Lines):
    """Vectors of segments: `SPLIT/NAME.npy`, float32 of shape (segments, dimensions), and `SPLIT.jsonl` with the times
    of the segments.

    Args:
        table: a table of the output with a column of vectors, one per segment.
        column: column of the vectors, which are lists of numbers or bytes as `embed` stores them, all of one length.
    """

    units: ClassVar[tuple[Unit, ...]] = ("video",)
    spans: ClassVar[tuple[Spans, ...]] = ("text",)
    media: ClassVar[tuple[Media, ...]] = ("path",)
    needs_files: ClassVar[bool] = False

    table: Annotated[str, Field(min_length=1)] = "vectors"
    column: Annotated[str, Field(min_length=1)] = "embedding"

    @property
    def reads_table(self) -> str:
        return self.table

    def rows(self, sample: Sample) -> Sequence[Row]:
        if not sample.beside:
            raise Unfit(f"table {self.table} has no row of the video")
        if self.column not in sample.beside[0]:
            raise Unfit(f"table {self.table} has no column {self.column}")
        vectors = [_numbers(row[self.column]) for row in sample.beside]
        if any(not isinstance(v, list) or len(v) != len(vectors[0]) or not v for v in vectors):
            raise Unfit(f"{self.column} must be vectors of the same length in all segments")
        array = np.asarray(vectors, np.float32)
        if not np.isfinite(array).all():
            raise Unfit(f"{self.column} contains values that are not numbers")
        times = [[row.get("start_s"), row.get("end_s")] for row in sample.beside]
        said = {"id": sample.key, "embeddings": f"{sample.split}/{sample.key}.npy", "shape": list(array.shape)}
        return [({**said, "times_s": times, "video": sample.media, "caption": sample.text}, array)]

    def text_of(self, row: Row) -> str:
        return str(row[0]["caption"])

    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        path, files = f"{PARTS}/{shard.name}{self.suffix}", []
        with shard.folder.writing(path) as file:
            for _, (said, array) in rows:
                data = io.BytesIO()
                np.save(data, array, allow_pickle=False)
                files.append(shard.folder.write(said["embeddings"], data.getvalue()))
                file.write(f"{self.line(said)}\n".encode())
        return [path, *files]

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        return super().finish(folder, {s: [f for f in files if f.startswith(PARTS)] for s, files in shards.items()})

    def key_of(self, row: Row) -> str | None:
        return str(row.get("id"))

    def faults(self, row: Row, folder: Folder) -> Iterator[str]:
        data = folder.read(str(row.get("embeddings")))
        if data is None:
            yield f"there is no file {row.get('embeddings')}"
            return
        try:
            array: Any = np.load(io.BytesIO(data), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            yield f"{row['embeddings']} cannot be read: {error}"
            return
        times = row.get("times_s")
        if array.dtype != np.float32 or list(array.shape) != row.get("shape"):
            yield f"it is {array.dtype} of {list(array.shape)}, but the row says float32 of {row.get('shape')}"
        elif not isinstance(times, list) or len(times) != len(array):
            yield "it has different numbers of times and vectors"
        elif any(a is not None and b is not None and a[0] > b[0] for a, b in _neighbours(times)):
            yield "its vectors are not in order of time"


def _numbers(value: Any) -> Any:
    """Return a vector as a list, however it is stored."""
    return unpacked([value])[0].tolist() if isinstance(value, bytes) and value else value


def _neighbours(times: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield neighbouring times whose starts are known."""
    known = [t if isinstance(t, list) and t and t[0] is not None else None for t in times]
    yield from pairwise(known)
