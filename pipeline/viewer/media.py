"""Sources of videos, served by byte ranges: only videos of the output that have not changed since."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operators.core.base import ItemError, Row
from operators.core.causes import explained
from operators.core.storage import file_system
from operators.core.uris import local_path
from operators.video.version import check_video

_CHUNK_BYTES = 2**20
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")

_TYPES = {  # container as named by the probe -> media type; QuickTime is served as MP4
    "mp4": "video/mp4",
    "mov": "video/mp4",
    "matroska": "video/x-matroska",
    "webm": "video/webm",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "ogg": "video/ogg",
    "flv": "video/x-flv",
    "asf": "video/x-ms-asf",
    "mpeg": "video/mpeg",
}
_CODECS = {  # codec -> an RFC 6381 string of a common profile, to ask the browser with
    "h264": "avc1.640028",
    "hevc": "hvc1.1.6.L120.B0",
    "av1": "av01.0.08M.08",
    "vp8": "vp8",
    "vp9": "vp9",
    "mpeg4": "mp4v.20.9",
    "theora": "theora",
}


class RangeNotSatisfiable(Exception):
    """The request is for bytes beyond the file, or for more than one range."""


@dataclass(frozen=True)
class Opened:
    """A source that can be read.

    Attributes:
        uri: URI of the file; size_bytes: its size; media_type: the Content-Type.
    """

    uri: str
    size_bytes: int
    media_type: str

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes `[start, end)` in pieces of a megabyte."""
        path = local_path(self.uri)
        if path is not None:
            with Path(path).open("rb") as file:
                yield from _pieces(file, start, end)
        else:
            fs, where = file_system(self.uri)
            with fs.open(where, "rb", block_size=4 * _CHUNK_BYTES) as file:
                yield from _pieces(file, start, end)


def media_type(container: str | None) -> str:
    """Return the media type for a container; never one that a browser would execute or render."""
    name = (container or "").split(",")[0]
    return _TYPES.get(name, "application/octet-stream")


def asked_type(video: Row) -> str:
    """Return the type to pass to a browser's `canPlayType`; empty if browsers do not play it."""
    kind, codec = media_type(video.get("container")), _CODECS.get(video.get("codec") or "")
    if kind == "application/octet-stream" or codec is None:
        return ""
    return f'{kind}; codecs="{codec}"'


def open_source(video: Row) -> Opened:
    """Open the source of a video.

    Args:
        video: a row of `rows.VIDEO`.

    Raises:
        ItemError: it could not be probed, is not a regular file, no longer exists, or has changed.
    """
    uri = video["uri"]
    if video.get("failure") is not None or video.get("duration_s") is None:
        raise ItemError("unreadable", f"{uri} could not be read by the run, so it is not shown")
    path = local_path(uri)
    try:
        check_video(uri, video.get("source_version"))
        if path is not None:
            state = os.stat(path)  # noqa: PTH116
            if not stat.S_ISREG(state.st_mode):
                raise ItemError("unreadable", f"{uri} is not a regular file")
            size = state.st_size
        else:
            fs, where = file_system(uri)
            size = int(fs.size(where) or 0)
    except FileNotFoundError as error:
        raise ItemError("unreadable", f"{uri} no longer exists, or is not on this machine") from error
    except (OSError, ValueError, ImportError) as error:
        raise ItemError("unreadable", f"{uri} cannot be read here: {explained(error)}") from error
    return Opened(uri=uri, size_bytes=size, media_type=media_type(video.get("container")))


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the bytes `[start, end)` that a Range header requests; None: all of them.

    Media players request one range. More than one is refused, since thousands of ranges would be costly.

    Raises:
        RangeNotSatisfiable: the range is not satisfiable (RFC 9110, 15.5.17), or there is more than one.
    """
    text = (header or "").lower().replace(" ", "")
    if not text.startswith("bytes="):
        return None
    found = _RANGE.fullmatch(text)
    if found is None or not (found[1] or found[2]):
        raise RangeNotSatisfiable
    if not found[1]:  # the last n bytes
        count = int(found[2])
        if not count or not size:
            raise RangeNotSatisfiable
        return max(0, size - count), size
    start = int(found[1])
    end = min(size, int(found[2]) + 1) if found[2] else size
    if start >= size or end <= start:
        raise RangeNotSatisfiable
    return start, end


def _pieces(file: Any, start: int, end: int) -> Iterator[bytes]:
    file.seek(start)
    left = end - start
    while left > 0:
        data = file.read(min(_CHUNK_BYTES, left))
        if not data:
            return
        left -= len(data)
        yield data
