"""Four recipes killed at random requests: chained requests, several engines, a tree search, tables of whole videos."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.kills import killed, render

pytestmark = pytest.mark.slow

NEEDS = {"autocaption": "onnxruntime"}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("in")
    render(found)
    return found


@pytest.mark.parametrize("name", ["sharegpt4video", "autocaption"])
def test_a_killed_recipe_ends_with_the_rows_of_one_that_was_not(name: str, videos: Path, tmp_path: Path) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    outcome = killed(name, videos, tmp_path, seed=1, kills=1)
    assert outcome.kills, "it was there to be killed"
    assert outcome.rows and outcome.problems == []
