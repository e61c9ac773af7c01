"""Where Longcap's own code is found, in every process that it starts.

Longcap's packages have short names that a user's file may have, too: `pipeline.py`, `operators/`. Python looks into the
current folder first in notebooks, under `python -m` and `python -c`, and Ray's workers look first into the folder that
the driver was started in. Two measures keep the user's files out of our way:

- `own` installs an import finder for Longcap's top-level names. It precedes `sys.path`, whatever `sys.path` holds.
- Processes of ours search the user's folders last (`search_path`, `environment`, `command`), so that a `types.py` or
  `numpy.py` there never replaces Python's or a dependency's. A user's own engine module is still found.

This module imports nothing of Longcap's. `longcap/start.py` loads it by its path.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 pathlib is slow to import
"""The folder that holds Longcap's packages: a checkout or site-packages."""

NAMES = ("longcap", "pipeline", "operators", "cluster", "configs")
"""Top-level packages of Longcap."""

_SAFE = "PYTHONSAFEPATH"  # `python -P` for every Python that a process starts
_MARK = "longcap names"


class _Finder:
    """Finds the packages of `NAMES` in `HOME`, and nothing else."""

    mark = _MARK  # recognises an instance that another copy of this module installed

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [HOME], target) if path is None and name in NAMES else None


def own() -> None:
    """Make the names of Longcap's packages mean Longcap's packages in this process. A second call does nothing.

    Raises:
        ImportError: another module of such a name is loaded already; one line.
    """
    for name in NAMES:
        module = sys.modules.get(name)
        if module is not None and not _is_ours(module, name):
            file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "an unknown place")
            raise ImportError(
                f"the module {name} that is loaded already ({file}) has the name of a package of Longcap: rename that "
                "file, or import longcap before it"
            )
    if not any(getattr(finder, "mark", None) == _MARK for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def search_path(paths: Sequence[str] | None = None) -> list[str]:
    """`sys.path` with the user's folders last: the current one, and the one of the script that runs.

    Without what a package puts there while it is imported: `cv2` its own folder, whose `typing` would hide Python's in
    a process that another thread starts at that moment.

    Args:
        paths: in place of `sys.path`.
    """
    found = list(dict.fromkeys(_absolute(path) for path in (sys.path if paths is None else paths)))
    users = _users_folders()
    found = [path for path in found if path in users or not _is_package(path, found)]
    return [path for path in found if path not in users] + [path for path in found if path in users]


def extend_search_path(paths: Sequence[str]) -> None:
    """Append to `sys.path` those of `paths` that it lacks and that exist on this machine."""
    known = {_absolute(path) for path in sys.path}
    sys.path += [path for path in paths if path not in known and os.path.isdir(path)]  # noqa: PTH112 as above


def demote_users_folders() -> None:
    """Search the user's folders last in this process, too; for a process that is Longcap's alone."""
    sys.path[:] = search_path()


def command(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of Longcap's as `python -m` does, whatever the current folder holds.

    Its environment should be `environment()`.
    """
    start = os.path.join(os.path.dirname(os.path.abspath(__file__)), "start.py")  # noqa: PTH100, PTH118, PTH120
    return [sys.executable, "-P", start, module, *arguments]


def environment() -> dict[str, str]:
    """Environment for a Python process that imports what this one can, with the user's folders last."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(search_path()), _SAFE: "1"}


@contextmanager
def safe_environment() -> Iterator[None]:
    """Inside the block, processes that are started look for no module in the current folder first.

    The user's folders are taken out of PYTHONPATH: a relative one would mean another folder elsewhere.
    """
    names = (_SAFE, "PYTHONPATH")
    before = {name: os.environ.get(name) for name in names}
    users = _users_folders()
    given = [path for path in (before["PYTHONPATH"] or "").split(os.pathsep) if path]
    kept = [path for path in given if _absolute(path) not in users]
    os.environ[_SAFE] = "1"
    if given:
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def shadowing(folder: str) -> str | None:
    """The first entry of `folder` that Python would import in place of a package of Longcap's; None for none."""
    if os.path.realpath(folder) == os.path.realpath(HOME):
        return None
    for name in NAMES:
        for file in (f"{name}/__init__.py", f"{name}.py"):
            if os.path.isfile(os.path.join(folder, file)):  # noqa: PTH113, PTH118 as above
                return file
    return None


def _users_folders() -> set[str]:
    """The current folder and the folder of the running script; never the one that holds Longcap's code."""
    script = sys.argv[0] if getattr(sys, "argv", None) else ""
    found = {_absolute(""), os.path.dirname(os.path.realpath(script)) if script else _absolute("")}  # noqa: PTH120
    return found - {HOME}


def _is_package(path: str, others: Sequence[str]) -> bool:
    """Whether a folder is a package in one of the others."""
    above = os.path.dirname(path)  # noqa: PTH120 as above
    return above in others and os.path.isfile(os.path.join(path, "__init__.py"))  # noqa: PTH113, PTH118 as above


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path or ".")  # noqa: PTH100 as above
    except OSError:  # the current folder is gone
        return path


def _is_ours(module: ModuleType, name: str) -> bool:
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any(place and os.path.abspath(place).startswith(os.path.join(HOME, name)) for place in places)  # noqa: PTH100, PTH118
