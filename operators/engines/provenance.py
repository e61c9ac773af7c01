"""The value of `structs.PROVENANCE`, by which rows of all levels record what made them."""

from __future__ import annotations

import json
from typing import Any

from operators.engines.base import EngineSpec
from operators.prompts import Prompt


def provenance(engine: EngineSpec, prompts: list[Prompt], sampling: dict[str, Any]) -> dict[str, str]:
    """Engine, model, revision, each prompt's version and hash, and the sampling settings, as one row value."""
    return {
        "engine": str(getattr(engine, "kind", type(engine).__name__)),
        "model": engine.model_id,
        "revision": engine.revision,
        "prompts": json.dumps({p.name: {"version": p.version, "hash": p.hash} for p in prompts}, sort_keys=True),
        "sampling": json.dumps(sampling, sort_keys=True),
    }
