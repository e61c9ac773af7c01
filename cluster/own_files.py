"""Files that a command writes into a folder of the user's: only those that it wrote itself are replaced."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path


def check_own(files: Iterable[Path], ours: Callable[[Path, bytes], bool], *, force: bool) -> None:
    """Refuse to replace files that somebody else has made or changed.

    Args:
        ours: whether a file with this content is one that the command itself has written.
        force: replace whatever is there.

    Raises:
        FileExistsError: one is there and is not ours, or is a link; one line that names it.
    """
    for path in files:
        if force or not (path.exists() or path.is_symlink()):
            continue
        if path.is_symlink() or not path.is_file() or not ours(path, path.read_bytes()):
            raise FileExistsError(f"{path} is there, and this command did not write it: name another place, or --force")


def write_files(texts: Mapping[Path, str]) -> None:
    """Write each file in one step, in place of what was there; a link is replaced, not what it names."""
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)  # noqa: PTH105
