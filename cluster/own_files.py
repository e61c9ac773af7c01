"""Write files of a command into a folder of the user, replacing only files that the command wrote."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path


def check_own(files: Iterable[Path], ours: Callable[[Path, bytes], bool], *, force: bool) -> None:
    """Refuse to replace files that the user has made or changed.

    Args:
        ours: returns whether a file with this content was written by the command.
        force: replace existing files.

    Raises:
        FileExistsError: a file exists and was not written by the command, or is a link; one line that names it.
    """
    for path in files:
        if force or not (path.exists() or path.is_symlink()):
            continue
        if path.is_symlink() or not path.is_file() or not ours(path, path.read_bytes()):
            raise FileExistsError(f"{path} exists, and this command did not write it: give another folder, or --force")


def write_files(texts: Mapping[Path, str]) -> None:
    """Write each file atomically, replacing an existing one; a link is replaced, not its target."""
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent)) from error
        except FileNotFoundError as error:
            raise PermissionError(errno.EACCES, "no folder can be created there", str(path.parent)) from error
        draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)  # noqa: PTH105
