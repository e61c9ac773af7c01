"""`optimise_prompt`: summarise a video with an instruction that is rewritten in rounds by an evaluator (ViSMaP).

The roles are ViSMaP's: a generator writes a summary of the captions, an evaluator scores it, an optimiser rewrites
the generator's instruction. The best round is kept, and the rounds end when the score stops improving.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from operators.cleaning.forms import read_form
from operators.core import structs
from operators.core.base import SIZING, Apply, ItemError, Level, Operator, Row
from operators.core.fingerprint import digest
from operators.engines.ask import Answer, Usage, ask
from operators.engines.base import EngineSpec, Request, RunningEngine
from operators.engines.gates import About, gates_of, malformed
from operators.engines.provenance import provenance
from operators.engines.registry import AnyEngine
from operators.engines.shared import shared
from operators.prompts import load_prompt

_ROUND = pa.struct(
    [
        pa.field("round", pa.int32()),  # from 1
        pa.field("instruction", pa.string()),  # instruction of the summary
        pa.field("text", pa.string()),
        pa.field("score", pa.float64()),  # 0 to 100; null if not evaluated
        pa.field("critique", pa.string()),
        pa.field("problem", pa.string()),  # problem of a request without a valid answer; null if there is none
    ]
)
FIRST = "Tell in order of time what happens, who takes part and where, in whole sentences."
_MOST = 100  # points
_SHRINKS = 10


class Judgement(BaseModel):
    """What an evaluator says."""

    model_config = ConfigDict(extra="forbid")
    score: Annotated[int, Field(ge=0, le=_MOST)]
    critique: Annotated[str, Field(max_length=1200)]  # empty: nothing is missing


@dataclass(frozen=True, kw_only=True)
class OptimisePrompt(Operator):
    """Writes `summary`, the best of the rounds, `summary_rounds`, all of them, `summary_provenance` and `usage`.

    It stops after `rounds`, at the score 100, or when a round's score is not at least `gain` above the best so far.
    A round without a summary or score also ends it; a video without any summary fails.
    """

    name: ClassVar[str] = "optimise_prompt"
    version: ClassVar[int] = 2  # 2: the best summary is kept whatever it gains, and a critique may be empty
    level: ClassVar[Level] = "video"
    pool: ClassVar[str] = "ask"
    reads: ClassVar[frozenset[str]] = frozenset({"video_id", "duration_s", "captioned"})
    writes: ClassVar[frozenset[str]] = frozenset({"summary", "summary_rounds", "summary_provenance", "usage"})
    types: ClassVar[Mapping[str, pa.DataType]] = {
        "summary": pa.string(),
        "summary_rounds": pa.list_(_ROUND),
        "summary_provenance": structs.PROVENANCE,
    }

    engine: Annotated[AnyEngine, Field(description="engine that writes summaries")]
    evaluator: Annotated[AnyEngine, Field(description="engine that scores them; use another model")]
    optimiser: Annotated[AnyEngine, Field(description="engine that rewrites the instruction")]
    rounds: Annotated[int, Field(ge=1, le=20, description="maximum number of summaries per video")] = 4
    gain: Annotated[float, Field(ge=0, description="least gain of a round to continue, in points of 100")] = 1.0
    instruction: Annotated[str, Field(min_length=1, description="instruction of the first round")] = FIRST
    words: Annotated[int, Field(ge=10, description="target number of words of a summary")] = 200
    language: Annotated[str, Field(min_length=1, description="language of the summary")] = "English"
    tries: Annotated[int, Field(ge=1, le=10, description="tries of a request before it counts as failed")] = 3
    concurrency: Annotated[int, Field(ge=1, description="videos that an actor processes simultaneously"), SIZING] = 4

    def identity_extra(self) -> dict[str, Any]:
        return {"prompts": [load_prompt(name).hash for name in _PROMPTS]}

    @contextmanager
    def open(self) -> Iterator[Apply]:
        with ExitStack() as stack:
            roles = (self.engine, self.evaluator, self.optimiser)
            running = [(spec, stack.enter_context(shared(spec))) for spec in roles]
            engines = dict(zip(_PROMPTS, running, strict=True))
            yield lambda row: {**row, **_Rounds(self, row, engines).made()}


_PROMPTS = ("meta_generate", "meta_evaluate", "meta_optimise")


class _Rounds:
    def __init__(self, spec: OptimisePrompt, row: Row, engines: Mapping[str, tuple[EngineSpec, RunningEngine]]) -> None:
        self._spec, self._row, self._engines = spec, row, engines
        self._captions = [w for segment in row["captioned"] for w in segment["windows"] if w["valid"]]
        self._seed = int(digest([row["video_id"], "optimise"], hex_digits=8), 16)
        self._usage = Usage()
        self._asked = 0

    def made(self) -> Row:
        spec = self._spec
        if not self._captions:
            raise ItemError("gate", "there is no caption to summarise")
        rounds: list[Row] = []
        best: Row | None = None
        instruction = spec.instruction
        for number in range(1, spec.rounds + 1):
            now = self._round(number, instruction)
            rounds.append(now)
            before = -math.inf if best is None or best["score"] is None else best["score"]
            score = -math.inf if now["score"] is None else now["score"]
            if now["text"] and (best is None or score > before):
                best = now
            if now["problem"] or score < before + spec.gain or score == _MOST or number == spec.rounds:
                break
            answer = self._ask("meta_optimise", instruction=instruction, rounds=rounds)
            if not answer.valid:
                now["problem"] = f"optimiser: {answer.problem}"
                break
            instruction = answer.text
        if best is None:
            raise ItemError("gate", f"no summary: {rounds[-1]['problem']}")
        generator, _ = self._engines["meta_generate"]
        made_by = provenance(generator, [load_prompt(name) for name in _PROMPTS], {"seed": self._seed})
        return {
            "summary": best["text"],
            "summary_rounds": rounds,
            "summary_provenance": made_by,
            "usage": self._usage.row(),
        }

    def _round(self, number: int, instruction: str) -> Row:
        now: Row = {"round": number, "instruction": instruction, "text": None, "score": None, "critique": None}
        generated = self._ask("meta_generate", instruction=instruction, words=self._spec.words)
        if not generated.valid:
            return {**now, "problem": f"generator: {generated.problem}"}
        judged = self._ask("meta_evaluate", Judgement, summary=generated.text, words=self._spec.words)
        if not judged.valid:
            return {**now, "text": generated.text, "problem": f"evaluator: {judged.problem}"}
        read = read_form(judged.text, Judgement)
        return {**now, "text": generated.text, "score": float(read.score), "critique": read.critique, "problem": None}

    def _ask(self, name: str, form: type[BaseModel] | None = None, **values: Any) -> Answer:
        spec, engine = self._engines[name]
        template = load_prompt(name)
        self._asked += 1

        def request(times: int) -> Request | None:
            """Build the request with every 2^times-th caption, if the prompt is too long."""
            captions = self._captions[:: 2**times]
            if times > _SHRINKS or (times and len(captions) == len(self._captions[:: 2 ** (times - 1)])):
                return None
            prompt = template.render(language=self._spec.language, captions=captions, **values)
            return Request(
                kind=name,
                start_s=0.0,
                end_s=self._row["duration_s"],
                prompt=prompt.text,
                instructions=template.instructions,
                words=self._spec.words if name == "meta_generate" else None,
                schema=json.dumps(form.model_json_schema(), sort_keys=True) if form else None,
                seed=self._seed + self._asked,
            )

        first = request(0)
        assert first is not None
        about = About(language=self._spec.language, duration_s=self._row["duration_s"])
        gates = gates_of(spec)
        if form is not None:
            about = About(form=form, parse=lambda text: read_form(text, form), prose=_critique)
            gates = gates if malformed in gates else (*gates, malformed)
        answer = ask(
            engine, first, tries=self._spec.tries, gates=gates, about=about, clean=spec.generative, smaller=request
        ).result()
        self._usage += answer.usage
        return answer


def _critique(read: Any) -> str:
    return str(read.critique) or "Nothing."
