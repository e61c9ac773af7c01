"""An engine for recipes: it fills in whatever form is asked for, writes down what it was asked, and can die of it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from operators.core.base import SIZING
from operators.core.fingerprint import digest
from operators.engines.base import EngineSpec, Generation, Request, RunningEngine
from tests.support.engines import say


@dataclass(frozen=True, kw_only=True)
class Said(EngineSpec):
    """Answers a kind as `says` has it, a JSON object: kind -> answer.

    An answer may be an object by engine, or a list of answers of which the request's time and seed choose; `echo`
    stands for the last paragraph of the prompt. Other requests with a schema get it filled in, the rest a sentence
    about the request.
    """

    version: ClassVar[int] = 1
    generative: ClassVar[bool] = False

    name: str = ""
    says: str = "{}"
    log: Annotated[str, SIZING] = ""  # a file: a line for each request
    die_at: Annotated[int, SIZING] = 0  # the process ends at this request, once; 0: never

    @property
    def model_id(self) -> str:
        return "said"

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        yield _Running(self)


class _Running(RunningEngine):
    def __init__(self, spec: Said) -> None:
        self._spec = spec
        self._says: dict[str, Any] = json.loads(spec.says)

    def submit(self, request: Request) -> Future[Generation]:
        if self._spec.log:
            _note(self._spec, request)
        answer: Future[Generation] = Future()
        answer.set_result(Generation(text=self._text(request), prompt_tokens=7, output_tokens=3))
        return answer

    def _text(self, request: Request) -> str:
        said = self._says.get(request.kind)
        if isinstance(said, dict) and self._spec.name in said:
            said = said[self._spec.name]
        if isinstance(said, list):
            said = said[(int(request.start_s) + request.seed) % len(said)]
        if said == "echo":
            return request.prompt.rpartition("\n\n")[2]
        if said is not None:
            return said if isinstance(said, str) else json.dumps(said)
        if request.schema is not None:
            schema = json.loads(request.schema)
            return json.dumps(filled(schema, schema.get("$defs", {}), request))
        return say(request)


def filled(schema: dict[str, Any], defs: dict[str, Any], request: Request, name: str = "it") -> Any:
    """A value of a JSON Schema."""
    if "$ref" in schema:
        return filled(defs[schema["$ref"].rpartition("/")[2]], defs, request, name)
    if "anyOf" in schema:
        return filled(schema["anyOf"][0], defs, request, name)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {key: filled(inner, defs, request, key) for key, inner in schema["properties"].items()}
        case "array":
            return [filled(schema["items"], defs, request, name)] * schema.get("minItems", 1)
        case "string":
            return f"The {name.replace('_', ' ')} of {digest([request.prompt, name], hex_digits=6)}."
        case "integer":
            return 1
        case "number":
            return 0.5
    return True


def _note(spec: Said, request: Request) -> None:
    line = {
        "engine": spec.name,
        "kind": request.kind,
        "start_s": request.start_s,
        "frames": len(request.images),
        "prompt": request.prompt,
        "hash": digest([request.kind, request.start_s, request.end_s, request.prompt, request.seed]),
    }
    with Path(spec.log).open("a") as file:
        file.write(json.dumps(line) + "\n")
    died = Path(f"{spec.log}.died")
    if spec.die_at and not died.exists() and len(notes(spec.log)) >= spec.die_at:
        died.touch()
        os._exit(9)  # as if it were killed: nothing is cleaned up


def notes(log: str | Path) -> list[dict[str, Any]]:
    """What engines with this log were asked, in order."""
    path = Path(log)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def counted(found: list[dict[str, Any]]) -> dict[str, int]:
    """Kind -> how many different requests of it there were."""
    return dict(sorted(Counter(kind for kind, _, _ in {(n["kind"], n["engine"], n["hash"]) for n in found}).items()))
