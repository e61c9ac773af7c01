"""`longcap push`: publish a dataset on a hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from pipeline.output.output import Output
from pipeline.reporting.hub import Pushed, push
from pipeline.terminal.look import counted
from pipeline.terminal.printing import echo, echo_json

_SHOWN = 20


def push_command(
    *,
    out: str,
    repo: str,
    extras: Sequence[str] = (),
    public: bool = False,
    revision: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    as_json: bool = False,
) -> int:
    """Push, and print what was sent; return 1 if a video had to be left out."""
    made = push(
        Output(out),
        repo,
        extras=extras,
        public=public,
        revision=revision,
        force=force,
        dry_run=dry_run,
        say=lambda text: echo(text, err=True),
    )
    if as_json:
        echo_json(asdict(made))
    else:
        _print(made, dry_run=dry_run)
    return 1 if made.left_out else 0


def _print(made: Pushed, *, dry_run: bool) -> None:
    for name in made.files[:_SHOWN]:
        echo(name)
    if len(made.files) > _SHOWN:
        echo(f"… and {len(made.files) - _SHOWN} more")
    for name, why in made.left_out.items():
        echo(f"left out: {name}: {why}")
    what = f"{counted(len(made.files), 'file')}, {made.size_bytes / 2**20:.1f} MiB"
    kind = "private" if made.private else "public"
    if dry_run:
        echo(f"would send {what} to the {kind} dataset {made.repo}")
    else:
        removed = f"; removed {counted(len(made.removed), 'file')} of an earlier push" if made.removed else ""
        echo(f"sent {what} to the {kind} dataset {made.url}{removed}")
