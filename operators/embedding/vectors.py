"""Vectors in rows: a column of half-precision numbers that Delta tables can hold, and back.

Delta has no half-precision numbers and no lists of fixed size. A vector is stored as the bytes of its float16 numbers,
little-endian: as long as a fixed-size list, and one object in Python where a list would be a thousand. `as_list_array`
gives Arrow's fixed-size lists of them, without a copy of the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Rows of length 1; shape (how many, dimensions)."""

VECTOR = pa.binary()
"""Of d float16 numbers, 2 d bytes."""

FRAME_VECTOR = pa.struct(
    [
        pa.field("start_s", pa.float64()),  # it stands for [start_s, end_s)
        pa.field("end_s", pa.float64()),
        pa.field("pts_s", pa.float64()),  # of the frame
        pa.field("vector", VECTOR),
    ]
)

TEXT_VECTOR = pa.struct(
    [
        pa.field("unit", pa.string()),  # window, section or sentence
        pa.field("index", pa.int32()),  # window_index or section_index; -1: the opening
        pa.field("sentence", pa.int32()),  # its number in the section; null unless unit is sentence
        pa.field("start_s", pa.float64()),  # of what it tells
        pa.field("end_s", pa.float64()),
        pa.field("vector", VECTOR),
    ]
)

_HALF = np.dtype("<f2")


def unit(rows: NDArray[Any]) -> Vectors:
    """Rows scaled to length 1; a row of zeros stays one."""
    made = np.asarray(rows, np.float32)
    lengths = np.linalg.norm(made, axis=-1, keepdims=True)
    found: Vectors = made / np.maximum(lengths, 1e-9)
    return found


def packed(vectors: Vectors) -> list[bytes]:
    """A value of `VECTOR` for each row."""
    return [row.tobytes() for row in np.asarray(vectors, _HALF)]


def unpacked(values: Sequence[bytes]) -> Vectors:
    """The rows that `packed` was given, to half precision; shape (n, d), of length 1.

    Raises:
        ValueError: vectors of several lengths.
    """
    if not values:
        return np.zeros((0, 0), np.float32)
    sizes = {len(value) for value in values}
    if len(sizes) > 1 or min(sizes) == 0 or min(sizes) % 2:
        raise ValueError(f"these vectors have {', '.join(str(size // 2) for size in sorted(sizes))} dimensions")
    rows = np.frombuffer(b"".join(values), _HALF).reshape(len(values), -1)
    return unit(rows)


def as_list_array(values: pa.Array | pa.ChunkedArray) -> pa.FixedSizeListArray:
    """Values of `VECTOR` as an array of fixed-size lists of float16.

    Raises:
        ValueError: null, or vectors of several lengths.
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
    """The mean direction of some rows, of length 1; shape (d,)."""
    found: NDArray[Any] = np.asarray(vectors, np.float32).mean(0)
    return unit(found)
