"""Files that are written in one step, whole or not at all, and files that only one of several can make."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from operators.core.storage import is_local


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` to `path`; folders on the way are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name[:80]}.{secrets.token_hex(6)}.part")
    try:
        with draft.open("xb") as file:
            file.write(data)
        os.replace(draft, path)  # noqa: PTH105
    except BaseException:
        with suppress(FileNotFoundError):
            draft.unlink()
        raise


def create(fs: Any, path: str, data: bytes) -> None:
    """Make a file or an object that was not there, on any fsspec file system.

    Raises:
        FileExistsError: it is there; of several that try, one makes it.
    """
    if is_local(fs):
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(data)
        return
    try:
        fs.pipe_file(path, data, mode="create")
    except OSError as error:
        if "precondition" in str(error).lower().replace("-", "").replace(" ", "") or "412" in str(error):
            raise FileExistsError(path) from error
        raise
