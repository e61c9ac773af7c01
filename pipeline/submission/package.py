"""What travels with a job: files of the working directory, our own code, and variables."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

from cluster.package import files_of, find
from longcap import paths
from operators.core.text import printable
from operators.core.uris import local_path
from pipeline.config.types import VIDEO_SUFFIXES
from pipeline.terminal.errors import UsageError
from pipeline.terminal.printing import echo

CODE = paths.NAMES  # our packages
_STAYS = ["/evaluation/exam/checkpoint/"]  # the exam's model: no run needs it
_SHOWN = 8  # of the files that are not sent
_HOME = Path(paths.HOME)  # where they lie
_COMMON = frozenset({"tests", "test", "docs", "examples", "scripts", "utils"})  # some distribution always has these
_NAMED = 5  # in a note
_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSW|CREDENTIAL(?!S_FILE)", re.IGNORECASE)


def variables_of(env: Sequence[str]) -> dict[str, str]:
    """The variables that `--env NAME` (its value here) and `--env NAME=VALUE` name.

    Raises:
        UsageError: a variable that is not set here, or a secret's value in the command line.
    """
    found: dict[str, str] = {}
    for text in env:
        variable, equals, value = text.partition("=")
        if not re.fullmatch(r"[A-Za-z_]\w*", variable):
            raise UsageError(f"--env {variable}: give NAME, whose value is taken from here, or NAME=VALUE")
        if equals and _SECRET.search(variable):
            raise UsageError(
                f"--env {variable}=…: a secret does not belong into a command line: set {variable} in your environment "
                f"and give --env {variable}, or let the cluster have it (docs/cluster.md)"
            )
        if not equals and variable not in os.environ:
            raise UsageError(f"--env {variable}: {variable} is not set here")
        found[variable] = value if equals else os.environ[variable]
    if hidden := [variable for variable in found if _SECRET.search(variable)]:
        echo(
            f"note: {', '.join(hidden)} travel as variables of the job: whoever may ask the job server can read them; "
            "a secret of the cluster's own is better (docs/cluster.md)",
            err=True,
        )
    return found


def members_of(folder: Path, out: str | None, *, code: bool) -> dict[str, Path]:
    """What travels: name in the package -> file.

    Args:
        out: the output location, in case that it lies in the folder.
        code: add our own packages where the folder is not the checkout that holds them.

    Python modules of the folder that would replace ours, Python's own or a dependency's stay here, with a note: on the
    cluster the folder comes first in every process's search path.

    Raises:
        UsageError: the folder has a data file where one of ours has to lie.
    """
    path = local_path(out) if out else None
    local = Path(path) if path else None
    inside = local.resolve().relative_to(folder) if local and local.resolve().is_relative_to(folder) else None
    data = [f"*{suffix}" for suffix in VIDEO_SUFFIXES if suffix]
    found = find(folder, [*data, *([f"/{inside.as_posix()}/"] if inside and inside.parts else [])])
    members = {name: folder / name for name in found.files}
    if found.secrets:
        more = f" and {len(found.secrets) - _SHOWN} more" if len(found.secrets) > _SHOWN else ""
        echo(
            f"note: {', '.join(map(printable, found.secrets[:_SHOWN]))}{more} may hold secrets and are not sent; "
            "a line !PATH in .rayignore sends one all the same",
            err=True,
        )
    if folder == _HOME:
        return members
    if shadows := _shadows(found.files):
        named = ", ".join(shadows[:_NAMED]) + (f" and {len(shadows) - _NAMED} more" if len(shadows) > _NAMED else "")
        echo(
            f"note: {named} of {folder} {'stays' if len(shadows) == 1 else 'stay'} here: on the cluster Python would "
            "import such a file in place of Longcap's, Python's own or a dependency's module of that name",
            err=True,
        )
        members = {name: path for name, path in members.items() if name not in set(shadows)}
    if code:
        ours = {f"{p}/{name}": _HOME / p / name for p in CODE for name in files_of(_HOME / p, _STAYS)}
        if twice := sorted(ours.keys() & members.keys()):
            raise UsageError(f"{folder}/{twice[0]} has the name of a file of Longcap's own: name it otherwise")
        members |= ours
    return members


def _shadows(files: Sequence[str]) -> list[str]:
    """Those of `files` that hold Python modules with a top-level name that a run imports from elsewhere."""
    taken = {*CODE, *sys.stdlib_module_names, *(packages_distributions().keys() - _COMMON)}
    return [f for f in files if f.endswith((".py", ".so", ".pyd")) and re.split(r"[/.]", f, maxsplit=1)[0] in taken]
