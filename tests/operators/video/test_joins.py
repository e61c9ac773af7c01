"""Where the next header begins: a remote file is searched as a local one is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.video import joins
from operators.video.joins import find_joins

_IVF = b"DKIF\x00\x00\x20\x00"


@given(
    data=st.binary(max_size=60).map(lambda raw: bytes(b % 3 for b in raw)),
    wanted=st.binary(min_size=1, max_size=4).map(lambda raw: bytes(b % 3 for b in raw)),
    at=st.integers(0, 60),
    block=st.integers(4, 9),
)
def test_blocks_find_and_slice_as_bytes_do(data: bytes, wanted: bytes, at: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joins, "_BLOCK_BYTES", block)
        found = joins._Blocks(io.BytesIO(data), len(data))
        assert found.find(wanted, at) == data.find(wanted, at)
        assert found[at : at + 7] == data[at : at + 7]
        assert found.find(wanted, 0) == data.find(wanted)
        assert len(found) == len(data)


def test_a_remote_file_is_searched_as_a_local_one_unless_it_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = (_IVF + bytes(1000)) * 3
    path = tmp_path / "a.ivf"
    path.write_bytes(data)
    with path.open("rb") as file:
        assert find_joins(file, len(data), "ivf", remote=False) == [1008, 2016]
    assert find_joins(io.BytesIO(data), len(data), "ivf", remote=True) == [1008, 2016]
    monkeypatch.setattr(joins, "_MAX_SCANNED_REMOTE", len(data) - 1)
    assert find_joins(io.BytesIO(data), len(data), "ivf", remote=True) == []
