"""One indexed output with planted facts for all tests of retrieval."""

from __future__ import annotations

import pytest

import pipeline as longcap
from tests.support import planted

Stories = tuple[str, dict[int, tuple[str, int]]]


@pytest.fixture(scope="session")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Stories:
    out = str(tmp_path_factory.mktemp("stories") / "captions")
    texts, places = planted.planted(3, 30)
    planted.make(out, texts)
    assert longcap.index_output(out).vectors
    return out, places
