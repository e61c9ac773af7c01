"""A judge with defective answers of models: the rule judge's answers wrapped, truncated, or missing.

--judge '{kind: "tests.support.judges:Noisy", noise: fences}'
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from operators.core.base import SIZING, ItemError
from operators.core.fingerprint import digest
from operators.engines.base import EngineSpec, Generation, Request, RunningEngine
from pipeline.evaluation.judging.rules import answered

MENDED = ("fences", "commas", "talk", "mapping", "capitals")
"""Right answers that are not quite JSON."""

LOST = ("wrong_ids", "two_of_three", "empty", "refusing", "cut", "loop")
"""Invalid answers."""

DOWN: set[str] = set()
"""The `log` of judges that cannot be reached now, although their spec has not changed."""

_REQUESTS: dict[str, list[Request]] = {}


def requests(log: str) -> list[Request]:
    """Return and clear the requests to judges with this `log`."""
    return _REQUESTS.pop(log, [])


@dataclass(frozen=True, kw_only=True)
class Noisy(EngineSpec):
    """noise: one of `MENDED` or `LOST`, "dead", "no keypoints" (dead for that prompt), "half" (no answer for every
    second item, alone or in a batch), "flips" (another label for one request in `every`), or "" for none."""

    version: ClassVar[int] = 1
    generative: ClassVar[bool] = True

    noise: str = ""
    every: int = 3
    model: str = "noisy"
    revision: str = "unspecified"
    temperature: float = 0.7
    log: Annotated[str, SIZING] = ""

    @property
    def model_id(self) -> str:
        return self.model

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        yield _Running(self)


class _Running(RunningEngine):
    def __init__(self, spec: Noisy) -> None:
        self._spec = spec

    def submit(self, request: Request) -> Future[Generation]:
        future: Future[Generation] = Future()
        if self._spec.log:
            _REQUESTS.setdefault(self._spec.log, []).append(request)
        down = self._spec.log in DOWN or (self._spec.noise == "no keypoints" and request.kind == "judge_keypoints")
        if self._spec.noise == "dead" or down:
            future.set_exception(ItemError("engine", "nobody is there"))
            return future
        future.set_result(_spoiled(self._spec, request))
        return future


def _spoiled(spec: Noisy, request: Request) -> Generation:
    value = answered(request)
    text = json.dumps(value)
    said: dict[str, Any] = {"prompt_tokens": 10, "output_tokens": 5}
    match spec.noise:
        case "fences":
            text = f"Here is the JSON you asked for:\n```json\n{json.dumps(value, indent=2)}\n```\nI hope it helps."
        case "commas":
            text = text.replace("}]", "},]").replace("]}", "],}")
        case "talk":
            text = f"Let me compare {{carefully}} first.\n{text}"
        case "mapping":
            text = json.dumps({a.pop("id"): a for a in answered(request)["answers"]})
        case "capitals":
            text = text.replace('"entailed"', '"Entailed."').replace('"correct"', '"CORRECT"')
        case "wrong_ids":
            text = json.dumps({"answers": [{**a, "id": f"x{k}"} for k, a in enumerate(value["answers"])]})
        case "two_of_three":
            text = json.dumps(
                {"answers": [{n: v if n == "id" else "2 of 3" for n, v in a.items()} for a in value["answers"]]}
            )
        case "empty":
            text = " "
        case "refusing":
            text = "I'm sorry, but I can't help with that request."
        case "cut":
            return Generation(text=text[:20], finish_reason="length", **said)
        case "loop":
            return Generation(text="the same words " * 60, finish_reason="loop", **said)
        case "half":
            if any(int(a["id"].strip("abcdefghijklmnopqrstuvwxyz").split(".")[0] or 0) % 2 for a in value["answers"]):
                text = "no idea"
        case "flips":
            if int(digest([request.prompt, request.seed], hex_digits=6), 16) % spec.every == 0:
                text = text.replace('"correct"', '"absent"').replace('"entailed"', '"neutral"').replace('"yes"', '"no"')
    return Generation(text=text, **said)
