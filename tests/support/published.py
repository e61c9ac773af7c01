"""Published recipes for tests: run with an engine that answers in the requested form, and with an embedder without
a model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import pipeline as longcap
from operators.embedding.embedders.base import RunningEmbedder
from operators.embedding.vectors import Vectors
from operators.engines.base import Request
from tests.support.embedders import Counting, _Counting
from tests.support.engines import Scripted


@dataclass(frozen=True, kw_only=True)
class Obliging(Scripted):
    """Text answers contain the content and time of the request; a request with a schema gets matching JSON.

    `values` is JSON, field -> value, for fields of any schema; other texts are the text of the request, numbers are
    0.5, choices the first one.
    """

    values: str = "{}"

    def good(self, request: Request) -> str:
        shown = ", ".join(f"{p.time_s:g}" for p in request.images) or "nothing"
        text = f"The {request.kind} from {request.start_s:g} to {request.end_s:g} s is told from {shown}."
        if request.schema is None:
            return text
        schema = json.loads(request.schema)
        return json.dumps(self._filled(schema, schema.get("$defs", {}), text, json.loads(self.values)))

    def _filled(self, schema: Any, defs: Any, text: str, values: Any) -> Any:
        if "$ref" in schema:
            return self._filled(defs[schema["$ref"].rpartition("/")[2]], defs, text, values)
        if "anyOf" in schema:
            return self._filled(schema["anyOf"][0], defs, text, values)
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type"):
            case "object":
                return {
                    name: values[name] if name in values else self._filled(part, defs, text, values)
                    for name, part in schema["properties"].items()
                }
            case "array":
                return [self._filled(schema["items"], defs, text, values)]
            case "boolean":
                return True
            case "integer":
                return 1
            case "number":
                return 0.5
        return text


@dataclass(frozen=True, kw_only=True)
class Joint(Counting):
    """Embeds frames and texts in one space of 48 dimensions."""

    @contextmanager
    def open(self) -> Iterator[RunningEmbedder]:
        yield _Joint(self)


class _Joint(_Counting):
    def texts(self, texts: Sequence[str]) -> Vectors:
        found = super().texts(texts)
        return np.pad(found, ((0, 0), (0, 48 - found.shape[1]))) if len(found) else found


def published(name: str, log: str, *more: str, values: Any = None) -> longcap.Config:
    """Return a shipped recipe with scripted engines under the name `log`, and counting embedders."""
    import yaml

    from pipeline.config.load import _recipe_folder

    text = Path(str(_recipe_folder() / f"{name}.yaml")).read_text()
    raw = yaml.safe_load(text)
    engine = json.dumps({"kind": "tests.support.published:Obliging", "log": log, "values": json.dumps(values or {})})
    overrides = [f"engines.{engine_name}={engine}" for engine_name in raw.get("engines", {})]
    tables = raw["tables"]
    for table in tables.values():
        for step in table["steps"]:
            for options in step.values() if isinstance(step, dict) else ():
                if "embedder" in options:
                    options["embedder"] = {"kind": "tests.support.embedders:Counting"}
    overrides.append(f"tables={json.dumps(tables)}")
    return longcap.load_config(name, [*overrides, "run.flush_s=0", *more])
