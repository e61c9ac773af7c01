"""What storage says of a file: its size, and a stamp that changes when its bytes may have."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_STAMPS = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "Last-Modified", "mtime", "created")


@dataclass(frozen=True)
class File:
    """Size and ETag (or the time of the last change); both None where nothing is known of it."""

    size_bytes: int | None = None
    stamp: str | None = None


def file_of_status(status: os.stat_result) -> File:
    """What `os.stat` says of a local file; the same of every pipe, device and folder: they hold nothing to compare."""
    if not stat.S_ISREG(status.st_mode):
        return File(None, "not a regular file")
    return File(status.st_size, str(status.st_mtime_ns))


def file_of_info(info: Mapping[str, Any]) -> File:
    """What a file system of fsspec says of a file."""
    stamp = next((str(info[key]).strip('"') for key in _STAMPS if info.get(key)), None)
    size = info.get("size")
    return File(None if size is None else int(size), stamp)
