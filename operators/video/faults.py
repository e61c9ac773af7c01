"""Failures to read an input or to open it with FFmpeg, classified by cause."""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import Any

from operators.core.base import ItemError
from operators.core.causes import explained
from operators.core.uris import foreign_host

_NO_RANGES = "its web server does not answer range requests; copy the file to a disk, a store or a server that does"


def check_local(uri: str, path: str) -> None:
    """Raise an `ItemError` if a local file cannot be read or is empty."""
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise ItemError("unreadable", f"{uri} is a folder, not a video")
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for a writer that may never come
            raise ItemError("unreadable", f"{uri} is a pipe, a socket or a device, not a file")
        with Path(path).open("rb"):
            pass
    except FileNotFoundError as error:
        raise ItemError("unreadable", f"{uri} does not exist") from error
    except PermissionError as error:
        raise ItemError("unreadable", f"{uri} may not be read: permission denied") from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENAMETOOLONG):
            raise ItemError("unreadable", f"{uri} leads to no file: {error.strerror}") from error
        raise ItemError("storage", f"{uri}: {explained(error)}") from error
    except ValueError as error:  # such as a zero byte
        raise ItemError("unreadable", f"{uri!r} is no name of a file: {error}") from error
    if status.st_size == 0:
        raise empty(uri)


def storage_error(uri: str, error: Exception) -> ItemError:
    """The failure of an item for an exception of fsspec's file object."""
    if isinstance(error, ItemError):
        return error
    if isinstance(error, FileNotFoundError):
        return ItemError("unreadable", f"{uri} does not exist")
    if isinstance(error, PermissionError) or "ACCESS_DENIED" in str(error):  # as Arrow puts it
        return ItemError("unreadable", f"{uri} may not be read: permission denied")
    if why := foreign_host(uri):
        return ItemError("unreadable", f"{uri} cannot be opened: {why}")
    if isinstance(error, ImportError | ValueError):  # fsspec: no such protocol, or its package is not installed
        said = _NO_RANGES if "range requests" in str(error) else error  # as fsspec puts it
        return ItemError("unreadable", f"{uri} cannot be opened: {said}")
    return ItemError("storage", f"{uri}: reading failed: {explained(error)}")


def empty(uri: str) -> ItemError:
    """The failure of an empty file."""
    return ItemError("undecodable", f"{uri} is empty (0 bytes)")


def missing_index(file: Any) -> str | None:
    """Walk the top boxes of an ISO media file (ISO/IEC 14496-12, 4.2): a `ftyp` without a `moov` was cut short."""
    position = 0
    names: list[bytes] = []
    while len(names) < 1000:
        file.seek(position)
        head = file.read(16)
        if len(head) < 8:
            break
        size, name = int.from_bytes(head[:4], "big"), head[4:8]
        if not names and name not in (b"ftyp", b"mdat", b"wide", b"moov", b"free", b"skip"):
            return None
        names.append(name)
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size < 8:
            break
        position += size
    if names and b"moov" not in names:
        return "an MP4 without its index (no moov box): cut short, or still being written"
    return None
