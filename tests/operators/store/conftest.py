"""Fixtures of the tests in this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from operators.store.table import Table
from tests.operators.store.tables import SCHEMA


@pytest.fixture
def table(place: str) -> Table:
    made = Table(f"{place}/t", SCHEMA)
    made.fence()
    return made


@pytest.fixture
def local(tmp_path: Path) -> Table:
    made = Table(str(tmp_path / "t"), SCHEMA)
    made.fence()
    return made
