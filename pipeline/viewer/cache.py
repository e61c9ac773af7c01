"""A folder of the user for frames and previews: what was used least recently goes when it grows too large.

It is only a cache: everything in it can be made again, and its names are hashes, so no input decides where a file lies.
"""

from __future__ import annotations

import os
import secrets
import stat
import threading
from contextlib import suppress
from pathlib import Path

from operators.core.fingerprint import digest

_ROOM_BYTES = 4 * 2**30
_CHECK_EVERY = 200  # files written between two looks at how much there is


def cache_folder() -> Path:
    """`longcap/viewer` in the user's cache folder (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "longcap" / "viewer"


class Cache:
    """Files by key.

    Args:
        folder: made if it is not there, closed to others; None: `cache_folder()`.
        room_bytes: what all files may take together.
    """

    def __init__(self, folder: Path | None = None, *, room_bytes: int = _ROOM_BYTES) -> None:
        self.folder = folder or cache_folder()
        self._room_bytes = room_bytes
        self._written = 0
        self._lock = threading.Lock()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        state = self.folder.lstat()
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
            raise OSError(f"{self.folder} is not a folder of yours")
        self._prune()

    def path(self, *key: object, suffix: str) -> Path:
        """Where the file of a key lies, or is to lie."""
        return self.folder / f"{digest([str(k) for k in key], hex_digits=32)}{suffix}"

    def read(self, path: Path) -> bytes | None:
        """Content of a file; None where it is not there."""
        with suppress(OSError):
            data = path.read_bytes()
            os.utime(path)
            return data
        return None

    def write(self, path: Path, data: bytes) -> None:
        """Write a file in one step; a full disk costs only the next reader time."""
        partial = self.partial(path)
        try:
            partial.write_bytes(data)
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            return
        self.grown()

    def partial(self, path: Path) -> Path:
        """A name beside `path` for a file that is being made."""
        return path.with_name(f"{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")

    def grown(self) -> None:
        """A file more is there."""
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
