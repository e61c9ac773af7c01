"""Train the exam's model from scratch, on CPU, one thread per process.

    python -m tests.support.seeing.train all WORK --minutes 160 --ranks 2   # everything; CPU minutes, two processes
    python -m tests.support.seeing.train both WORK --minutes 10 --go-on     # continue training

There are four stages, each with its results in WORK. `eyes` learns the content of two frames from dense labels (shapes
per cell, light, movement of the place), which train better than captions, and to express it
in a code with one direction per fact. `words` learns to copy, and to describe the code of perfect
vision; events and actors are also predicted from its middle layers (`heads.Happenings`). Then
`both --frozen` trains the words on the output of the eyes, and `both --go-on` everything, with new stories each time,
since repeated stories would be memorised. Minutes are CPU time, so that a busy machine trains longer, not
worse. An interrupted stage keeps its last checkpoint, a few hundred steps before.
"""

from __future__ import annotations

import argparse
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from pipeline.evaluation.exam.story import write_story
from tests.support.seeing import build, clips
from tests.support.seeing.optimizing import Both, Clock, Said, Together
from tests.support.seeing.trainer import Trainer, exact


def train_eyes(work: Path, minutes: float, stories: int, *, go_on: bool, rank: int, ranks: int) -> None:
    trainer = Trainer(1)
    trainer.check()
    trainer.rng = np.random.default_rng([1, rank, int(go_on)])
    if go_on:
        trainer.load(work / "eyes.pt", "model.visual.")
    film = reel(work, stories, rank)
    module = nn.ModuleList([trainer.model.model.visual, trainer.eyes])
    together = Together(work, rank, ranks, list(module.parameters()))
    run = Clock(minutes, 2e-3 if go_on else 3e-3, Both(module))
    said = Said()
    last = np.array([*film.starts[1:], len(film.images)]) - 1
    good = np.setdiff1d(np.arange(len(film.images)), last)
    while not together.over(run.part >= 1):
        at = trainer.rng.choice(good, 96)
        labels = trainer.labels(film, at)
        with torch.autocast("cpu", torch.bfloat16):
            seen, deep = trainer.see(film.images[np.stack([at, at + 1], 1)])
            loss, marks = trainer.eyes.loss(seen, deep, labels)
        code, wrong = trainer.code_loss(seen, labels)
        run.tick(loss + code, together.parameters)
        said.hear(loss=loss.item(), code=code.item(), **marks, **wrong)
        if run.step in (5, 20) or run.step % 100 == 0:
            print(run.step, f"{run.part:.2f}", said, flush=True)
        if run.step % 500 == 0 and rank == 0:
            trainer.keep(work / "eyes.pt")
    together.end()
    if rank == 0:
        trainer.keep(work / "eyes.pt")


def train_words(work: Path, minutes: float, *, go_on: bool, rank: int, ranks: int) -> None:
    trainer = Trainer(2)
    trainer.rng = np.random.default_rng([2, rank, int(go_on)])
    if go_on:
        trainer.load(work / "words.pt", "model.language_model.")
    stories = [write_story(300, 50_000 + k, "any") for k in range(200)]
    film = clips.reel(200, 300, 30_000 + 1_000 * rank, "train", drawn=False)
    module = nn.ModuleList([trainer.model.model.language_model, trainer.happenings])
    parameters = list(module.parameters())
    together = Together(work, rank, ranks, parameters)
    run = Clock(minutes, 3e-3, Both(module))
    said = Said()
    while not together.over(run.part >= 1):
        text = run.step % 2 == 0
        dense: Any = 0.0
        if text:
            x, y = trainer.text_batch(stories, 1600, min(1.0, 1.6 * run.part))
            seen = None
        else:
            at, x, y, happen = trainer.window_batch(film, 16)
            codes = trainer.codes(film, at.reshape(-1))
            seen = (codes, torch.zeros_like(codes))
        with torch.autocast("cpu", torch.bfloat16):
            logits, wanted = trainer.tell(x, y, seen)
            if not text:
                dense, right, done = trainer.happened(x, film, at, happen)
                said.hear(happened=right, done=done)
        loss = F.cross_entropy(logits, wanted)
        run.tick(loss + 0.3 * dense, parameters)
        said.hear_answer("texts" if text else "windows", loss, logits, wanted)
        if run.step in (6, 20) or run.step % 50 == 0:
            print(run.step, f"{run.part:.2f}", said, flush=True)
        if run.step % 100 == 0 and rank == 0:
            trainer.keep(work / "words.pt")
    together.end()
    if rank == 0:
        trainer.keep(work / "words.pt")


