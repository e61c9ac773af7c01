"""Creation of local folders, with errors that say why it is not possible."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Create a folder with its parents, if it does not exist.

    Raises:
        NotADirectoryError: it or one of its parents is a file.
        PermissionError: no folder can be created there, as in /proc.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=mode)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from error
    except FileNotFoundError as error:
        raise PermissionError(errno.EACCES, "no folder can be created there", str(path)) from error
