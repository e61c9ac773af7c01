"""What of a folder travels to a cluster: one zip of its files, without what git ignores, without data, within a limit.

Ray would pack the folder by itself; it says what it took, and how much that was, only when it is too much. The zip is
the same for the same files, so Ray uploads it once.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pathspec import GitIgnoreSpec

IGNORE_FILES = (".gitignore", ".rayignore")  # the second is Ray's, for what git keeps and a cluster does not need
NEVER = (
    *(".git/", ".hg/", ".svn/", ".venv/", "venv/", "node_modules/", "__pycache__/", "*.pyc", "*.egg-info/"),
    *(".cache/", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".hypothesis/", ".ipynb_checkpoints/", ".DS_Store"),
)
_STAMP = (2000, 1, 1, 0, 0, 0)  # of every member: times would make another zip of the same files


def files_of(folder: Path, exclude: Sequence[str] = ()) -> list[str]:
    """Relative paths of the files of `folder` that travel, in order.

    Args:
        exclude: patterns as in a .gitignore, added to `NEVER` and to what `IGNORE_FILES` at any level say.
    """
    own = GitIgnoreSpec.from_lines([*NEVER, *exclude])
    return sorted(_walk(folder, "", [("", own)]))


def _walk(folder: Path, below: str, specs: Sequence[tuple[str, GitIgnoreSpec]]) -> Iterator[str]:
    here = [*specs]
    for name in IGNORE_FILES:
        file = folder / below / name
        if file.is_file():
            here.append((below, GitIgnoreSpec.from_lines(file.read_text(errors="replace").splitlines())))
    with os.scandir(folder / below) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            path = below + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            asked = f"{path}/" if is_folder else path
            if any(spec.match_file(asked.removeprefix(root)) for root, spec in here):
                continue
            if is_folder:
                yield from _walk(folder, f"{path}/", here)
            elif entry.is_file():  # a link to a file travels as the file; one to a folder could go round for ever
                yield path


def check_size(members: Mapping[str, Path], limit_bytes: int) -> int:
    """Bytes of all members.

    Raises:
        ValueError: more than the limit; it names the largest.
    """
    sizes = {name: path.stat().st_size for name, path in members.items()}
    total = sum(sizes.values())
    if total > limit_bytes:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        named = ", ".join(f"{name} ({sizes[name] / 2**20:.1f} MiB)" for name in largest)
        raise ValueError(
            f"{total / 2**20:.0f} MiB in {len(sizes)} files would be uploaded, and {limit_bytes / 2**20:.0f} MiB are "
            f"allowed; the largest: {named}: name what is not needed in .rayignore, or give a smaller --working-dir"
        )
    return total


def write_zip(members: Mapping[str, Path], to: Path) -> None:
    """Pack `members` (name in the zip -> file); the same members make the same bytes."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _STAMP)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o755 if os.access(members[name], os.X_OK) else 0o644) << 16
            archive.writestr(info, members[name].read_bytes())
