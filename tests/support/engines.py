"""An engine with scripted answers and failures.

    engine: {kind: "tests.support.engines:Scripted", script: '[{"kind": "window", "window": 3, "do": "empty"}]'}

Every answer is a function of its request, so equal runs give equal captions; `asked` returns the requests.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

from operators.core.base import SIZING, ItemError
from operators.core.fingerprint import digest
from operators.engines.base import EngineRefused, EngineSpec, Generation, PromptTooLong, Request, RunningEngine
from operators.language.sentences import split_sentences

LOOP = " ".join(["the red car turns left at the corner again"] * 6)
ACTIONS = ("empty", "truncate", "loop", "engine", "out_of_memory", "internal", "cancel", "raise", "sleep", "say")

_ASKED: dict[str, list[Request]] = defaultdict(list)
_LOCK = threading.Lock()


def asked(log: str) -> list[Request]:
    """Return the requests that engines with this `log` received in this process, in order of arrival."""
    with _LOCK:
        return list(_ASKED[log])


def segment_seed(video_id: str, segment_index: int) -> int:
    """Return the seed of a segment's first request."""
    return int(digest([video_id, segment_index], hex_digits=8), 16)


def video_seed(video_id: str) -> int:
    """Return the seed of a video's first request."""
    return int(digest(video_id, hex_digits=8), 16)


@dataclass(frozen=True, kw_only=True)
class Scripted(EngineSpec):
    """Answers by `script`, a JSON list of rules; the first matching rule applies, otherwise the answer is good.

    A rule matches if all its conditions do: `kind`, `window` (its index, by `stride_s`), `start_s`, `video_id` (with
    `segment_index` for frames and windows). `do` is one of `ACTIONS`; `times` is how often it applies to the same
    request, null or absent for always; `sleep_s` delays the answer; `text` is the answer of `say`.
    """

    version: ClassVar[int] = 1
    generative: ClassVar[bool] = False  # its answers describe the request, which the gates for models would reject

    script: str = "[]"
    stride_s: float = 5.0
    seeded: bool = True  # whether the text contains the seed; False to compare runs with failed tries
    threads: Annotated[int, SIZING] = 0  # threads that answer, out of order; 0: submit answers before it returns
    log: Annotated[str, SIZING] = ""  # name under which requests are recorded; "": not recorded

    @property
    def model_id(self) -> str:
        return "scripted"

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        with ThreadPoolExecutor(max(1, self.threads)) as pool:
            yield _Running(self, pool)

    def good(self, request: Request) -> str:
        """Return the good answer to `request`."""
        return say(request, self.seeded)


class _Running(RunningEngine):
    def __init__(self, spec: Scripted, pool: ThreadPoolExecutor) -> None:
        self._spec = spec
        self._rules: list[dict[str, Any]] = json.loads(spec.script)
        for rule in self._rules:
            if rule["do"] not in ACTIONS:
                raise ValueError(f"do is {rule['do']!r}; allowed are {', '.join(ACTIONS)}")
        self._pool = pool
        self._met: Counter[tuple[Any, ...]] = Counter()

    def submit(self, request: Request) -> Future[Generation]:
        rule = self._rule(request)
        if rule["do"] == "raise":
            raise RuntimeError("submit itself is broken")
        if self._spec.threads:
            return self._pool.submit(self._answer, request, rule)
        future: Future[Generation] = Future()
        try:
            future.set_result(self._answer(request, rule))
        except Cancelled:
            future.cancel()
            future.set_running_or_notify_cancel()
        except Exception as error:
            future.set_exception(error)
        return future

    def _rule(self, request: Request) -> dict[str, Any]:
        with _LOCK:
            if self._spec.log:
                _ASKED[self._spec.log].append(request)
            for number, rule in enumerate(self._rules):
                if self._fits(rule, request):
                    # the seed changes with each try, so a request is identified by its content
                    shown = tuple(hash(p.jpeg) for p in request.images)
                    at = (number, request.kind, request.start_s, request.end_s, request.texts, shown)
                    self._met[at] += 1
                    if rule.get("times") is None or self._met[at] <= rule["times"]:
                        return rule
        return {"do": "sleep"}

    def _fits(self, rule: dict[str, Any], request: Request) -> bool:
        if "video_id" in rule:
            index = rule.get("segment_index")
            seed = video_seed(rule["video_id"]) if index is None else segment_seed(rule["video_id"], index)
            if not 0 <= request.seed - seed < 100_000:
                return False
        return (
            rule.get("kind", request.kind) == request.kind
            and ("window" not in rule or rule["window"] * self._spec.stride_s == request.start_s)
            and ("start_s" not in rule or rule["start_s"] == request.start_s)
        )

    def _answer(self, request: Request, rule: dict[str, Any]) -> Generation:
        time.sleep(rule.get("sleep_s", 0.0))
        match rule["do"]:
            case "empty":
                return Generation(text=" \n ")
            case "truncate":
                return Generation(text=self._spec.good(request), finish_reason="length")
            case "loop":
                return Generation(text=LOOP)
            case "say":
                return Generation(text=rule["text"])
            case "engine" | "out_of_memory" as failure:
                raise ItemError(failure, "the script says so")
            case "internal":
                raise RuntimeError("the engine has a bug")
            case "cancel":
                raise Cancelled
        return Generation(text=self._spec.good(request), output_tokens=1)


class Cancelled(Exception):
    """Called if the future is to be cancelled."""


