"""Every back end in every format: what docs/decode.md says of them is what they do here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.exactness import BACKENDS, FORMATS, make, read_table, verdict

PAGE = Path(__file__).parents[3] / "docs" / "decode.md"


@pytest.mark.parametrize("name", FORMATS)
def test_the_table_in_the_docs_is_true(name: str, tmp_path: Path) -> None:
    said = read_table(PAGE)[name]
    path = make(tmp_path, name)
    found = {backend: verdict(path, backend) for backend in BACKENDS}
    assert found["pyav"] == found["pyav-sequential"] == found["ffmpeg"] == "exact"
    here = {backend: v for backend, v in found.items() if v != "not installed"}
    assert here == {backend: said[backend] for backend in here}


def test_the_table_knows_no_other_format() -> None:
    assert list(read_table(PAGE)) == list(FORMATS)
