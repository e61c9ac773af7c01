"""Package a folder for a cluster: one zip of its files, with a size limit.

Files that git ignores, data and secrets are left out. A file that looks like a secret is sent if a .rayignore names its
path: `!PATH`.

Ray would pack the folder by itself, but names the files and sizes only when the limit is exceeded. Equal files give
an equal zip, so Ray uploads it once.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pathspec import GitIgnoreSpec

from cluster.secret_files import is_secret_file, is_secret_name

IGNORE_FILES = (".gitignore", ".rayignore")  # .rayignore is Ray's, for tracked files that a cluster does not need
NEVER = (
    *(".git/", ".hg/", ".svn/", ".venv/", "venv/", "node_modules/", "__pycache__/", "*.pyc", "*.egg-info/"),
    *(".cache/", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".hypothesis/", ".ipynb_checkpoints/", ".DS_Store"),
)
_STAMP = (2000, 1, 1, 0, 0, 0)  # time of every member, so that equal files give an equal zip


class Found(NamedTuple):
    """The files of a folder, as relative paths in order.

    Attributes:
        files: files to send.
        secrets: files, and folders with a trailing slash, that are left out because they may hold secrets.
    """

    files: list[str]
    secrets: list[str]


def files_of(folder: Path, exclude: Sequence[str] = ()) -> list[str]:
    """`find(folder, exclude).files`."""
    return find(folder, exclude).files


def find(folder: Path, exclude: Sequence[str] = ()) -> Found:
    """Return the files of `folder` to send, and those left out because they may hold secrets.

    Args:
        exclude: patterns as in a .gitignore, added to `NEVER` and to the `IGNORE_FILES` of all levels.
    """
    own = GitIgnoreSpec.from_lines([*NEVER, *exclude])
    found = Found([], [])
    for path, is_secret in _walk(folder, "", [("", own)], frozenset()):
        (found.secrets if is_secret else found.files).append(path)
    return Found(sorted(found.files), sorted(found.secrets))


def _walk(
    folder: Path, below: str, specs: Sequence[tuple[str, GitIgnoreSpec]], named: frozenset[str]
) -> Iterator[tuple[str, bool]]:
    """Yield paths that nothing ignores, and whether each holds secrets; `named` are paths that are sent anyway."""
    here = [*specs]
    for name in IGNORE_FILES:
        file = folder / below / name
        if file.is_file():
            lines = file.read_text(errors="replace").splitlines()
            here.append((below, GitIgnoreSpec.from_lines(lines)))
            if name == ".rayignore":
                named |= {below + line[1:].strip().lstrip("/") for line in lines if line.startswith("!")}
    with os.scandir(folder / below) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            path = below + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            asked = f"{path}/" if is_folder else path
            if any(spec.match_file(asked.removeprefix(root)) for root, spec in here):
                continue
            # only the exact path counts: `!*` in an allow-list does not mean secrets
            if is_folder:
                if is_secret_name(asked) and asked not in named:
                    yield asked, True
                else:
                    yield from _walk(folder, f"{path}/", here, named)
            elif entry.is_file():  # a link to a file is sent as the file; a link to a folder could be circular
                yield path, path not in named and is_secret_file(path, Path(entry.path))


def check_size(members: Mapping[str, Path], limit_bytes: int) -> int:
    """Return the bytes of all members.

    Raises:
        ValueError: more than the limit; the message names the largest files.
    """
    sizes = {name: path.stat().st_size for name, path in members.items()}
    total = sum(sizes.values())
    if total > limit_bytes:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        named = ", ".join(f"{name} ({sizes[name] / 2**20:.1f} MiB)" for name in largest)
        raise ValueError(
            f"{total / 2**20:.0f} MiB in {len(sizes)} files would be uploaded, and {limit_bytes / 2**20:.0f} MiB are "
            f"allowed; the largest: {named}: list unneeded files in .rayignore, or give a smaller --working-dir"
        )
    return total


def write_zip(members: Mapping[str, Path], to: Path) -> None:
    """Pack `members` (name in the zip -> file); equal members give equal bytes."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _STAMP)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o755 if os.access(members[name], os.X_OK) else 0o644) << 16
            archive.writestr(info, members[name].read_bytes())
