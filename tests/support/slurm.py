"""Slurm's commands imitated on one machine: every node is this machine."""

from __future__ import annotations

from pathlib import Path

_SRUN = """#!/usr/bin/env bash
# options are for the scheduler; the command is what runs
while [[ ${1:-} == --* ]]; do shift; done
if [[ $1 != ray ]]; then exec "$@"; fi
exec "$@" --num-cpus=2 --object-store-memory=200000000
"""
_SCONTROL = """#!/usr/bin/env bash
tr , '\\n' <<< "${@: -1}"
"""


def install(folder: Path) -> None:
    """Write `srun` and `scontrol` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("srun", _SRUN), ("scontrol", _SCONTROL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
