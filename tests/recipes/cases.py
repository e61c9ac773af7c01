"""What every published recipe is held to: `cases.yaml`, one entry a recipe.

says:    kind -> what the scripted engine answers to requests of it, where no filled form will do
calls:   kind -> different requests for one video of 20 s in two segments: the golden call log
edits:   each {table, step, set} is another option of a step, each {with} other overrides; `anew`: what it makes anew
told:    words that the long caption holds
shows:   [table, expression]: what the docs quote of a run with a real engine
seen:    overrides for the run with real engines, where it would take long
tells:   [table, column]: where its caption stands, for `python -m tests.recipes.truth`; truth: overrides for it
set:     overrides for the test, such as a smaller model of an operator
needs:   modules without which it is skipped
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

import operators.prompts
import pipeline as longcap
from pipeline.config.tables import tables_of

HERE = Path(__file__).parent
PROMPTS = Path(operators.prompts.__file__).parent
OF_TEXTS = ("llm", "judge")  # the engines of recipes that are shown no frame


@lru_cache(maxsize=1)
def cases() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "cases.yaml").read_text())
    return found


def config_of(
    name: str, engine: dict[str, Any], *overrides: str, texts: dict[str, Any] | None = None
) -> longcap.Config:
    """A recipe with every engine of its section `engines` replaced: by `texts` where it reads texts only."""
    named = longcap.load_config(name).engines
    chosen = {key: texts if texts and key in OF_TEXTS else engine for key in named}
    engines = {key: {**one, **({"name": key} if "name" in one else {})} for key, one in chosen.items()}
    common = ["plan.segment_s=10", "run.flush_s=0", "run.report_frames_s=0"]
    own = cases()[name].get("set", ())
    return longcap.load_config(name, [f"engines={json.dumps(engines)}", *common, *own, *overrides])


def edited(config: longcap.Config, edit: dict[str, Any]) -> list[str]:
    """The overrides of an edit: other options of one step of a table, or those that it names."""
    if "with" in edit:
        return list(edit["with"])
    table = copy.deepcopy(config.tables[edit["table"]])
    step = table["steps"][edit["step"]]
    ((name, options),) = step.items() if isinstance(step, dict) else ((step, {}),)
    table["steps"][edit["step"]] = {name: {**options, **edit["set"]}}
    return [f"tables.{edit['table']}={json.dumps(table)}"]


def prompt_edits(config: longcap.Config, folder: Path) -> Iterator[dict[str, Any]]:
    """An edit for the prompt of each step `ask`: another text makes its table anew, and what is made from it."""
    specs = tables_of(config)
    for table, spec in config.tables.items():
        anew = {table}
        for one in specs.values():  # parents come first
            if anew.intersection(one.parents):
                anew.add(one.name)
        for number, step in enumerate(spec["steps"]):
            if isinstance(step, dict) and "ask" in step:
                path = folder / f"{table}-{number}.j2"
                packaged = (PROMPTS / f"{step['ask']['prompt']}.j2").read_text(encoding="utf-8")
                path.write_text(f"{packaged} Be brief.", encoding="utf-8")
                yield {"table": table, "step": number, "set": {"prompt": str(path)}, "anew": sorted(anew)}
