"""Check that an output location can be written, read, listed and removed from, with one small object."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from operators.core.causes import explained
from operators.core.storage import adopt, file_system, is_local


@dataclass(frozen=True, kw_only=True)
class StorageFacts:
    """The result of the check.

    Attributes:
        seconds: time for writing, reading, listing and removing one object.
        clock_s: the store's clock minus this machine's, to a second; None if the store reports no time.
        error: the failure, in one line.
    """

    seconds: float = 0.0
    clock_s: float | None = None
    error: str | None = None


def probe_storage(out: str, variables: Mapping[str, str]) -> StorageFacts:
    """Write, read, list and remove `OUT/runs/.probe-…`, and remove the folders that were made for it.

    Args:
        variables: the driver's `operators.core.storage.environment()`, which every actor of a run receives.
    """
    adopt(variables)
    step, body = "reach", secrets.token_bytes(64)
    began, clock = time.time(), None
    made: list[Path] = []
    try:
        fs, root = file_system(out)
        folder = f"{root.rstrip('/')}/runs"
        path = f"{folder}/.probe-{secrets.token_hex(8)}"
        step = "write to"
        if is_local(fs):
            made = _missing(Path(folder))
            fs.makedirs(folder, exist_ok=True)
        fs.pipe_file(path, body)
        try:
            step = "read"
            fs.invalidate_cache()
            if fs.cat_file(path) != body:
                return StorageFacts(error=f"{out} returns different bytes than were written")
            step = "list"
            if not any(str(name).rstrip("/").endswith(path.rpartition("/")[2]) for name in fs.ls(folder, detail=False)):
                return StorageFacts(error=f"{out} does not list an object that was just written")
            changed = fs.info(path).get("LastModified")
            if isinstance(changed, datetime):
                clock = (changed.replace(tzinfo=changed.tzinfo or UTC)).timestamp() - began
            step = "remove from"
        finally:
            with suppress(FileNotFoundError):
                fs.rm_file(path)
            with suppress(OSError):  # another process has written there in the meantime
                for one in made:
                    one.rmdir()
    except Exception as error:  # clients of stores raise errors of any type
        return StorageFacts(error=f"cannot {step} {out}: {explained(error)}")
    return StorageFacts(seconds=time.time() - began, clock_s=clock)


def _missing(folder: Path) -> list[Path]:
    """Return the folders that must be made for `folder`, the innermost first."""
    return [one for one in (folder, *folder.parents) if not one.exists()]
