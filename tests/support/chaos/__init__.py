"""Seeded crashes: kill one process of a small job at a random time, resume, and check the output.

    python -m tests.support.chaos --seeds 200 --report docs/chaos.md  # `make chaos`; resumes where it ended
    python -m tests.support.chaos --seed 17 --store s3                   # replays one

A seed determines the victim of SIGKILL, the time, and the options of the job. The driver is a separate process on a Ray
that keeps running; if it exits with a code other than 0, the same command is started again, as by a user.
In the end the output must equal, row for row, the output of an undisturbed run, and `verify` must find no problem.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from pipeline.output.output import Output
from pipeline.output.verification import verify
from tests.support import s3, scenes, video
from tests.support.chaos.patience import NotFinished, Patience
from tests.support.command import started

VICTIMS = ("driver", "decode child", "decode actor", "engine actor", "gather actor", "dataset writer")
REMOTE_VICTIMS = (*VICTIMS, "server")
TABLES = """
tables:
  vectors: {level: segment, steps: [decode, {"tests.support.operators:Brightness": {}}]}
  differences: {level: segment, steps: [decode, measure, {"tests.support.operators:Difference": {}}]}
  segments: {from: [differences, vectors], steps: ["tests.support.operators:Summarise"]}
  marks: {level: video, from: [dataset, segments], steps: ["tests.support.operators:Judge"]}
  totals: {level: run, from: [marks], steps: ["tests.support.operators:Average"]}
"""
_TRIES = 5  # of the same command; there is one kill per seed
_RUN_S = 400.0  # time limit of a command on an idle machine, where it takes 10 s
_USUAL = 10.0  # or this multiple of the undisturbed run, if that is more


@dataclass(frozen=True, kw_only=True)
class Disaster:
    """The parameters of a seed.

    Attributes:
        victim: one of `REMOTE_VICTIMS`.
        after_s: time between the first appearance of such a process and the kill.
        pick: index of the victim, modulo the number of candidates.
        away_s: how long the server is away.
    """

    seed: int
    victim: str
    after_s: float
    pick: int
    away_s: float
    gather_actors: int
    mode: str


def disaster(seed: int, *, remote: bool) -> Disaster:
    """Victims take turns; everything else is drawn."""
    chance = random.Random(seed)
    victims = REMOTE_VICTIMS if remote else VICTIMS
    return Disaster(
        seed=seed,
        victim=victims[seed % len(victims)],
        after_s=chance.uniform(0.0, 1.0 if victims[seed % len(victims)].startswith("decode") else 4.0),
        pick=chance.randrange(1000),
        away_s=chance.uniform(0.5, 4.0),
        gather_actors=chance.choice((1, 2)),
        mode=chance.choice(("streaming", "streaming", "phased")),
    )


@dataclass
class Outcome:
    """The result of a seed.

    Attributes:
        hit: whether the victim existed and was killed.
        codes: exit codes of the drivers, in order; negative values are signals.
        problems: problems of the output; empty if it is right.
        unfinished: what did not end in time, so that the output was not checked; "" if all ended.
    """

    disaster: Disaster
    hit: bool = False
    codes: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    unfinished: str = ""

    @property
    def verdict(self) -> str:
        """Return right, WRONG, or not finished in time."""
        return "not finished in time" if self.unfinished else "WRONG" if self.problems else "right"


class Chaos:
    """The job, its Ray, and the expected output.

    Args:
        folder: folder for clips and logs.
        address: address of a running Ray whose processes are children of this process.
        recipe: main, or tables: captions from stored differences, and tables of vectors, marks and totals.
    """

    def __init__(self, folder: Path, address: str, recipe: str = "main") -> None:
        self.folder = folder
        self.address = address
        self.recipe = recipe
        self.clips = folder / "clips"
        self.clips.mkdir()
        shots = [scenes.Scene(seconds=15.0, canvas=scenes.texture("blue", "white", seed=1), pan=0.1)]
        scenes.render(self.clips / "pan.mp4", shots, fps=12)
        for k in range(3):
            video.render(self.clips / f"{k}.mkv", count=350 + 50 * k, fps=10.0)
        video.render_sound(self.clips / "sound.mp4")
        out = str(folder / "undisturbed")
        self._run_s = _RUN_S
        began = time.monotonic()
        code = self._drive(disaster(0, remote=False), out, Outcome(disaster(0, remote=False)), strike=False)
        assert code == 0, self.log(out)
        self._run_s = max(_RUN_S, _USUAL * (time.monotonic() - began))
        self.expected = contents(out)
        assert not problems(out, self.expected)

    def run(self, seed: int, out: str, server: s3.S3Server | None = None) -> Outcome:
        """Kill once, resume until the command succeeds, and compare."""
        outcome = Outcome(disaster(seed, remote=server is not None))
        began = time.monotonic()
        try:
            self._until_done(out, outcome, server)
            outcome.problems += problems(out, self.expected)
        except NotFinished as error:
            outcome.unfinished = str(error)
        outcome.seconds = time.monotonic() - began
        return outcome

    def _until_done(self, out: str, outcome: Outcome, server: s3.S3Server | None) -> None:
        for number in range(_TRIES):
            code = self._drive(outcome.disaster, out, outcome, strike=number == 0, server=server)
            outcome.codes.append(code)
            if code == 0:
                return
        outcome.problems.append(f"no driver of {_TRIES} ended well: {self.log(out)}")

    def drive(self, out: str) -> list[int]:
        """Run the same command until it succeeds, a few times at most, without kills; return the exit codes."""
        calm, codes = disaster(0, remote=False), list[int]()
        while not codes or (codes[-1] != 0 and len(codes) < _TRIES):
            codes.append(self._drive(calm, out, Outcome(calm), strike=False))
        return codes

    def log(self, out: str) -> str:
        """Return the end of the drivers' output."""
        path = self._log(out)
        return path.read_text(errors="replace")[-3000:] if path.exists() else "no driver was started"

    def _log(self, out: str) -> Path:
        return self.folder / f"{out.rsplit('/', 1)[-1]}.log"

    def _config(self) -> list[str]:
        if self.recipe == "main":
            return []
        path = self.folder / "recipe.yaml"
        path.write_text(TABLES)
        return ["-c", str(path)]

    def _drive(
        self, what: Disaster, out: str, outcome: Outcome, *, strike: bool, server: s3.S3Server | None = None
    ) -> int:
        engine = {"kind": "tests.support.engines:Scripted", "script": '[{"do": "sleep", "sleep_s": 0.08}]'}
        settings = {
            "plan.segment_s": 10,
            "caption.engine": json.dumps(engine),
            "narrate.engine": json.dumps(engine),
            "run.schedule": what.mode,
            "run.flush_s": 1,
            "run.max_failed": 0.5,
            "run.log_every_s": 2,
            "resources.decode.actors": 2,
            "resources.gather_actors": what.gather_actors,
        }
        arguments = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        end = threading.Event()
        Patience(120.0).wait(lambda: not _actors("Stage"), "the end of the actors of the run before")
        with started(
            "run",
            str(self.clips),
            "-o",
            out,
            "--address",
            self.address,
            *self._config(),
            *arguments,
            log=self._log(out),
        ) as driver:
            striker = threading.Thread(target=_strike, args=(what, driver.pid, server, outcome, end), daemon=True)
            if strike:
                striker.start()
            try:
                Patience(self._run_s).wait(lambda: driver.poll() is not None, "the command")
            finally:
                end.set()
            if strike:
                striker.join()
        return int(driver.returncode)


