"""The engine `measure`: its spec and the running thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal

from operators.core.base import ItemError
from operators.engines.base import EngineSpec, Generation, Request, RunningEngine
from operators.engines.template.frame import tell_frame
from operators.engines.template.overview import tell_video
from operators.engines.template.story import tell_section, tell_window
from operators.engines.template.words import Voice

_TELL: dict[str, Callable[[Request, Voice], str]] = {
    "frame": tell_frame,
    "window": tell_window,
    "section": tell_section,
    "video": tell_video,
}


@dataclass(frozen=True, kw_only=True)
class MeasureEngine(EngineSpec):
    """Captions from measurements alone (`operators.analysis.facts`). Every clause is a measured fact.

    Wording varies with `Request.seed` and with nothing else: equal requests give equal text. `Request.words` chooses
    how many facts are named; nothing is padded to reach it. The prompt is not read.
    """

    version: ClassVar[int] = 1
    generative: ClassVar[bool] = False
    place: ClassVar[str] = "operators.engines.measure.engine:MeasureEngine"

    kind: Literal["measure"] = "measure"

    @property
    def model_id(self) -> str:
        return "longcap-measure"

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        yield _Running()


class _Running(RunningEngine):
    def submit(self, request: Request) -> Future[Generation]:
        future: Future[Generation] = Future()
        try:
            future.set_result(_answer(request))
        except ItemError as problem:
            future.set_exception(problem)
        except Exception as problem:  # the contract: submit never raises
            future.set_exception(ItemError("engine", f"measure could not tell a {request.kind}: {problem!r}"))
        return future


def _answer(request: Request) -> Generation:
    if request.kind not in _TELL:
        raise ItemError("engine", f"measure has no model and cannot make a {request.kind}")
    text = _TELL[request.kind](request, Voice(request.seed, request.kind, request.start_s))
    if not text:
        raise ItemError(
            "engine",
            f"nothing was measured between {request.start_s:g} s and {request.end_s:g} s; there is nothing to tell",
        )
    return Generation(text=text, output_tokens=len(text.split()))
