"""Every published recipe: what it asks, that a kill costs nothing that was stored, that its output is sound, and that
an edit makes anew what depends on it and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

import pipeline as longcap
from pipeline.output.verification import verify
from tests.recipes.cases import cases, config_of, edited, prompt_edits
from tests.recipes.engine import counted, notes
from tests.recipes.kills import render
from tests.support.command import forker

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("in")
    render(found)
    return found


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[..., int]]:
    with forker() as found:
        yield found


@pytest.mark.parametrize("name", sorted(cases()))
def test_a_recipe_is_killed_finishes_and_is_sound(
    name: str, folder: Path, run: Callable[..., int], tmp_path: Path
) -> None:
    case = cases()[name]
    for module in case.get("needs", ()):
        pytest.importorskip(module)
    log, out = tmp_path / "asked", tmp_path / "out"
    calls = case["calls"]
    engine = {
        "kind": "tests.recipes.engine:Said",
        "name": "",
        "says": json.dumps(case.get("says", {})),
        "log": str(log),
        "die_at": max(1, sum(calls.values()) * 2 // 3),
    }
    config = config_of(name, engine)
    from pipeline.config.values import config_to_dict

    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(config_to_dict(config), sort_keys=False))
    if calls:  # a recipe without an engine has none to die of
        code = run("run", str(folder), "-o", str(out), "-c", str(tmp_path / "recipe.yaml"), "-q", log=tmp_path / "log")
        assert code == 9, (tmp_path / "log").read_text()

    result = longcap.run(str(folder), str(out), config, quiet=True)
    assert result.ok, result.failures()
    assert counted(notes(log)) == calls
    output = longcap.open(str(out))
    assert verify(output).findings == []
    assert all(output.table(table).num_rows for table in config.tables), "a table is empty"
    assert case.get("told", "") in output.table("dataset").to_pylist()[0]["caption"]
    for edit in [*case["edits"], *prompt_edits(config, tmp_path)]:
        planned = longcap.plan(str(folder), str(out), config_of(name, engine, *edited(config, edit)))
        left = {table for table, count in planned.remaining.tables.items() if count.left or count.waiting}
        left |= ({"segments"} if planned.remaining.segments else set()) | (
            {"dataset"} if planned.remaining.segments or planned.remaining.whole else set()
        )
        assert left == set(edit["anew"]), edit


def test_every_published_recipe_has_a_case() -> None:
    """A recipe that says what is theirs and what is ours is a published one."""
    root = Path(longcap.__file__).parents[1] / "configs" / "recipes"
    published = {path.stem for path in root.glob("*.yaml") if "Ours: " in path.read_text()}
    talk = {
        "align",
        "howtocaption",
        "storyteller",
    }  # need speech or vectors: tests/pipeline/execution/test_talk_recipes.py
    assert published == set(cases()) | talk
