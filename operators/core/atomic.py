"""Atomic file operations: replace a file completely or not at all, and create a file that does not exist yet."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from operators.core.causes import name_place
from operators.core.folders import make_folder
from operators.core.storage import is_local


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically. Missing parent folders are created."""
    make_folder(path.parent)
    draft = path.with_name(f".{path.name[:80]}.{secrets.token_hex(6)}.part")
    try:
        with draft.open("xb") as file:
            file.write(data)
        os.replace(draft, path)  # noqa: PTH105
    except BaseException as error:
        with suppress(FileNotFoundError):
            draft.unlink()
        name_place(error, str(path))
        raise


def create(fs: Any, path: str, data: bytes) -> None:
    """Create a file or object that does not exist, on any fsspec file system.

    Raises:
        FileExistsError: it exists. If several processes try simultaneously, exactly one succeeds.
    """
    if is_local(fs):
        target = Path(path)
        make_folder(target.parent)
        with target.open("xb") as file:
            file.write(data)
        return
    try:
        fs.pipe_file(path, data, mode="create")
    except OSError as error:
        if "precondition" in str(error).lower().replace("-", "").replace(" ", "") or "412" in str(error):
            raise FileExistsError(path) from error
        raise