def say(request: Request, seeded: bool = True) -> str:
    """Return the good answer to `request`."""
    seed = f", seed {request.seed}" if seeded else ""
    prompt, told = digest(request.prompt, hex_digits=6), digest(request.texts, hex_digits=6)
    seen = f"{len(request.images)} frames"
    span = f"{request.start_s:g} s to {request.end_s:g} s"
    return f"This {request.kind} lasts from {span}; {seen}, prompt {prompt}, texts {told}{seed}."


@dataclass(frozen=True, kw_only=True)
class Model(Scripted):
    """Like `Scripted`, with answers of an ideal language model: they describe exactly what the request shows.

    A frame or window is described by its `start_s` and the visible objects of `world` (a JSON list of [start_s, end_s,
    name, looks]); digests, sections and openings repeat the sentences in the request, up to the requested words.
    `context` is the size of its context in words.
    """

    generative: ClassVar[bool] = True

    world: str = "[]"
    context: int | None = None

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        with ThreadPoolExecutor(max(1, self.threads)) as pool:
            yield _Limited(self, pool)

    def good(self, request: Request) -> str:
        if request.kind in ("frame", "window"):
            return self._seen(request)
        if request.kind == "outline":
            return json.dumps({"sections": [{"topic": t.split(".")[0][:100], "words": len(t)} for t in request.texts]})
        if request.kind == "names":
            first, second = (t.split(", ", 1)[1] for t in request.texts)
            return json.dumps({"same": first == second, "name": request.texts[0].split(", ")[0]})
        sentences = [s for text in request.texts for s in split_sentences(text)]
        if "go on from there" in request.prompt:
            sentences = [s for s in sentences if s not in request.prompt.split("go on from there")[1]]
        told: list[str] = []
        for sentence in dict.fromkeys(sentences):
            if told and sum(len(s.split()) for s in told) >= (request.words or 10**6):
                break
            told.append(sentence)
        return " ".join(told) or "There is nothing more."

    def _seen(self, request: Request) -> str:
        here = [w for w in json.loads(self.world) if w[0] < request.end_s and w[1] > request.start_s]
        if request.kind == "frame":
            here = here[:1]
        names = " and ".join(f"{name} {looks}" for _, _, name, looks in here) or "an empty street"
        at = f"{int(request.start_s) // 60}:{int(request.start_s) % 60:02}"
        text = f"At {at} the camera shows {names}."
        if request.schema is None:
            return text
        subjects = [{"name": name, "looks": looks} for _, _, name, looks in here]
        rest = {"actions": ["walks"], "camera": "still", "scene": "a street", "on_screen_text": []}
        return json.dumps({"caption": text, "subjects": subjects, **rest})


class _Limited(_Running):
    """Counts words as tokens and refuses prompts that exceed its context."""

    def __init__(self, spec: Model, pool: ThreadPoolExecutor) -> None:
        super().__init__(spec, pool)
        self.context_tokens = spec.context

    def answer_tokens(self, request: Request) -> int:
        return 12 * len(request.texts) if request.kind == "outline" else 2 * (request.words or 50)

    def submit(self, request: Request) -> Future[Generation]:
        takes, room = len(request.prompt.split()), (self.context_tokens or 10**9) - self.answer_tokens(request)
        if takes <= room:
            return super().submit(request)
        future: Future[Generation] = Future()
        future.set_exception(PromptTooLong(takes, room))
        return future


@dataclass(frozen=True, kw_only=True)
class Flaky(Scripted):
    """An engine whose first `failing` boots fail; `counter` is a folder that counts its boots."""

    failing: Annotated[int, SIZING] = 1
    counter: Annotated[str, SIZING] = ""

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        boots = len(list(Path(self.counter).iterdir()))
        (Path(self.counter) / f"{time.time_ns()}-{os.getpid()}").touch()
        if boots < self.failing:
            raise RuntimeError(f"no room on the device, boot {boots + 1}")
        with super().open() as engine:
            yield engine


@dataclass(frozen=True, kw_only=True)
class Held(Scripted):
    """Answers once the file `go` is in `folder`, where it puts the file `asked` with its first request."""

    folder: Annotated[str, SIZING] = ""

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        with ThreadPoolExecutor(max(1, self.threads)) as pool:
            yield _Held(self, pool)


class _Held(_Running):
    def submit(self, request: Request) -> Future[Generation]:
        folder = Path(cast(Held, self._spec).folder)
        (folder / "asked").touch()
        while not (folder / "go").exists():
            time.sleep(0.02)
        return super().submit(request)


@dataclass(frozen=True, kw_only=True)
class Refused(Scripted):
    """An engine that refuses its settings at every boot; `counter` is a folder that counts its boots."""

    counter: Annotated[str, SIZING] = ""

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        (Path(self.counter) / f"{time.time_ns()}-{os.getpid()}").touch()
        raise EngineRefused("the device knows no model of that name (its log: /tmp/device.err)")
        yield


@dataclass(frozen=True, kw_only=True)
class OneUp(Scripted):
    """An engine of which only one instance boots, counted in the folder `counter`; the second fails slowly."""

    counter: Annotated[str, SIZING] = ""

    @contextmanager
    def open(self) -> Iterator[RunningEngine]:
        mark = Path(self.counter) / "up"
        try:
            mark.touch(exist_ok=False)
        except FileExistsError:
            (Path(self.counter) / f"{time.time_ns()}").touch()
            time.sleep(5.0)  # until the run knows of the running one: without one, it gives up
            raise RuntimeError("the device is taken") from None
        try:
            with super().open() as engine:
                yield engine
        finally:
            mark.unlink()
