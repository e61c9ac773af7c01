"""Ranged reads of remote files with few requests and few unneeded bytes.

A decoder reads the index, seeks to its segment and then reads sequentially. The buffer is therefore small after a seek
and grows during sequential reads. At most the last and largest request, a few seconds of the video, reads beyond the
end of a segment. `bench/ranged.py` compares this with other methods on a real S3 server.

The bytes read to open a container (header and index, megabytes for a long MP4) are cached on the node's disk, so that
the segments of a video fetch them once per node. They are cached under the file's size and stamp (its ETag, or the
time of its last change); those of a file without a stamp are not cached.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import struct
import tempfile
from pathlib import Path
from typing import Any

from operators.core import web
from operators.core.storage import file_system, s3_path
from operators.video.stamp import file_of_info

FIRST_BYTES = 64 * 1024  # after a jump: a keyframe, or a few
LARGEST_BYTES = 1024 * 1024  # reading on in order: about a second of 1080p film
LARGEST_S = 4.0  # of the video on average: 1 MiB would be half a minute of a talk, and a quarter of its segment
_KEPT_BYTES = 64 * 2**20  # of one file's opening
_KEPT_ALL_BYTES = 2**30  # of all files'
_KEPT_NAME = re.compile(r"[0-9a-f]{64}")


class RangedFile:
    """A remote file, read by ranges through a growing buffer.

    Args:
        uri: anything that fsspec or, for `s3://`, Arrow opens.

    Attributes:
        size_bytes: size of the file.
        bytes_fetched: number of bytes read over the network so far.

    Raises:
        OSError: an error of the storage.
    """

    def __init__(self, uri: str) -> None:
        self._file, self.size_bytes, stamp = _open(uri)
        self.bytes_fetched = 0
        self._position = 0
        self._start, self._buffer = 0, b""
        self._request = FIRST_BYTES
        self._largest = LARGEST_BYTES
        folder = _node_folder() if stamp is not None else None  # another content could not be told apart
        name = hashlib.sha256(f"{uri}\n{self.size_bytes}\n{stamp}".encode()).hexdigest()
        self._kept_at = folder / name if folder is not None else None
        self._kept = _load(self._kept_at) if self._kept_at is not None else []
        self._opening: list[tuple[int, bytes]] | None = None if self._kept or folder is None else []

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes from here; all of them unless the file ends."""
        end = self.size_bytes if size < 0 else min(self.size_bytes, self._position + size)
        pieces = []
        while self._position < end:
            piece = self._here()[: end - self._position]
            pieces.append(piece)
            self._position += len(piece)
        return b"".join(pieces)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def opened(self, duration_s: float = 0.0) -> None:
        """The container is open: what was fetched up to here is kept for its other segments on this node.

        Args:
            duration_s: what the container says of its length; 0 where it says nothing.
        """
        if duration_s:
            self._largest = min(LARGEST_BYTES, max(FIRST_BYTES, round(LARGEST_S * self.size_bytes / duration_s)))
        if self._opening and self._kept_at is not None:
            _save(self._kept_at, self._opening)
            self._kept = self._opening  # whoever looks at header and index again does not fetch them again
        self._opening = None

    def close(self) -> None:
        self._file.close()

    def _here(self) -> bytes:
        """What is at hand from the present position on, at least one byte."""
        at = self._position - self._start
        if 0 <= at < len(self._buffer):
            return self._buffer[at:]
        for start, data in self._kept:
            if start <= self._position < start + len(data):
                return data[self._position - start :]
        in_order = self._buffer and at == len(self._buffer)
        self._request = min(2 * self._request, self._largest) if in_order else FIRST_BYTES
        length = min(self._request, self.size_bytes - self._position)
        self._buffer, self._start = web.retried(lambda: self._fetch(length)), self._position
        if not self._buffer:
            raise OSError(f"the file ended at byte {self._position} of {self.size_bytes}")
        self.bytes_fetched += len(self._buffer)
        if self._opening is not None:
            self._opening.append((self._start, self._buffer))
            if sum(len(data) for _, data in self._opening) > _KEPT_BYTES:
                self._opening = None
        return self._buffer

    def _fetch(self, length: int) -> bytes:
        self._file.seek(self._position)
        return bytes(self._file.read(length))


def _open(uri: str) -> tuple[Any, int, str | None]:
    """An unbuffered file object, its size, and a stamp that changes with its content; None where none is known."""
    if uri.startswith("s3://"):
        files, path = s3_path(uri)
        stored = files.open_input_file(path)
        return stored, int(stored.size()), file_of_info({"ETag": stored.metadata()["ETag"].decode()}).stamp
    found, path = file_system(uri)
    is_web = uri.startswith(("http://", "https://"))
    details = web.details(found, path) if is_web else found.info(path)
    known = {"size": details["size"]} if is_web and details["size"] else {}  # else it would be asked for again
    file = found.open(path, "rb", cache_type="none", **known)
    size = int(details["size"] if details.get("size") is not None else file.seek(0, os.SEEK_END))
    return file, size, file_of_info(details).stamp


def _node_folder() -> Path | None:
    """Where openings are kept on this node; None: nowhere, for others could write what stands there.

    Anybody may make a folder or a link of that name in the temporary folder. It is used only if it is a folder, ours
    and closed to others, and if others cannot put another one in its place.
    """
    parent = Path(tempfile.gettempdir())
    folder = parent / f"longcap-index-{os.getuid()}"
    try:
        above = parent.stat()
        folder.mkdir(mode=0o700, exist_ok=True)  # of a link to a folder it says that it is there: hence lstat
        state = folder.lstat()
    except OSError:
        return None
    is_ours = stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid() and not state.st_mode & 0o077
    is_fixed = bool(above.st_mode & stat.S_ISVTX) or (
        above.st_uid in (0, os.getuid()) and not above.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )
    return folder if is_ours and is_fixed else None


def _load(path: Path) -> list[tuple[int, bytes]]:
    """What another opening of the same file kept, as (offset, bytes); empty where none did, or it is damaged."""
    try:
        data = path.read_bytes()
        os.utime(path)
        (count,) = struct.unpack_from("<Q", data)
        spans = struct.unpack_from(f"<{2 * count}Q", data, 8)
        at, found = 8 + 16 * count, []
        for start, length in zip(spans[::2], spans[1::2], strict=True):
            found.append((start, data[at : at + length]))
            at += length
        return found if at == len(data) else []
    except (OSError, struct.error):
        return []


def _save(path: Path, pieces: list[tuple[int, bytes]]) -> None:
    """Keep an opening, whole or not at all; the oldest ones make room. A full disk only costs the saving."""
    head = struct.pack(f"<{1 + 2 * len(pieces)}Q", len(pieces), *(n for start, d in pieces for n in (start, len(d))))
    with contextlib.suppress(OSError):
        kept = (p for p in path.parent.iterdir() if _KEPT_NAME.fullmatch(p.name))
        others = sorted(kept, key=lambda p: p.stat().st_mtime)
        room = _KEPT_ALL_BYTES - sum(p.stat().st_size for p in others) - sum(len(d) for _, d in pieces)
        for other in others:
            if room >= 0:
                break
            room += other.stat().st_size
            other.unlink()
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            file.write(head)
            file.writelines(d for _, d in pieces)
        Path(file.name).replace(path)
