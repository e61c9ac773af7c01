"""An engine that judges: pinned, asked with a schema, with its answers stored."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from operators.core.base import Row
from operators.core.fingerprint import digest, identity
from operators.engines.ask import Answer
from operators.engines.ask import ask as ask_engine
from operators.engines.base import EngineSpec, Request, RunningEngine
from operators.engines.gates import ALWAYS, About, malformed, refusal
from pipeline.evaluation.judging.answers import PASSING, Answers, Known
from pipeline.evaluation.judging.asking import Ask, Values, prompt

TRIES = 3
TWICE = 0.05
"""Share of the requests that are asked a second time, with another seed."""

_GATES = (*ALWAYS, refusal, malformed)
_OTHER_SEED = 1_000_003


@dataclass(frozen=True)
class Named:
    """A judge as named on the command line."""

    name: str
    spec: EngineSpec

    @property
    def fingerprint(self) -> str:
        return digest(identity(self.spec))

    @property
    def pinned(self) -> bool:
        """Whether its revision identifies the weights that answer."""
        return self.spec.revision not in ("", "unspecified")


def pinned(spec: EngineSpec) -> EngineSpec:
    """Return the engine with temperature 0, if it has a temperature."""
    names = {f.name for f in fields(spec)} if is_dataclass(spec) else set()
    if "temperature" in names and getattr(spec, "temperature", None):  # null: the model does not accept one
        changed: EngineSpec = replace(spec, temperature=0.0)  # type: ignore[call-arg]  # it has that field
        return changed
    return spec


class Judge:
    """Asks an engine and stores its answers. Thread-safe, since several captions are judged simultaneously.

    Args:
        seed: seed of the first try; each retry after an invalid answer adds 1.
    """

    def __init__(self, named: Named, engine: RunningEngine, answers: Answers, seed: int = 1) -> None:
        self.named, self.seed = named, seed
        self._engine, self._answers = engine, answers
        self._fingerprint = named.fingerprint
        self._guard = threading.Lock()
        self._running: dict[str, Future[Known]] = {}
        self._least: tuple[str, Ask, str, str] | None = None
        self.twice = 0  # requests of this run that are asked a second time, including those asked in earlier runs
        self.asked = 0
        self.answered = 0  # requests of this run that the engine answered, validly or not
        self.problem: str | None = None  # why the engine failed last
        self.unanswered: set[str] = set()  # videos for which the engine failed, not its answer; another run asks again

    def ask(self, asks: Sequence[Ask], *, protocol: str, video_id: str) -> dict[str, Values | None]:
        """Return id -> values for all items of all requests; None for an item without a valid answer."""
        found: dict[str, Values | None] = {}
        begun = [(one, self._begin(one, protocol, video_id, 0)) for one in asks]
        for one, future in begun:
            known = future.result()
            if known.state == "split":
                found |= self.ask(one.parts(), protocol=protocol, video_id=video_id)
                continue
            found |= known.answer if known.answer is not None else dict.fromkeys(one.items)
            if known.answer is not None and one.labelled:
                self._again(one, protocol, video_id)
        return found

    def at_least_once_again(self) -> None:
        """Ask one request a second time if none was chosen at random."""
        if self._least is not None and not self.twice:
            _, one, protocol, video_id = self._least
            self.twice += 1
            self._begin(one, protocol, video_id, 1).result()

    def _again(self, one: Ask, protocol: str, video_id: str) -> None:
        """Ask a request a second time if it is chosen, by a hash of the request alone."""
        key = self._key(one, 0)
        with self._guard:
            if self._least is None or key < self._least[0]:
                self._least = (key, one, protocol, video_id)
            if int(key[:8], 16) >= TWICE * 16**8:
                return
            self.twice += 1
        self._begin(one, protocol, video_id, 1).result()

    def _key(self, one: Ask, repeat: int) -> str:
        return digest([self._fingerprint, one.text, one.schema, self.seed, repeat])

    def _begin(self, one: Ask, protocol: str, video_id: str, repeat: int) -> Future[Known]:
        key = self._key(one, repeat)
        with self._guard:
            known = self._answers.get(key)
            if known is None and key in self._running:
                return self._running[key]
            future: Future[Known] = Future()
            if known is not None:
                future.set_result(known)
                return future
            self._running[key] = future
            self.asked += 1
        request = Request(
            kind=f"judge_{one.prompt}",
            start_s=0.0,
            end_s=0.0,
            prompt=one.text,
            texts=(one.material, *one.items.values()),
            schema=one.schema,
            seed=self.seed + repeat * _OTHER_SEED,
        )
        about = About(parse=one.read, prose=lambda _: "an answer")  # labels and ids are not prose
        asked = ask_engine(self._engine, request, tries=TRIES, gates=_GATES, about=about)
        row = {
            "key": key,
            "seed": request.seed,
            "protocol": protocol,
            "video_id": video_id,
            "repeat_of": self._key(one, 0) if repeat else None,
        }
        asked.add_done_callback(lambda done: self._resolve(done, future, one, row))
        return future

    def _resolve(self, done: Future[Answer], future: Future[Known], one: Ask, known: Row) -> None:
        """Store an answer and resolve its future. `known` has the columns that are known in advance."""
        try:
            row = self._row(done.result(), one, known)
            with self._guard:
                if row["failure_class"] in (None, "gate"):
                    self.answered += 1
                else:
                    self.problem = row["problem"]
                if row["failure_class"] in PASSING:
                    self.unanswered.add(row["video_id"])
            kept = self._answers.put(row)
        except BaseException as error:  # the future must be resolved in any case
            future.set_exception(error)
        else:
            future.set_result(kept)
        finally:
            with self._guard:
                self._running.pop(known["key"], None)

    def _row(self, answer: Answer, one: Ask, known: Row) -> Row:
        said: dict[str, Any] | None = None
        if answer.valid:
            said = one.read(answer.text)
        halves = said is None and answer.failure_class == "gate" and len(one.items) > 1 and not answer.too_long
        template, usage = prompt(one.prompt), answer.usage
        return {
            **known,
            "judge": self.named.name,
            "fingerprint": self._fingerprint,
            "model": self.named.spec.model_id,
            "revision": self.named.spec.revision,
            "prompt": one.prompt,
            "prompt_version": template.version,
            "prompt_hash": template.hash,
            "items": list(one.items),
            "state": "ok" if said is not None else "split" if halves and not known["repeat_of"] else "failed",
            "answer": json.dumps(said, ensure_ascii=False, sort_keys=True) if said is not None else None,
            "failure_class": answer.failure_class,
            "problem": answer.problem,
            "attempts": answer.attempts,
            "prompt_tokens": usage.prompt_tokens,
            "output_tokens": usage.output_tokens,
            "engine_s": usage.engine_s,
            "cost_usd": usage.cost_usd,
        }