def _strike(what: Disaster, driver: int, server: s3.S3Server | None, outcome: Outcome, end: threading.Event) -> None:
    """Kill the victim; the time counts from the first appearance of a process of its kind."""
    while not _victims(what.victim, driver, server):
        if end.wait(0.05):
            return
    if end.wait(what.after_s):
        return
    found = _victims(what.victim, driver, server)
    if what.victim == "server" and server is not None:
        server.kill()
        time.sleep(what.away_s)
        server.start()
        outcome.hit = True
    elif found:
        with suppress(psutil.NoSuchProcess):
            found[what.pick % len(found)].kill()
            outcome.hit = True


def _victims(kind: str, driver: int, server: s3.S3Server | None) -> list[psutil.Process]:
    """Return the running processes of one kind, by start time."""
    if kind == "driver":
        with suppress(psutil.NoSuchProcess):
            return [psutil.Process(driver)]
        return []
    if kind == "server":
        return [psutil.Process(server.process.pid)] if server is not None and _actors("Stage") else []
    if kind == "gather actor":  # of the stage, or of one of its shards
        return _actors("Aggregator") or _actors("CommitStage")[:1]
    if kind == "dataset writer":
        return _actors("CommitStage")[1:]
    if kind == "decode child":
        return [p for p in _ours() if "operators.video.child" in _line(p)]
    parents = {p.ppid() for p in _ours() if "operators.video.child" in _line(p)}
    return [p for p in _actors("Stage") if (p.pid in parents) == (kind == "decode actor")]


def _actors(name: str) -> list[psutil.Process]:
    wanted = (f"ray::MapWorker(MapBatches({name}))", f"ray::{name}.", f"ray::{name} ")
    return [p for p in _ours() if f"{_line(p)} ".startswith(wanted)]


def _ours() -> list[psutil.Process]:
    """Return the processes of the running Ray, which this process started."""
    found = psutil.Process().children(recursive=True)
    return sorted(found, key=lambda p: (_born(p), p.pid))


def _born(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return process.create_time()
    return 0.0


def _line(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def contents(out: str) -> Counter[tuple[str, ...]]:
    """Return every row of an output by subject and content hash; failures by subject and kind."""
    output = Output(out)
    store = output.store
    further = [
        (name, str(row.get("video_id")), str(row.get("segment_index")), row["content_hash"])
        for name in store.derived
        for row in output.table(name).to_pylist()
    ]
    dataset = store.dataset.read(["video_id", "content_hash"]).to_pylist()
    segments = store.segments.read(["key", "segment_index", "content_hash"]).to_pylist()
    return Counter(
        [
            *(("long caption", r["video_id"], r["content_hash"]) for r in dataset),
            *(("segment", f"{r['key']}/{r['segment_index']}", r["content_hash"]) for r in segments),
            *further,
            *(("failure", f["video_id"], str(f["segment_index"]), f["class"]) for f in output.failures()),
        ]
    )


def problems(out: str, expected: Counter[tuple[str, ...]]) -> list[str]:
    """Return how an output differs from the expected one: lost, duplicate, different rows; and findings of `verify`."""
    found = contents(out)
    wrong = [f"lost: {' '.join(row)}" for row in (expected - found)]
    wrong += [f"twice or different: {' '.join(row)}" for row in (found - expected)]
    return wrong + [f"verify: {f.kind}: {f.what}: {f.why}" for f in verify(Output(out)).findings]
