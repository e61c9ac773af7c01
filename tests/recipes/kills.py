"""`python -m tests.recipes.kills [NAME …] [--seed N] [--kills N]`: recipes killed at random, and what is left.

A recipe runs once undisturbed. In another output it is killed at random requests to its engine, a process each time,
or, where it asks none, as soon as the output has a random number of files; then it finishes. Both outputs must hold
the same rows with the same content hashes, and `longcap verify` must find nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import pipeline as longcap
from pipeline.config.values import config_to_dict
from tests.recipes.cases import cases, config_of
from tests.recipes.engine import counted, notes
from tests.support import scenes
from tests.support.chaos import contents, problems
from tests.support.command import started

_KILLED = 9  # exit code of a process that the scripted engine has ended
_TIMEOUT_S = 600.0


@dataclass
class Outcome:
    """What became of a recipe.

    Attributes:
        requests: of the undisturbed run.
        kills: at which request of a process it was killed, or at which file of the output; once it is done there are
            no further ones.
        asked: requests of all its processes together, those lost with a process included.
        rows: of all tables.
        problems: how its output differs from the undisturbed one, and what `verify` finds; none: it survives.
    """

    requests: int
    kills: list[int] = field(default_factory=list)
    asked: int = 0
    rows: int = 0
    problems: list[str] = field(default_factory=list)


def render(folder: Path) -> None:
    """A video of two shots and 20 s, so of two segments."""
    shots = [
        scenes.Scene(seconds=7.0, canvas=scenes.texture("blue", "white", seed=1), pan=0.15),
        scenes.Scene(seconds=13.0, canvas=scenes.texture("red", "brown", seed=2)),
    ]
    scenes.render(folder / "two.mp4", shots, fps=12)


def killed(name: str, videos: Path, folder: Path, *, seed: int, kills: int) -> Outcome:
    """Run a recipe undisturbed and killed.

    Args:
        videos: what it captions.
        folder: for both outputs; must not hold any.
        seed: decides where it is killed.
        kills: how often at most.
    """
    chance = random.Random(f"{name} {seed}")
    undisturbed, out = folder / "undisturbed", folder / "out"
    log = folder / "asked"
    longcap.run(str(videos), str(undisturbed), _config(name, log), quiet=True)
    outcome = Outcome(requests=len(notes(log)))
    most = outcome.requests or _files(undisturbed)
    logs = [folder / f"asked-{attempt}" for attempt in range(kills + 1)]
    for attempt in range(kills):
        before = max(outcome.kills, default=0)
        if outcome.requests:  # of those that cannot have been made yet
            at = chance.randint(1, max(1, most - outcome.asked))
        else:
            at = before + chance.randint(1, max(1, most - before))
        config = _config(name, logs[attempt], die_at=at if outcome.requests else 0)
        hit = _die(name, videos, out, config, at, outcome)
        outcome.asked += len(notes(logs[attempt]))
        if hit:
            outcome.kills.append(at)
    result = longcap.run(str(videos), str(out), _config(name, logs[kills]), quiet=True)
    outcome.asked += len(notes(logs[kills]))
    expected = contents(str(undisturbed))
    outcome.rows = sum(expected.values())
    outcome.problems = problems(str(out), expected)
    if not result.ok:
        outcome.problems.append("the last run failed")
    if counted([note for one in logs for note in notes(one)]) != counted(notes(log)):
        outcome.problems.append("it asked for something else than the undisturbed run")
    return outcome


def _config(name: str, log: Path, die_at: int = 0) -> longcap.Config:
    says = json.dumps(cases()[name].get("says", {}))
    engine: dict[str, Any] = {"kind": "tests.recipes.engine:Said", "name": "", "says": says, "log": str(log)}
    return config_of(name, {**engine, "die_at": die_at})


def _die(name: str, videos: Path, out: Path, config: longcap.Config, at: int, outcome: Outcome) -> bool:
    """Run it in a process of its own until it is killed; False: it was done before."""
    recipe, log = out.parent / "recipe.yaml", out.parent / "log"
    recipe.write_text(yaml.safe_dump(config_to_dict(config), sort_keys=False), encoding="utf-8")
    with started("run", str(videos), "-o", str(out), "-c", str(recipe), "-q", log=log) as process:
        if not outcome.requests:
            end = time.monotonic() + _TIMEOUT_S
            while process.poll() is None and time.monotonic() < end and _files(out) < at:
                time.sleep(0.01)
            if process.poll() is None:
                process.kill()
                process.wait()
                return True
        code = process.wait(timeout=_TIMEOUT_S)
    if code not in (0, _KILLED):
        raise RuntimeError(f"{name}: exit code {code}: {log.read_text(encoding='utf-8')[-2000:]}")
    return code == _KILLED


def _files(out: Path) -> int:
    with suppress(OSError):  # what is written now is renamed while it is counted
        return sum(p.is_file() for p in out.rglob("*"))
    return 0


def main() -> int:
    """0: every recipe survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="recipes; all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=2, help="of a recipe at most")
    given = parser.parse_intermixed_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="kills-") as scratch:
        videos = Path(scratch) / "in"
        videos.mkdir()
        render(videos)
        for name in given.names or sorted(cases()):
            folder = Path(scratch) / name
            folder.mkdir()
            found = killed(name, videos, folder, seed=given.seed, kills=given.kills)
            what, of = (f"{found.requests} requests", "request") if found.requests else ("no request", "file")
            at = f"{of} {', '.join(map(str, found.kills))}" if found.kills else "nothing"
            verdict = "; ".join(found.problems) or "equal and clean"
            print(f"{name}: {what}, killed at {at}, {found.asked} asked, {found.rows} rows: {verdict}", flush=True)
            failed |= bool(found.problems)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