def train_both(
    work: Path,
    minutes: float,
    stories: int,
    out: Path,
    *,
    part: int,
    rate: float,
    go_on: bool,
    frozen: bool,
    rank: int,
    ranks: int,
) -> None:
    trainer = Trainer(3)
    trainer.rng = np.random.default_rng([3, rank, int(go_on), int(time.time())])
    film = reel(work, stories, rank + ranks * part)
    tests = {split: clips.reel(4, 120, 900_000, split) for split in ("any", "heldout")} if rank == 0 else {}
    told = [write_story(300, 50_000 + k, "any") for k in range(200)]
    if go_on:
        trainer.load(work / "both.pt")
    else:
        trainer.load(work / "words.pt", "model.language_model.")
        trainer.load(work / "eyes.pt", "model.visual.")
        trainer.quiet_deepstack()
    learning = [trainer.model.model.language_model] if frozen else [trainer.model, trainer.eyes]
    module = nn.ModuleList([*learning, trainer.happenings])
    parameters = list(module.parameters())
    together = Together(work, rank, ranks, parameters)
    run = Clock(minutes, rate, Both(module))
    said = Said()
    while not together.over(run.part >= 1):
        text = run.step % 6 == 5
        dense: Any = 0.0
        with torch.autocast("cpu", torch.bfloat16):
            if text:
                x, y = trainer.text_batch(told, 2000, 1.0)
                seen = None
            else:
                at, x, y, happen = trainer.window_batch(film, 16)
                flat = at.reshape(-1)
                with torch.set_grad_enabled(not frozen):
                    seen = trainer.see(film.images[np.stack([flat, flat + 1], 1)])
                if not frozen:
                    dense = 0.05 * trainer.eyes.loss(*seen, trainer.labels(film, flat))[0]
            logits, wanted = trainer.tell(x, y, seen)
            if not text:
                happened, right, done = trainer.happened(x, film, at, happen)
                dense = dense + 0.3 * happened
                said.hear(happened=right, done=done)
        loss = F.cross_entropy(logits, wanted)
        run.tick(loss + dense, parameters)
        said.hear_answer("texts" if text else "windows", loss, logits, wanted)
        if run.step in (6, 20) or run.step % 50 == 0:
            print(run.step, f"{run.part:.2f}", said, flush=True)
        if run.step % 200 == 0 and rank == 0:
            print("exact", {name: exact(trainer, test) for name, test in tests.items()}, flush=True)
            trainer.keep(work / "both.pt")
            build.save(trainer.model, trainer.tok, out)
    together.end()
    if rank == 0:
        print("exact", {name: exact(trainer, test) for name, test in tests.items()}, flush=True)
        trainer.keep(work / "both.pt")
        build.save(trainer.model, trainer.tok, out)


def reel(work: Path, stories: int, part: int) -> clips.Reel:
    """Return one part of the training stories, rendered once per folder; parts share no story."""
    path = work / f"reel-{stories}-{part}.pkl"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_bytes(pickle.dumps(clips.reel(stories, 300, 10_000 + 1_000 * part, "train")))
        scratch.rename(path)
    film: clips.Reel = pickle.loads(path.read_bytes())
    print("frames:", len(film.images), flush=True)
    return film


def train_all(work: Path, minutes: float, stories: int, out: Path, ranks: int) -> None:
    """Run every stage in separate processes; the shares of the time were found by experiment."""
    work.mkdir(parents=True, exist_ok=True)

    def stage(name: str, share: float, processes: int, *more: str) -> list[subprocess.Popen[bytes]]:
        options = ["--minutes", str(minutes * share / processes), "--stories", str(stories), "--out", str(out), *more]
        command = [sys.executable, "-m", __spec__.name, name, str(work), *options, "--ranks", str(processes)]
        return [subprocess.Popen([*command, "--rank", str(rank)]) for rank in range(processes)]

    for name, share, processes, *more in (
        ("eyes", 0.1, ranks),
        ("words", 0.23, ranks),
        ("both", 0.14, ranks, "--frozen", "--rate", "2e-3"),
        ("both", 0.28, ranks, "--go-on"),
        ("both", 0.14, ranks, "--go-on", "--part", "1"),
        ("both", 0.11, ranks, "--go-on", "--part", "2", "--rate", "6e-4"),
    ):
        if any(process.wait() for process in stage(str(name), float(share), int(processes), *map(str, more))):
            raise SystemExit(f"a stage failed: {name} {more}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the exam's model.")
    parser.add_argument("stage", choices=["all", "eyes", "words", "both"])
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, required=True, help="CPU minutes; all: of every process together")
    parser.add_argument("--stories", type=int, default=160, help="number of stories of five minutes")
    parser.add_argument("--out", type=Path, default=Path("pipeline/evaluation/exam/checkpoint"))
    parser.add_argument("--frozen", action="store_true", help="both: train only language on the output of the eyes")
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--ranks", type=int, default=1, help="processes that train together, one rank each")
    parser.add_argument("--go-on", action="store_true", help="continue from the checkpoint of this stage")
    parser.add_argument(
        "--part", type=int, default=0, help="both: use other stories, since repeated ones are memorised"
    )
    parser.add_argument("--rate", type=float, default=1e-3, help="both: learning rate at the beginning")
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if args.stage == "all":
        train_all(args.work, args.minutes, args.stories, args.out, args.ranks)
    elif args.stage == "eyes":
        train_eyes(args.work, args.minutes, args.stories, go_on=args.go_on, rank=args.rank, ranks=args.ranks)
    elif args.stage == "words":
        train_words(args.work, args.minutes, go_on=args.go_on, rank=args.rank, ranks=args.ranks)
    else:
        how = {"part": args.part, "rate": args.rate, "go_on": args.go_on, "frozen": args.frozen}
        how |= {"rank": args.rank, "ranks": args.ranks}
        train_both(args.work, args.minutes, args.stories, args.out, **how)


if __name__ == "__main__":
    main()
