"""An engine for the truth of recipes: the exam's small model looks at frames, and a script does everything else.

The small model knows one task, to tell what happens in some frames, in the sentences of the exam's language
(docs/truth.md). So a request with frames becomes that task, whatever it asks for: about ten frames at a time, as the
model was trained. A request of texts is answered with the sentences of that language that stand in its prompt, in
order, each once. What a recipe loses is then what it does not show, does not hand on, or hands on wrongly; how well a
larger model would follow its prompts is not measured.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar

from operators.core.base import ItemError
from operators.core.fingerprint import digest
from operators.engines.base import EngineSpec, FrameImage, Generation, Request, RunningEngine
from operators.engines.transformers import TransformersEngine
from operators.engines.transformers.engine import Engine
from pipeline.evaluation.exam import CHECKPOINT
from pipeline.evaluation.exam.language import NOTHING, read_sentence

_AT_ONCE = 12  # frames: ten and what the windows of a recipe share
_RECENT = 6  # sentences within which the same one is the same event, told by two windows
_CHARACTERS = 4  # of a prompt, for a token


@dataclass
class Cost:
    """What was asked since `cost` was set anew, by all engines of this process."""

    requests: int = 0
    frames: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    kept_s: float = 0.0  # CPU seconds of answers that an earlier recipe had from the same frames


cost = Cost()
_kept: dict[str, tuple[Generation, float]] = {}


@dataclass(frozen=True, kw_only=True)
class Seeing(EngineSpec):
    """See the module's text."""

    version: ClassVar[int] = 1
    generative: ClassVar[bool] = False

    name: str = ""

    @property
    def model_id(self) -> str:
        return "seeing"

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        yield _Running(eyes())


@cache
def eyes() -> RunningEngine:
    """The small model, loaded once for all recipes.

    Loading is no recipe's cost, and it changes PyTorch's default type of numbers for every thread of the process.
    """
    engine = Engine(TransformersEngine(model=str(CHECKPOINT), max_tokens=128))
    engine.boot()
    return engine


@dataclass
class _Running(RunningEngine):
    eyes: RunningEngine

    def submit(self, request: Request) -> Future[Generation]:
        future: Future[Generation] = Future()
        try:
            text = self._looked(request) if request.images else retold(request.prompt.rpartition("\nNow: ")[2])
            text = text if request.schema is None else filled(json.loads(request.schema), text)
            cost.requests += 1
            cost.frames += len(request.images)
            cost.tokens_in += len(request.prompt) // _CHARACTERS
            cost.tokens_out += len(text) // _CHARACTERS
            future.set_result(Generation(text=text))
        except ItemError as error:
            future.set_exception(error)
        return future

    def _looked(self, request: Request) -> str:
        shown = request.images
        count = math.ceil(len(shown) / _AT_ONCE)
        edges = [round(k * len(shown) / count) for k in range(count + 1)]
        parts = [shown[low:high] for low, high in pairwise(edges)]
        told = [self._part(request, part) for part in parts]
        return retold(" ".join(told))

    def _part(self, request: Request, images: Sequence[FrameImage]) -> str:
        asked = replace(
            request, kind="window", prompt="\nTell.", images_at=0, images=tuple(images), schema=None, seed=0
        )
        key = digest([[p.time_s, digest(p.jpeg.hex())] for p in images])
        if key in _kept:
            cost.kept_s += _kept[key][1]
        else:
            began = time.process_time()
            _kept[key] = self.eyes.submit(asked).result(), time.process_time() - began
        return _kept[key][0].text


def retold(text: str) -> str:
    """The sentences of the exam's language in a text, in order; what two windows tell is told once."""
    found: list[str] = []
    for part in re.findall(r"(?:A|The|Night|Day) [a-z ]*?[a-z]+\.", text):
        if read_sentence(part, 0.0, 0.0) is not None and part not in found[-_RECENT:]:
            found.append(part)
    return " ".join(found) or NOTHING


def filled(schema: dict[str, Any], text: str) -> str:
    """A form of which the text fills the main field (the one that may not be empty), and little the others.

    Without a main field a list of objects gets one for each sentence.
    """
    fields, kinds = schema["properties"], schema.get("$defs", {})
    texts = [name for name, one in fields.items() if one.get("type") == "string" and "enum" not in one]
    main = next((name for name in texts if fields[name].get("minLength")), None)
    said = re.findall(r"[^.]+\.", text)
    if main is None and len(fields) == 1 and (name := next(iter(fields))) and "$ref" in fields[name].get("items", {}):
        inner = list(kinds[fields[name]["items"]["$ref"].rpartition("/")[2]]["properties"])
        return json.dumps({name: [{**dict.fromkeys(inner, ""), inner[0]: part.strip(" .")} for part in said]})
    return json.dumps({name: text if name == main else _little(one) for name, one in fields.items()})


def _little(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    return {"array": [], "number": 100.0, "integer": 100, "boolean": False}.get(schema.get("type", ""), "")
