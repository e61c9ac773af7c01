"""A cache folder of the user for frames and previews; the least recently used files are deleted when it grows too
large.

Everything in it can be made again. File names are hashes, so no input decides where a file lies.
"""

from __future__ import annotations

import os
import secrets
import stat
import threading
from contextlib import suppress
from pathlib import Path

from operators.core.fingerprint import digest
from operators.core.folders import make_folder

_ROOM_BYTES = 4 * 2**30
_CHECK_EVERY = 200  # files written between two checks of the size


def cache_folder() -> Path:
    """Return `longcap/viewer` in the user's cache folder (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "longcap" / "viewer"


class Cache:
    """Files by key.

    Args:
        folder: created if it does not exist, without access for other users; None: `cache_folder()`.
        room_bytes: maximum size of all files together.
    """

    def __init__(self, folder: Path | None = None, *, room_bytes: int = _ROOM_BYTES) -> None:
        self.folder = folder or cache_folder()
        self._room_bytes = room_bytes
        self._written = 0
        self._lock = threading.Lock()
        make_folder(self.folder, mode=0o700)
        state = self.folder.lstat()
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
            raise OSError(f"{self.folder} does not belong to you")
        self._prune()

    def path(self, *key: object, suffix: str) -> Path:
        """Return the path of the file of a key, whether it exists or not."""
        return self.folder / f"{digest([str(k) for k in key], hex_digits=32)}{suffix}"

    def read(self, path: Path) -> bytes | None:
        """Return the content of a file; None if it does not exist."""
        with suppress(OSError):
            data = path.read_bytes()
            os.utime(path)
            return data
        return None

    def write(self, path: Path, data: bytes) -> None:
        """Write a file atomically. If the disk is full, the file is not cached."""
        partial = self.partial(path)
        try:
            partial.write_bytes(data)
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            return
        self.grown()

    def partial(self, path: Path) -> Path:
        """Return a temporary name beside `path`."""
        return path.with_name(f"{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")

    def grown(self) -> None:
        """Count a new file, and prune the folder from time to time."""
        with self._lock:
            self._written += 1
            if self._written % _CHECK_EVERY == 0:
                self._prune()

    def _prune(self) -> None:
        found = []
        for entry in os.scandir(self.folder):
            with suppress(OSError):
                if entry.is_file(follow_symlinks=False):
                    state = entry.stat(follow_symlinks=False)
                    found.append((state.st_mtime, state.st_size, entry.path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._room_bytes:
                break
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108
                total -= size
