"""The package of a job: files of the working directory, Longcap's own code, and environment variables."""

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

CODE = paths.NAMES  # Longcap's packages
_STAYS = ["/evaluation/exam/checkpoint/"]  # the model of the exam, which no run needs
_SHOWN = 8  # a note names at most this many files that are not sent
_HOME = Path(paths.HOME)  # the folder of these packages
_COMMON = frozenset(
    {"tests", "test", "docs", "examples", "scripts", "utils"}
)  # names that other distributions often use
_NAMED = 5  # a note names at most this many modules
_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSW|CREDENTIAL(?!S_FILE)", re.IGNORECASE)


def variables_of(env: Sequence[str]) -> dict[str, str]:
    """Return the variables of `--env NAME` (value of this environment) and `--env NAME=VALUE`.

    Raises:
        UsageError: a variable is not set here, or the command line contains the value of a secret.
    """
    found: dict[str, str] = {}
    for text in env:
        variable, equals, value = text.partition("=")
        if not re.fullmatch(r"[A-Za-z_]\w*", variable):
            raise UsageError(f"--env {variable}: give NAME, to take its value from your environment, or NAME=VALUE")
        if equals and _SECRET.search(variable):
            raise UsageError(
                f"--env {variable}=…: a secret must not be in a command line: set {variable} in your environment "
                f"and give --env {variable}, or use a secret of the cluster (docs/cluster.md)"
            )
        if not equals and variable not in os.environ:
            raise UsageError(f"--env {variable}: {variable} is not set here")
        found[variable] = value if equals else os.environ[variable]
    if hidden := [variable for variable in found if _SECRET.search(variable)]:
        echo(
            f"note: {', '.join(hidden)} are sent as variables of the job, which everybody with access to the job "
            "server can read; a secret of the cluster is safer (docs/cluster.md)",
            err=True,
        )
    return found


def members_of(folder: Path, out: str | None, *, code: bool) -> dict[str, Path]:
    """Return the files of the package: name in the package -> file.

    Args:
        out: the output location, which is excluded if it is in the folder.
        code: add Longcap's own packages if the folder is not the checkout that contains them.

    Modules of the folder that would shadow a module of Longcap, Python or a dependency are not sent, with a note:
    on the cluster the folder comes first in the search path of every process.

    Raises:
        UsageError: the folder has a data file with the path of one of Longcap's files.
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
            "to send one, add a line !PATH to .rayignore",
            err=True,
        )
    if folder == _HOME:
        return members
    if shadows := _shadows(found.files):
        named = ", ".join(shadows[:_NAMED]) + (f" and {len(shadows) - _NAMED} more" if len(shadows) > _NAMED else "")
        echo(
            f"note: {named} of {folder} {'is' if len(shadows) == 1 else 'are'} not sent: on the cluster Python would "
            "import it in place of the module of that name of Longcap, Python or a dependency",
            err=True,
        )
        members = {name: path for name, path in members.items() if name not in set(shadows)}
    if code:
        ours = {f"{p}/{name}": _HOME / p / name for p in CODE for name in files_of(_HOME / p, _STAYS)}
        if twice := sorted(ours.keys() & members.keys()):
            raise UsageError(f"{folder}/{twice[0]} has the name of one of Longcap's files: rename it")
        members |= ours
    return members


def _shadows(files: Sequence[str]) -> list[str]:
    """Return those of `files` whose top-level module name a run imports from elsewhere."""
    taken = {*CODE, *sys.stdlib_module_names, *(packages_distributions().keys() - _COMMON)}
    return [f for f in files if f.endswith((".py", ".so", ".pyd")) and re.split(r"[/.]", f, maxsplit=1)[0] in taken]
