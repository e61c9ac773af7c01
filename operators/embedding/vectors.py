"""Convert vectors to and from a column of half-precision bytes that Delta tables can store.

Delta has neither half-precision numbers nor fixed-size lists. A vector is stored as the bytes of its float16 numbers,
little-endian: as compact as a fixed-size list, and one Python object instead of a thousand. `as_list_array` returns
them as Arrow's fixed-size lists without copying the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Unit-length rows; shape (count, dimensions)."""

VECTOR = pa.binary()
"""Bytes of d float16 numbers: 2 d bytes."""

FRAME_VECTOR = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # the frame represents [start_s, end_s)
        pa.field("end_s", pa.float64()),
        pa.field("pts_s", pa.float64()),  # pts of the frame
        pa.field("vector", VECTOR),
    ]
)

TEXT_VECTOR = pa.struct(
    [
        pa.field("unit", pa.string()),  # window, section or sentence
        pa.field("index", pa.int32()),  # window_index or section_index; -1: the opening
        pa.field("sentence", pa.int32()),  # its number in the section; null unless unit is sentence
        pa.field("start_s", pa.float64()),  # start of its span
        pa.field("end_s", pa.float64()),
        pa.field("vector", VECTOR),
    ]
)

_HALF = np.dtype("<f2")


def unit(rows: NDArray[Any]) -> Vectors:
    """Scale rows to length 1; a row of zeros stays zero."""
    made = np.asarray(rows, np.float32)
    lengths = np.linalg.norm(made, axis=-1, keepdims=True)
    found: Vectors = made / np.maximum(lengths, 1e-9)
    return found


def packed(vectors: Vectors) -> list[bytes]:
    """Return a value of `VECTOR` for each row."""
    return [row.tobytes() for row in np.asarray(vectors, _HALF)]


def unpacked(values: Sequence[bytes]) -> Vectors:
    """Return the rows that were passed to `packed`, in half precision; shape (n, d), unit length.

    Raises:
        ValueError: the vectors have different lengths.
    """
    if not values:
        return np.zeros((0, 0), np.float32)
    sizes = {len(value) for value in values}
    if len(sizes) > 1 or min(sizes) == 0 or min(sizes) % 2:
        raise ValueError(f"these vectors have {', '.join(str(size // 2) for size in sorted(sizes))} dimensions")
    rows = np.frombuffer(b"".join(values), _HALF).reshape(len(values), -1)
    return unit(rows)


def as_list_array(values: pa.Array | pa.ChunkedArray) -> pa.FixedSizeListArray:
    """Return values of `VECTOR` as an array of fixed-size lists of float16.

    Raises:
        ValueError: a value is null, or the vectors have different lengths.
    """
    array = pa.concat_arrays(values.chunks) if isinstance(values, pa.ChunkedArray) else values
    if array.null_count:
        raise ValueError(f"{array.null_count} of {len(array)} vectors are null")
    raw = array.to_pylist() if len(array) else []
    sizes = {len(value) for value in raw}
    if len(sizes) > 1 or any(size == 0 or size % 2 for size in sizes):
        raise ValueError(f"these vectors have {', '.join(str(size // 2) for size in sorted(sizes))} dimensions")
    numbers = np.frombuffer(b"".join(raw), _HALF)
    return pa.FixedSizeListArray.from_arrays(pa.array(numbers, pa.float16()), sizes.pop() // 2 if sizes else 1)


def mean_of(vectors: Vectors) -> Vectors:
    """Return the unit-length mean direction of some rows; shape (d,)."""
    found: NDArray[Any] = np.asarray(vectors, np.float32).mean(0)
    return unit(found)
