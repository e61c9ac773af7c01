from __future__ import annotations

import json

from operators.core.rows import PROVENANCE
from operators.engines.provenance import provenance
from operators.engines.template import MeasureEngine
from operators.prompts import load_prompt
from tests.support.engines import Scripted


def test_provenance_names_engine_model_prompts_and_sampling() -> None:
    prompts = [load_prompt("window"), load_prompt("frame")]
    made = provenance(MeasureEngine(), prompts, {"tries": 3, "seed": 5})
    assert set(made) == {field.name for field in PROVENANCE}
    assert (made["engine"], made["model"]) == ("measure", "longcap-measure")
    assert json.loads(made["prompts"]) == {p.name: {"version": p.version, "hash": p.hash} for p in prompts}
    assert json.loads(made["sampling"]) == {"seed": 5, "tries": 3}
    assert made == provenance(MeasureEngine(), prompts[::-1], {"seed": 5, "tries": 3})


def test_an_engine_without_a_kind_is_named_by_its_class() -> None:
    assert provenance(Scripted(), [], {})["engine"] == "Scripted"
